"""A rollout in steps: each is called once, a hard freeze holds the next one, a window that closes lets it finish."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.domain.audit import Fact
from bot.domain.change_request import Kind
from bot.domain.deployment import ONE_CALL, Run, RunResult
from bot.domain.freeze import FreezeClass
from bot.flows.rollout_step import PATROL
from bot.flows.rollouts import wake_rollouts
from tests.flows import rolling
from tests.flows.fakes import PowerCut
from tests.flows.rolling import ANALYSED, IN_STEPS, SHIFTS, called, declare, lift, notes, stands
from tests.flows.world import HOUR, MINUTE, SECOND, World

FAILS = RunResult(succeeded=False, code="exit-3", output="boom\n")


@pytest.fixture
async def intended(world: World) -> World:
    await rolling.rolling(world)
    return world


@pytest.fixture
async def quarter(intended: World) -> World:
    """A quarter of the traffic has the new version; the next step is due in five minutes."""
    await intended.run_timers()
    assert await stands(intended) == ("between-steps", 25)
    await intended.deliveries()
    return intended


@pytest.mark.requirement("F5")
async def test_every_step_is_one_call_and_the_next_waits_for_the_time_between(intended: World) -> None:
    world = intended
    seen = []
    for _ in range(12):
        await world.run_timers()
        seen.append((await stands(world))[1])
        await world.pass_time(MINUTE)
    assert seen == [25] * 5 + [50] * 5 + [100] * 2
    assert called(world) == [25, 50, 100]
    assert (len(world.deployer.started), len(world.deployer.shifted)) == (1, 2)
    assert await world.state_of() == "live"
    assert await world.types("run/DEP-1/1") == [
        "run.intended", "run.calling", "run.stepped", "run.calling", "run.stepped", "run.calling", "run.succeeded",
    ]  # fmt: skip


@pytest.mark.requirement("F5")
async def test_nothing_counts_as_deployed_before_all_of_the_traffic_has_it(quarter: World) -> None:
    def running(tx: Any) -> list[str]:
        return [e.artifact for e in tx.evidence.deployments("checkout", "production")]

    before = await quarter.ledger.read(running)
    await quarter.pass_time(5 * MINUTE)
    assert await quarter.ledger.read(running) == before
    await quarter.pass_time(5 * MINUTE)
    assert len(await quarter.ledger.read(running)) == len(before) + 1


@pytest.mark.parametrize(
    "changes",
    [(IN_STEPS,), (SHIFTS,), (SHIFTS, (IN_STEPS[0], IN_STEPS[1].replace("25, 50, 100", "100")))],
    ids=["no shift", "no steps", "one step"],
)
async def test_without_a_shift_or_without_steps_it_is_one_call(
    world: World, changes: tuple[tuple[str, str], ...]
) -> None:
    await world.reload(*changes)
    await world.ready()
    await world.ask()
    await world.run_timers()
    await world.approve("ada", "cy")
    assert await world.state_of() == "live"
    assert called(world) == [100]
    assert (await rolling.run(world)).plan == ONE_CALL


async def test_steps_are_settled_with_the_intent_whatever_the_policy_says_later(quarter: World) -> None:
    world = quarter
    await world.reload(SHIFTS, (IN_STEPS[0], IN_STEPS[1].replace("25, 50, 100", "10, 100")))
    await world.pass_time(10 * MINUTE)
    assert called(world) == [25, 50, 100]
    assert await world.state_of() == "live"


# Freezes


@pytest.mark.requirement("P6")
async def test_a_hard_freeze_holds_the_next_step_until_it_is_lifted(quarter: World) -> None:
    world = quarter
    await declare(world)
    await world.run_timers()
    (note,) = await notes(world)
    assert (note["code"], note["rule"], note["percent"], note["until"], note["declared"]) == (
        "frozen", "FRZ-1", 25, None, True,
    )  # fmt: skip
    assert note["command"] == "./deploy.sh production 51be07d"
    await world.pass_time(3 * HOUR)
    assert await stands(world) == ("between-steps", 25)
    await lift(world)
    await world.run_timers()
    assert await stands(world) == ("between-steps", 50)
    assert [n["code"] for n in await notes(world)] == ["thawed", "stepped"]
    types = await world.types("run/DEP-1/1")
    assert (types.count("run.held"), types.count("run.released")) == (1, 1)
    await world.pass_time(5 * MINUTE)
    assert await world.state_of() == "live"


@pytest.mark.requirement("P6")
async def test_it_goes_on_by_itself_at_the_very_end_of_a_freeze(quarter: World) -> None:
    world = quarter
    await declare(world, hours=2)
    await world.pass_time(2 * HOUR - SECOND)
    assert await stands(world) == ("between-steps", 25)
    await world.pass_time(SECOND)
    assert await stands(world) == ("between-steps", 50)


@pytest.mark.requirement("P6")
async def test_a_freeze_that_is_lifted_before_the_step_is_due_costs_no_time_and_saves_none(
    quarter: World,
) -> None:
    world = quarter
    await declare(world)
    await world.pass_time(MINUTE)
    await lift(world)
    await world.run_timers()
    assert await stands(world) == ("between-steps", 25)
    await world.pass_time(4 * MINUTE)
    assert await stands(world) == ("between-steps", 50)


@pytest.mark.requirement("P6")
async def test_a_freeze_that_began_during_a_call_holds_what_follows_it(intended: World) -> None:
    world = intended

    async def meanwhile(_run: Run) -> None:
        world.deployer.during = None
        await declare(world)

    world.deployer.during = meanwhile
    await world.run_timers()
    assert [n["code"] for n in await notes(world)] == ["stepped", "frozen"]
    await world.pass_time(HOUR)
    assert await stands(world) == ("between-steps", 25)


@pytest.mark.requirement("P6")
async def test_a_hard_freeze_holds_what_was_intended_and_not_yet_called(intended: World) -> None:
    world = intended
    await declare(world, hours=1)
    await world.run_timers()
    assert (await stands(world), called(world)) == (("intended", 0), [])
    await world.pass_time(HOUR)
    assert called(world) == [25]


@pytest.mark.requirement("P6")
@pytest.mark.parametrize(
    "changes",
    [
        {"strength": FreezeClass.SOFT},
        {"environments": ("staging",)},
        {"services": ("pages",)},
    ],
)
async def test_a_soft_freeze_and_one_of_elsewhere_hold_nothing(
    quarter: World, changes: dict[str, Any]
) -> None:
    await declare(quarter, **changes)
    await quarter.pass_time(10 * MINUTE)
    assert await quarter.state_of() == "live"


@pytest.mark.requirement("P6")
async def test_a_window_that_closes_lets_a_rollout_finish(world: World) -> None:
    """Friday midnight: every window closes and the weekend prohibits, neither of which is a freeze."""
    world.clock.at = datetime(2026, 11, 14, 4, 52, tzinfo=UTC)  # Friday 23:52 in New York
    await world.reload(SHIFTS, IN_STEPS)
    await world.ready()
    await world.ask(reason="Wanted before the weekend")
    await world.run_timers()
    await world.approve("ada", "cy")
    assert await stands(world) == ("between-steps", 25)
    await world.pass_time(10 * MINUTE)
    assert world.clock.at > datetime(2026, 11, 14, 5, 0, tzinfo=UTC)
    assert await world.state_of() == "live"


@pytest.mark.requirement("P6")
@pytest.mark.parametrize(
    ("in_flight", "state"), [("", "between-steps"), (", in_flight: finish", "succeeded")]
)
async def test_a_freeze_of_the_policy_holds_unless_it_says_finish(
    world: World, in_flight: str, state: str
) -> None:
    freeze = f'{{name: noon, environments: [production], from: "2026-11-10T10:03", to: "2026-11-10T12:00"{in_flight}}}'
    await world.reload(SHIFTS, IN_STEPS, ("  freezes:\n", f"  freezes:\n    - {freeze}\n"))
    await world.ready()
    await world.ask()
    await world.run_timers()
    await world.approve("ada", "cy")
    await world.pass_time(10 * MINUTE)
    assert (await rolling.run(world)).state.value == state
    if state == "between-steps":
        (frozen,) = (await rolling.run(world)).frozen
        assert (frozen.rule, frozen.declared) == ("noon", False)
        assert frozen.until == datetime(2026, 11, 10, 17, 0, tzinfo=UTC)
    await world.pass_time(2 * HOUR)
    assert await world.state_of() == "live"


@pytest.mark.requirement("P6")
async def test_a_rollback_is_never_held_by_a_calendar(quarter: World) -> None:
    def as_rollback(tx: Any) -> None:
        request = tx.requests.get("DEP-1", lock=True)
        tx.requests.put(replace(request, kind=Kind.ROLLBACK), Fact(type="request.test"))

    await quarter.ledger.write(as_rollback)
    await declare(quarter)
    await quarter.pass_time(10 * MINUTE)
    assert await quarter.state_of() == "live"


@pytest.mark.requirement("P6")
async def test_two_freezes_hold_until_both_are_over(quarter: World) -> None:
    world = quarter
    await declare(world, "FRZ-1", hours=1)
    await declare(world, "FRZ-2", hours=2)
    await world.pass_time(90 * MINUTE)
    assert await stands(world) == ("between-steps", 25)
    assert [f.rule for f in (await rolling.run(world)).frozen] == ["FRZ-2"]
    told = [(n["code"], n.get("rule"), n.get("by")) for n in await notes(world)]
    assert told == [("frozen", "FRZ-1", None), ("frozen", "FRZ-2", None), ("thawed", None, ["FRZ-2"])]
    await world.pass_time(30 * MINUTE)
    assert await stands(world) == ("between-steps", 50)


async def test_what_ended_unheard_is_noticed_within_a_patrol(quarter: World) -> None:
    """A reloaded policy or a fetched calendar may end a freeze without telling the rollouts."""
    world = quarter
    freeze = '{name: quiet, environments: [production], from: "2026-11-10T10:01", to: "2026-11-12"}'
    await world.reload(SHIFTS, IN_STEPS, ("  freezes:\n", f"  freezes:\n    - {freeze}\n"))
    await world.pass_time(HOUR)
    assert await stands(world) == ("between-steps", 25)
    await world.reload(SHIFTS, IN_STEPS)
    await world.pass_time(PATROL)
    assert await world.state_of() == "live"


async def test_a_held_rollout_says_what_happened_once_however_often_it_looks(quarter: World) -> None:
    world = quarter
    await declare(world)
    began = world.clock.now()
    for _ in range(3):
        await world.ledger.write(wake_rollouts)
        await world.pass_time(HOUR)
    assert [n["code"] for n in await notes(world)] == ["frozen"]
    assert (await world.types("run/DEP-1/1"))[-2:] == ["run.stepped", "run.held"]
    assert [f.since for f in (await rolling.run(world)).frozen] == [began]


# Analysis


@pytest.mark.requirement("F5")
async def test_a_step_that_should_be_analysed_is_held_until_an_approver_judged_it(world: World) -> None:
    await rolling.rolling(world, ANALYSED)
    await world.run_timers()
    await world.pass_time(HOUR)
    assert [n["code"] for n in await notes(world)] == ["stepped", "no-analysis"]
    await world.ledger.write(wake_rollouts)
    await world.run_timers()
    assert await stands(world) == ("between-steps", 25)
    await rolling.resume(world, "ada", "The dashboards look well")
    await world.run_timers()
    assert await stands(world) == ("between-steps", 50)
    await world.pass_time(HOUR)
    assert await stands(world) == ("between-steps", 50)
    await rolling.resume(world, "ada")
    await world.run_timers()
    assert await world.state_of() == "live"


@pytest.mark.requirement("F5")
async def test_a_step_that_was_judged_early_is_still_watched_for_its_time(world: World) -> None:
    await rolling.rolling(world, ANALYSED)
    await world.run_timers()
    await rolling.resume(world, "ada")
    await world.pass_time(4 * MINUTE)
    assert await stands(world) == ("between-steps", 25)
    await world.pass_time(MINUTE)
    assert await stands(world) == ("between-steps", 50)


# Failures and crashes


@pytest.mark.requirement("F5")
async def test_a_shift_that_fails_fails_the_run_and_says_where_it_stands(world: World) -> None:
    await rolling.rolling(world, (IN_STEPS[0], IN_STEPS[1].replace("{", "{automatic_rollback: false, ", 1)))
    await world.run_timers()
    world.deployer.result = FAILS
    await world.pass_time(5 * MINUTE)
    assert await stands(world) == ("failed", 25)
    request = await world.request()
    assert (request.state.value, request.closing and request.closing.code) == ("failed", "exit-3")
    (note,) = [n for n in await notes(world) if n["code"] == "failed"]
    assert (note["percent"], note["aim"], note["command"]) == (25, 50, "./deploy.sh production 51be07d")
    assert note["why_not"] == "switched-off"
    await world.pass_time(HOUR)
    assert called(world) == [25, 50]


async def test_a_deployer_that_left_the_policy_fails_the_next_step_and_calls_nothing(quarter: World) -> None:
    quarter.deployers.deployer = None
    await quarter.pass_time(5 * MINUTE)
    assert await stands(quarter) == ("failed", 25)
    request = await quarter.request()
    assert request.closing is not None
    assert request.closing.code == "no-deployer"
    assert (await quarter.types("run/DEP-1/1")).count("run.calling") == 1


async def power_cut_at_the_next_step(world: World) -> None:
    async def cut(_run: Run) -> None:
        raise PowerCut

    world.deployer.during = cut
    with pytest.raises(PowerCut):
        await world.pass_time(5 * MINUTE)
    world.deployer.during = None
    await world.restart()


@pytest.mark.requirement("F5")
@pytest.mark.parametrize(
    ("found", "stands_at"),
    [
        (RunResult(succeeded=True, code="looked-up-succeeded", output=""), ("between-steps", 50)),
        (RunResult(succeeded=False, code="looked-up-failed", output=""), ("failed", 25)),
        (None, ("lost", 25)),
    ],
)
async def test_a_crash_during_a_shift_is_looked_up_and_never_sent_again(
    quarter: World, found: RunResult | None, stands_at: tuple[str, int]
) -> None:
    world = quarter
    await power_cut_at_the_next_step(world)
    world.deployer.found = found
    await world.run_timers()
    assert await stands(world) == stands_at
    assert [r.aim for r in world.deployer.looked_up] == [50]
    await world.pass_time(HOUR)
    assert called(world) == ([25, 50, 100] if stands_at[1] == 50 else [25, 50])


async def test_a_run_of_which_nobody_knows_says_how_far_it_was(quarter: World) -> None:
    await power_cut_at_the_next_step(quarter)
    await quarter.run_timers()
    (note,) = [n for n in await notes(quarter) if n["code"] == "unresolved"]
    assert (note["percent"], note["aim"]) == (25, 50)


@pytest.mark.requirement("P6")
async def test_a_restart_between_steps_calls_nothing_twice(quarter: World) -> None:
    world = quarter
    await world.restart()
    await world.run_timers()
    await world.restart()
    await world.pass_time(10 * MINUTE)
    assert called(world) == [25, 50, 100]
    assert world.deployer.looked_up == []
    assert await world.state_of() == "live"


async def test_the_result_of_one_step_is_never_taken_for_another(quarter: World) -> None:
    """Our lease ran out during the shift; another process looked it up and went on. Then ours came back."""
    world = quarter
    world.deployer.found = RunResult(succeeded=True, code="looked-up-succeeded", output="")

    async def another_process(run: Run) -> None:
        world.deployer.during = None
        await world.fire("run", run.id)
        world.clock.advance(timedelta(minutes=5))
        await world.fire("run", run.id)

    world.deployer.during = another_process
    await world.pass_time(5 * MINUTE)
    assert called(world) == [25, 50, 100]
    assert await stands(world) == ("succeeded", 100)
    assert (await world.types("run/DEP-1/1")).count("run.succeeded") == 1


async def test_the_output_of_every_step_is_kept(quarter: World) -> None:
    quarter.deployer.result = RunResult(succeeded=True, code="exit-0", output="shifted\n")
    await quarter.pass_time(10 * MINUTE)
    kept = await quarter.ledger.read(lambda tx: tx.runs.output("DEP-1/1"))
    assert kept == "done\nshifted\nshifted\n"


@pytest.mark.requirement("P6")
async def test_a_rollout_whose_environment_left_the_policy_goes_on_and_a_freeze_holds_it(
    quarter: World,
) -> None:
    world = quarter
    rest = {name: each for name, each in world.policy.environments.items() if name != "production"}
    world.policy = replace(world.policy, environments=rest)
    await declare(world, hours=1)
    await world.pass_time(30 * MINUTE)
    assert await stands(world) == ("between-steps", 25)
    await world.pass_time(45 * MINUTE)
    assert await stands(world) == ("succeeded", 100)
