"""The deployer says itself that it failed: taken back once, where something may have changed and a way back was verified
(D5); else left as it is, with the reason told once."""

from collections.abc import Callable
from typing import Any

import pytest

from bot.domain.deployment import Run, RunResult
from bot.flows.failed_call import fail_call
from bot.flows.run import carry_out
from tests.flows import rolling
from tests.flows.fakes import OLD_DIGEST, OLD_TAG, TAG, PowerCut
from tests.flows.going_back import RUNS, RUNS_NOT, ask_back
from tests.flows.policy_text import LEFT_TO_PEOPLE, ONE_SEAT
from tests.flows.watching import rollbacks
from tests.flows.world import HOUR, MINUTE, World

pytestmark = pytest.mark.requirement("D5")
WORKS = RunResult(succeeded=True, code="exit-0", output="done\n")
NO_GATE = ("      rollback-target:    {}\n", "")


def fails(world: World, code: str = "exit-3", *, made: bool = True, always: bool = False) -> None:
    """The next call fails; what follows works, but where it `always` fails."""
    world.deployer.result = RunResult(succeeded=False, code=code, output="boom\n", made=made)

    async def once(run: Run) -> None:
        if run.rolls_back and not always:
            world.deployer.result = WORKS

    world.deployer.during = once


def says(world: World, *, new: RunResult | None, old: RunResult | None) -> list[str]:
    """What the deployer's status says of the two versions until one is rolled back; gives what it was asked about."""
    asked: list[str] = []

    async def look_up(run: Run) -> RunResult | None:
        asked.append(run.artifact.tag)
        if world.deployer.rolled_back:
            return RUNS
        return new if run.artifact.tag == TAG else old

    world.deployer.look_up = look_up  # type: ignore[method-assign]
    return asked


async def approved(world: World, *changes: tuple[str, str]) -> None:
    """DEP-1 is approved and about to be called; nothing is owed."""
    await world.reload(ONE_SEAT, *changes)
    await world.ready()
    await world.ask()
    await world.run_timers()
    await world.sign("ada")
    await world.fire("evaluate", "DEP-1")
    await world.deliveries()


async def why_not(world: World) -> str | None:
    """Why DEP-1 was not taken back, by its record; None where it was."""
    taken = (await rolling.run(world)).taken_back
    assert taken is not None
    return taken.why_not


async def is_taken_back(world: World) -> None:
    (back,) = await rollbacks(world)
    assert (back.state.value, back.artifact.tag, back.rolls_back) == ("live", OLD_TAG, "DEP-1")
    assert await world.approvals(back.id) == {}
    assert [r.artifact.tag for r in world.deployer.rolled_back] == [OLD_TAG]
    assert (await rolling.run(world)).taken_back is not None
    assert await why_not(world) is None


@pytest.mark.requirement("P15")
@pytest.mark.parametrize("code", ["exit-3", "timed-out", "signal-9"])
@pytest.mark.parametrize(
    ("new", "old"),
    [
        (None, None),
        (RUNS, None),
        (RUNS, RUNS),
        (RUNS_NOT, RUNS_NOT),
        (RUNS_NOT, None),
        (None, RUNS),
    ],
    ids=["nobody-knows", "new-runs", "both-run", "neither-runs", "old-unknown", "new-unknown"],
)
async def test_what_may_run_there_after_a_failed_start_is_taken_back(
    world: World, code: str, new: RunResult | None, old: RunResult | None
) -> None:
    says(world, new=new, old=old)
    await approved(world)
    fails(world, code)
    await world.run_timers()
    await is_taken_back(world)
    request = await world.request()
    assert (request.state.value, request.closing and request.closing.code) == ("failed", code)
    (incident,) = await world.incidents()
    assert (incident.suspect, incident.rolled_back_by) == ("DEP-1", "DEP-2")
    assert (await world.request("DEP-2")).ticket == incident.id
    told = {d.facts["code"] for d in await world.deliveries("rollback-note")}
    assert told == {"rolled-back", "taken-back"}, "everybody, and whoever brought it; nobody is called"


async def test_where_the_old_version_runs_and_the_new_one_does_not_there_is_nothing_to_take_back(
    world: World,
) -> None:
    asked = says(world, new=RUNS_NOT, old=RUNS)
    await approved(world)
    fails(world)
    await world.run_timers()
    assert asked == [TAG, OLD_TAG]
    assert (await rollbacks(world), await why_not(world)) == ([], "old-runs")
    assert world.deployer.rolled_back == []


