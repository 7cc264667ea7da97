"""What is live is watched phase after phase; what fails it is taken back, once, while it is what runs there."""

from dataclasses import replace

import pytest

from bot.domain.audit import Fact
from bot.domain.environment import Colour
from bot.domain.verification import WatchState
from bot.flows.suspects import judge
from bot.ports import Transaction
from tests.flows import rolling
from tests.flows.fakes import DIGEST, NEXT_DIGEST, NEXT_TAG, OLD_DIGEST, OLD_TAG, TAG
from tests.flows.going_back import RUNS, RUNS_NOT
from tests.flows.watching import AT_ONCE, STEPPED, codes, is_taken_back, live, rollbacks, switched_off
from tests.flows.world import DAY, HOUR, MINUTE, World

pytestmark = pytest.mark.requirement("P15")


async def watch_state(world: World) -> WatchState:
    verification = (await rolling.run(world)).verification
    assert verification is not None
    return verification.state


async def red(world: World, times: int = 1) -> None:
    for _ in range(times):
        await world.see("production", "db", Colour.RED)


@pytest.mark.requirement("P19")
async def test_every_phase_that_passes_is_told_with_what_comes_next(world: World) -> None:
    await live(world)
    await world.pass_time(5 * MINUTE)
    (first,) = await rolling.notes(world)
    assert (first["code"], first["phase"], first["next"]) == ("phase-passed", "immediate", "extended")
    await world.pass_time(25 * MINUTE)
    assert await codes(world) == ["phase-passed", "verification-passed"]
    assert await watch_state(world) is WatchState.PASSED
    await world.pass_time(DAY)
    assert await rollbacks(world) == []
    assert (await world.types("run/DEP-1/1")).count("run.phase-ended") == 2


async def test_an_environment_without_phases_or_analyses_is_not_watched(world: World) -> None:
    await live(world, ("    severity: P0\n", "    severity: P0\n    rollout: {restarts_for: 3m}\n"))
    assert (await rolling.run(world)).verification is None
    await world.pass_time(HOUR)
    assert await codes(world) == []


async def test_analyses_without_phases_are_watched_for_the_time_of_a_step(world: World) -> None:
    metrics = await live(world, STEPPED)
    metrics.say(errors=0.3)
    await world.pass_time(MINUTE)
    await is_taken_back(world)


@pytest.mark.requirement("P21")
@pytest.mark.requirement("F8")
async def test_a_failure_in_the_extended_phase_takes_it_back(world: World) -> None:
    metrics = await live(world)
    await world.pass_time(10 * MINUTE)
    await world.deliveries()
    metrics.say(p99=0.61)
    await world.pass_time(MINUTE)
    back = await is_taken_back(world)
    request = await world.request()
    assert request.closing is not None
    assert (request.closing.code, request.closing.reason) == ("rolled-back", back.id)
    assert await watch_state(world) is WatchState.FAILED
    owed = await world.deliveries()
    assert "verification-failed" in {d.facts.get("code") for d in owed}
    assert {"page", "failure-report", "incident-card"} <= {d.kind for d in owed}
    (incident,) = await world.incidents()
    assert (incident.cause.value, incident.suspect, incident.rolled_back_by) == (
        "deployment",
        "DEP-1",
        back.id,
    )
    await world.pass_time(HOUR)
    await is_taken_back(world)


async def test_the_deployers_own_status_that_names_another_version_fails_it(world: World) -> None:
    await live(world)

    async def once(_run: object) -> None:
        world.deployer.found = RUNS

    world.deployer.found, world.deployer.during = (
        RUNS_NOT,
        once,
    )  # the rollback's own look finds what came back
    await world.pass_time(MINUTE)
    await is_taken_back(world)


@pytest.mark.parametrize("values", [{"errors": 0.02}, {"errors": "no-data"}])
async def test_what_is_no_failure_is_told_once_and_its_phase_does_not_pass(
    world: World, values: dict[str, float | str]
) -> None:
    metrics = await live(world)
    metrics.say(**values)
    await world.pass_time(5 * MINUTE)
    assert await codes(world) == ["phase-doubted", "phase-unsure"]
    metrics.say(errors=0.001)
    await world.pass_time(25 * MINUTE)
    assert await codes(world) == ["phase-passed", "verification-unsure"]
    assert await rollbacks(world) == []


@pytest.mark.requirement("P21")
async def test_an_incident_by_the_monitors_with_it_as_the_only_suspect_takes_it_back(world: World) -> None:
    """RED outside of what the phase checks: nothing of the verification but the incident itself says so."""
    change = AT_ONCE[0], AT_ONCE[1].replace("health, ", "").replace("restarts_for: 3m, ", "")
    await live(world, change)
    world.clock.advance(MINUTE / 2)
    await red(world)
    (incident,) = await world.incidents()
    assert incident.suspect == "DEP-1"
    await world.pass_time(MINUTE)
    back = await is_taken_back(world)
    (after,) = await world.incidents()
    assert (after.id, after.rolled_back_by) == (incident.id, back.id), (
        "the incident that there is knows of it"
    )
    owed = {d.kind for d in await world.deliveries()}
    assert {"page", "incident-note"} <= owed


@pytest.mark.requirement("P21")
async def test_what_somebody_said_it_was_not_takes_nothing_back(world: World) -> None:
    change = AT_ONCE[0], AT_ONCE[1].replace("restarts_for: 3m, ", "")
    await live(world, change)
    world.clock.advance(MINUTE / 2)
    await red(world)
    await judge(
        world.ledger, world.policy, world.asker("bo"), "INC-1", "DEP-1", related=False, key=world.key()
    )
    await world.pass_time(40 * MINUTE)
    assert await rollbacks(world) == []
    assert await watch_state(world) is WatchState.UNSURE


@pytest.mark.requirement("P21")
async def test_where_two_changes_may_have_been_it_people_decide(world: World) -> None:
    change = AT_ONCE[0], AT_ONCE[1].replace("restarts_for: 3m, ", "")
    await live(world, change)

    def another(tx: Transaction) -> None:
        request = tx.requests.get("DEP-1")
        assert request is not None
        other = replace(request, id="DEP-77", number=77, service="pages")
        tx.requests.put(other, Fact(type="request.test"))

    await world.ledger.write(another)
    world.clock.advance(MINUTE / 2)
    await red(world)
    await world.pass_time(20 * MINUTE)
    assert await rollbacks(world) == []


async def test_a_restart_that_is_expected_is_no_failure_and_a_crash_loop_is(world: World) -> None:
    mine = (
        "    image: registry.acme.example/checkout\n",
        "    image: registry.acme.example/checkout\n    components: {database: database}\n",
    )
    await live(world, AT_ONCE, mine)
    world.clock.advance(MINUTE / 4)
    await red(world)
    await world.pass_time(MINUTE)
    assert await rollbacks(world) == []
    await world.see("production", "db", Colour.GREEN)
    await world.pass_time(MINUTE / 4)
    assert await rollbacks(world) == []
    await red(world)
    await world.pass_time(MINUTE)
    await is_taken_back(world)
    notes = [e for e in await world.entries("run/DEP-1/1") if e["type"] == "run.verification-failed"]
    assert "crash-loop" in {f["code"] for f in notes[0]["facts"]["findings"]}


async def test_what_was_red_before_it_came_does_not_count_against_it(world: World) -> None:
    """A fix goes out to what is RED: that it is still RED a minute later takes nothing back."""
    metrics = await live(world)
    await world.pass_time(40 * MINUTE)
    await red(world)
    await world.pass_time(5 * MINUTE)
    assert await rollbacks(world) == []
    await world.prove(NEXT_TAG, NEXT_DIGEST)
    fix = await world.ask(artifact=NEXT_TAG, fixes="production")
    await world.run_timers()
    await world.approve("ada", request_id=fix)
    assert await world.state_of(fix) == "live"
    await world.pass_time(3 * MINUTE)
    assert metrics.asked
    assert await rollbacks(world) == []


@pytest.mark.parametrize("how", ["ours", "by its pipeline"])
async def test_what_is_not_the_current_version_any_more_is_never_taken_back(world: World, how: str) -> None:
    metrics = await live(world)
    world.clock.advance(MINUTE / 2)
    if how == "ours":
        await world.prove(NEXT_TAG, NEXT_DIGEST)
        newer = await world.ask(artifact=NEXT_TAG)
        await world.run_timers()
        await world.approve("ada", request_id=newer)
        assert await world.state_of(newer) == "live"
        metrics_then = metrics
        metrics_then.say(errors="no-data")
    else:
        await world.state("deployment", environment="production", artifact=NEXT_TAG, digest=NEXT_DIGEST)
        metrics.say(errors=0.5)
    await world.pass_time(MINUTE)
    assert await watch_state(world) is WatchState.OVER
    assert await rollbacks(world) == []
    assert "verification-over" in await codes(world)