async def test_the_status_is_asked_for_the_old_version_as_after_a_rollback(world: World) -> None:
    seen: list[Run] = []

    async def look_up(run: Run) -> RunResult | None:
        seen.append(run)
        return RUNS_NOT if run.artifact.tag == TAG else RUNS

    world.deployer.look_up = look_up  # type: ignore[method-assign]
    await rolling.rolling(world)
    fails(world)
    await world.run_timers()
    new, old = seen
    assert (new.rolls_back, new.aim) == (False, 25)
    assert (old.rolls_back, old.aim, old.artifact.digest) == (True, 100, OLD_DIGEST)
    assert await why_not(world) == "old-runs"


async def test_a_status_that_raises_is_not_knowing(world: World) -> None:
    async def broken(_run: Run) -> RunResult | None:
        raise OSError("no route")

    world.deployer.look_up = broken  # type: ignore[method-assign]
    await approved(world)
    fails(world)
    await world.run_timers()
    assert [r.rolls_back for r in await rollbacks(world)] == ["DEP-1"]


@pytest.mark.requirement("F5")
async def test_a_shift_that_failed_is_taken_back_whatever_the_status_says(world: World) -> None:
    asked = says(world, new=RUNS_NOT, old=RUNS)
    await rolling.rolling(world)
    await world.run_timers()
    fails(world)
    await world.pass_time(5 * MINUTE)
    assert await rolling.stands(world) == ("failed", 25)
    assert asked == [OLD_TAG], "only the rollback looked whether it is done"
    await is_taken_back(world)


def gone(world: World) -> None:
    world.deployers.deployer = None


def raises(world: World) -> None:
    async def broken(_run: Run) -> None:
        raise OSError("disk full")

    world.deployer.during = broken


@pytest.mark.parametrize(
    ("changes", "fault", "why"),
    [
        ((LEFT_TO_PEOPLE,), fails, "switched-off"),
        ((NO_GATE,), fails, "no-verified-target"),
        ((), gone, "not-called"),
        ((), lambda world: fails(world, "not-found", made=False), "not-called"),
        ((), raises, "broke-off"),
    ],
    ids=["switched-off", "no-gate", "no-deployer", "not-found", "raised"],
)
async def test_what_is_left_to_people_says_why_and_calls_them_once(
    world: World, changes: tuple[tuple[str, str], ...], fault: Callable[[World], None], why: str
) -> None:
    asked = says(world, new=RUNS, old=None)
    await approved(world, *changes)
    fault(world)
    await world.run_timers()
    assert await world.state_of() == "failed"
    assert (await rollbacks(world), await why_not(world), asked) == ([], why, [])
    owed = await world.deliveries()
    (note,) = [d.facts for d in owed if d.kind == "request-note" and d.facts["code"] == "failed"]
    assert note["why_not"] == why
    (told,) = [
        d.facts for d in owed if d.kind == "incident-note" and d.facts["code"] == "no-automatic-rollback"
    ]
    assert told["why_not"] == why
    assert len([d for d in owed if d.kind == "page"]) == 1
    assert [d for d in owed if d.kind == "rollback-note"] == [], "the page has called them already"


async def test_where_an_incident_is_open_already_and_nobody_is_paged_anew_people_are_called_all_the_same(
    world: World,
) -> None:
    await approved(world, LEFT_TO_PEOPLE)
    fails(world)
    await world.run_timers()
    await world.ask(fixes="production", reason="Put it right")
    await world.run_timers()
    await world.deliveries()
    await world.approve("ada", request_id="DEP-2")
    assert await world.state_of("DEP-2") == "failed"
    owed = await world.deliveries()
    assert [d for d in owed if d.kind == "page"] == []
    said = [d.facts for d in owed if d.kind == "rollback-note"]
    assert {(s["code"], s["why_not"]) for s in said} == {("no-automatic-rollback", "switched-off")}
    assert len(said) == 2, "the channel of incidents, and whoever is on call"


async def test_what_its_pipeline_says_runs_all_the_same_is_left_to_people(world: World) -> None:
    await approved(world)
    fails(world)

    async def stated(_run: Run) -> None:
        await world.state("deployment", environment="production")

    world.deployer.during = stated
    await world.run_timers()
    assert (await rollbacks(world), await why_not(world)) == ([], "said-to-run")


async def test_what_else_was_brought_there_during_the_call_is_left_alone(world: World) -> None:
    await approved(world)
    fails(world)

    async def stated(_run: Run) -> None:
        await world.state("deployment", artifact="beef123", digest=None, environment="production")

    world.deployer.during = stated
    await world.run_timers()
    assert (await rollbacks(world), await why_not(world)) == ([], "newer-runs")


@pytest.mark.parametrize(
    ("found", "state", "why"), [(RUNS_NOT, "failed", "not-heard"), (None, "unresolved", None)]
)
async def test_an_end_that_the_bot_did_not_hear_is_left_to_people(
    world: World, found: RunResult | None, state: str, why: str | None
) -> None:
    await approved(world)

    async def cut(_run: Run) -> None:
        raise PowerCut

    world.deployer.during = cut
    with pytest.raises(PowerCut):
        await world.run_timers()
    await world.restart()
    world.deployer.found = found
    await world.run_timers()
    assert await world.state_of() == state
    assert await rollbacks(world) == []
    taken = (await rolling.run(world)).taken_back
    assert (taken and taken.why_not) == why
    assert len(world.deployer.looked_up) == 1


async def test_a_crash_while_the_status_is_asked_leaves_a_call_to_be_looked_up_and_no_rollback(
    world: World,
) -> None:
    async def cut(_run: Run) -> RunResult | None:
        raise PowerCut

    asked = world.deployer.look_up
    world.deployer.look_up = cut  # type: ignore[method-assign]
    await approved(world)
    fails(world)
    with pytest.raises(PowerCut):
        await world.run_timers()
    assert await rolling.stands(world) == ("calling", 0)
    world.deployer.look_up = asked  # type: ignore[method-assign]
    world.deployer.found = RUNS_NOT
    await world.restart()
    await world.run_timers()
    assert (await rollbacks(world), await why_not(world)) == ([], "not-heard")


async def test_a_rollback_that_fails_is_not_taken_back_and_its_failure_stays_with_the_incident(
    world: World,
) -> None:
    await approved(world)
    fails(world, always=True)
    await world.run_timers()
    (back,) = await rollbacks(world)
    assert back.state.value == "failed"
    owed = await world.deliveries()
    assert {d.facts["code"] for d in owed if d.kind == "rollback-note"} == {"rollback-failed"}
    (incident,) = await world.incidents()
    assert (incident.suspect, incident.rolled_back_by) == ("DEP-1", "DEP-2")
    assert len([d for d in owed if d.kind == "page"]) == 1
    await world.pass_time(3 * HOUR)
    assert len(world.deployer.rolled_back) == 1
    assert len(await rollbacks(world)) == 1


async def test_two_processes_and_a_restart_make_one_rollback(world: World) -> None:
    await approved(world)
    fails(world)
    for _ in range(3):
        await world.fire("run", "DEP-1/1")
    await world.restart()
    run = await rolling.run(world)
    await carry_out(world.ledger, world.deployers, world.policy, run.id)
    await world.ledger.write(lambda tx: fail_call(tx, world.policy, run, None))
    await world.run_timers()
    await is_taken_back(world)
    await world.pass_time(HOUR)
    await is_taken_back(world)


async def test_the_failure_and_its_rollback_are_written_together_or_not_at_all(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await approved(world)
    fails(world)

    def cut(*_: Any, **__: Any) -> None:
        raise PowerCut

    with monkeypatch.context() as patched:
        patched.setattr("bot.flows.failed_call.take_back", cut)
        with pytest.raises(RuntimeError, match="PowerCut"):
            await world.run_timers()
    assert (await world.state_of(), await rolling.stands(world)) == ("starting", ("calling", 0))
    assert await world.incidents() == []
    assert await rollbacks(world) == []


async def test_a_rollback_that_somebody_asked_for_meanwhile_finds_the_old_version_there(world: World) -> None:
    await approved(world)
    fails(world)
    asking = world.deployer.during
    assert asking is not None

    async def meanwhile(run: Run) -> None:
        if not run.rolls_back:
            await ask_back(world)
        await asking(run)

    world.deployer.during = meanwhile
    await world.run_timers()
    by_itself = [r for r in await rollbacks(world) if r.requester.person is None]
    assert [(r.state.value, r.artifact.tag) for r in by_itself] == [("live", OLD_TAG)]