async def test_a_target_that_is_gone_pages_and_says_so(world: World) -> None:
    metrics = await live(world)
    world.registry.digests.pop(OLD_TAG)
    metrics.say(errors=0.5)
    await world.pass_time(2 * MINUTE)
    (back,) = await rollbacks(world)
    assert back.state.value == "refused"
    assert world.deployer.rolled_back == []
    owed = await world.deliveries()
    urgent = [d for d in owed if d.kind == "rollback-note" and d.facts["code"] == "automatic-refused"]
    assert {d.destination for d in urgent} == {"slack:channel:incidents", "slack:user:U03CY"}
    assert urgent[0].facts["gates"] == ["target-not-in-registry", "not-in-registry"]
    assert "page" in {d.kind for d in owed}
    await world.pass_time(HOUR)
    assert len(await rollbacks(world)) == 1


async def test_a_registry_that_is_silent_is_asked_on_and_people_are_told_meanwhile(world: World) -> None:
    metrics = await live(world)
    world.registry.silent = True
    metrics.say(errors=0.5)
    await world.pass_time(10 * MINUTE)
    owed = [d.facts["code"] for d in await world.deliveries("rollback-note")]
    assert owed.count("automatic-waits") == 2, "once in the channel, once to whoever is on call"
    world.registry.silent = False
    await world.pass_time(MINUTE)
    await is_taken_back(world)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (switched_off(AT_ONCE), "switched-off"),
        ((AT_ONCE[0], AT_ONCE[1] + "    # no gate\n"), "no-verified-target"),
    ],
)
async def test_where_it_may_not_people_are_paged_and_told_why(
    world: World, change: tuple[str, str], why: str
) -> None:
    gone = [("      rollback-target:    {}\n", "")] if why == "no-verified-target" else []
    metrics = await live(world, change, *gone)
    metrics.say(errors=0.5)
    await world.pass_time(MINUTE)
    owed = await world.deliveries()
    (urgent, _) = [d.facts for d in owed if d.kind == "rollback-note"]
    assert (urgent["code"], urgent["why_not"]) == ("no-automatic-rollback", why)
    assert {"page", "incident-note"} <= {d.kind for d in owed}
    await world.pass_time(HOUR)
    assert await rollbacks(world) == []


@pytest.mark.requirement("P6")
async def test_no_freeze_and_no_window_holds_it(world: World) -> None:
    metrics = await live(world)
    await rolling.declare(world)
    metrics.say(errors=0.5)
    await world.pass_time(MINUTE)
    await is_taken_back(world)


async def test_a_restart_in_the_middle_and_double_timers_make_one_rollback(world: World) -> None:
    metrics = await live(world)
    await world.pass_time(3 * MINUTE)
    await world.restart()
    metrics.say(errors=0.5)
    await world.pass_time(MINUTE)
    for _ in range(3):
        await world.fire("verify", "DEP-1/1")
    await world.restart()
    for _ in range(3):
        await world.fire("verify", "DEP-1/1")
    await world.pass_time(HOUR)
    await is_taken_back(world)


async def test_phases_that_ended_while_the_bot_was_away_are_each_looked_at_once(world: World) -> None:
    await live(world)
    world.clock.advance(2 * HOUR)
    await world.run_timers()
    assert await codes(world) == ["phase-passed", "phase-passed", "verification-passed"]


@pytest.mark.requirement("P17")
async def test_what_came_back_has_to_get_well_or_on_call_is_told(world: World) -> None:
    metrics = await live(world)
    metrics.say(errors=0.5)
    await world.pass_time(MINUTE)
    back = await is_taken_back(world)
    await world.pass_time(2 * MINUTE)
    (verified,) = [r.verification for r in await world.runs(back.id)]
    assert verified is not None
    assert verified.state is WatchState.PASSED
    assert "rollback-well" in await codes(world)


@pytest.mark.requirement("P17")
async def test_what_came_back_and_stays_red_is_told_to_whoever_is_on_call(world: World) -> None:
    metrics = await live(world)
    metrics.say(errors=0.5)
    await world.pass_time(MINUTE)
    await is_taken_back(world)
    await red(world)
    await world.deliveries()
    await world.pass_time(11 * MINUTE)
    told = [d.facts["code"] for d in await world.deliveries("rollback-note")]
    assert told == ["rollback-unwell"] * 2


async def test_the_old_version_is_what_was_bound_in_the_fingerprint(world: World) -> None:
    await live(world)
    request = await world.request()
    assert request.rollback_target is not None
    assert (request.rollback_target.tag, request.rollback_target.digest) == (OLD_TAG, OLD_DIGEST)
    assert request.bound["rollback_target"] is not None
    assert (request.artifact.tag, request.artifact.digest) == (TAG, DIGEST)
