"""Between steps: figures that pass let it go on, what warns or is not known holds it, what fails takes it back."""

import pytest

from bot.flows.rollouts import wake_rollouts
from tests.flows import rolling
from tests.flows.rolling import called, declare, lift, stands
from tests.flows.watching import STEPPED, at_a_quarter, codes, is_taken_back, rollbacks, switched_off
from tests.flows.world import HOUR, MINUTE, World

pytestmark = pytest.mark.requirement("F5")


async def test_figures_that_pass_confirm_each_step_as_a_person_would(world: World) -> None:
    metrics = await at_a_quarter(world)
    await world.pass_time(4 * MINUTE)
    assert await stands(world) == ("between-steps", 25)
    await world.pass_time(MINUTE)
    assert await stands(world) == ("between-steps", 50)
    assert await codes(world) == ["analysis-passed", "stepped"]
    await world.pass_time(5 * MINUTE)
    assert await world.state_of() == "live"
    assert called(world) == [25, 50, 100]
    entries = [e for e in await world.entries("run/DEP-1/1") if e["type"] == "run.analysed"]
    assert [(e["facts"]["verdict"], e["facts"]["percent"]) for e in entries] == [("pass", 25), ("pass", 50)]
    assert {f["name"]: f["value"] for f in entries[0]["facts"]["findings"]} == {
        "errors": "0.002",
        "p99": "0.2",
    }
    assert metrics.asked


async def test_the_baseline_is_measured_before_the_first_call_at_every_step(world: World) -> None:
    metrics = await at_a_quarter(world)
    began = (await rolling.run(world)).began_at
    await world.pass_time(20 * MINUTE)
    assert {at for query, at in metrics.asked if at is not None} == {began}
    assert {query for query, at in metrics.asked if at is not None} == {"p99"}


@pytest.mark.requirement("P15")
@pytest.mark.requirement("P21")
async def test_errors_of_six_per_cent_at_a_quarter_take_it_back_within_a_minute(world: World) -> None:
    metrics = await at_a_quarter(world)
    metrics.say(errors=0.06)
    await world.pass_time(MINUTE)
    assert called(world) == [25], "it went on"
    assert await stands(world) == ("failed", 25)
    back = await is_taken_back(world)
    request = await world.request()
    assert request.closing is not None
    assert (request.state.value, request.closing.code) == ("failed", "analysis-failed")
    assert await codes(world) != []
    (incident,) = await world.incidents()
    assert (incident.cause.value, incident.suspect, incident.rolled_back_by) == (
        "deployment",
        "DEP-1",
        back.id,
    )
    assert back.ticket == incident.id
    assert (incident.state.value, incident.acknowledged_by) == ("open", None), "somebody is paged for it"


@pytest.mark.requirement("P15")
@pytest.mark.requirement("D5")
async def test_what_is_taken_back_is_told_everywhere(world: World) -> None:
    metrics = await at_a_quarter(world)
    metrics.say(p99=0.61)
    await world.pass_time(MINUTE)
    owed = await world.deliveries()
    told = {(d.kind, d.facts.get("code")) for d in owed}
    assert ("request-note", "analysis-failed") in told
    assert ("incident-note", "automatic-rollback") in told
    assert ("rollback-note", "rolled-back") in told
    kinds = {d.kind for d in owed}
    assert {"failure-report", "page", "incident-card", "request-card"} <= kinds
    (note,) = [d.facts for d in owed if d.facts.get("code") == "analysis-failed"]
    assert note["findings"][0] == {
        "name": "p99", "verdict": "fail", "code": "above-baseline", "value": "0.61", "baseline": "0.2", "limit": "2",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("values", "note"),
    [
        ({"errors": 0.02}, "analysis-warned"),
        ({"p99": 0.3}, "analysis-warned"),
        ({"errors": "no-data"}, "no-analysis"),
        ({"errors": "prometheus-unreachable"}, "no-analysis"),
        ({"errors": float("nan")}, "no-analysis"),
        ({"p99": float("inf")}, "no-analysis"),
    ],
)
async def test_what_warns_or_is_not_known_holds_it_is_told_once_and_goes_on_once_it_passes(
    world: World, values: dict[str, float | str], note: str
) -> None:
    metrics = await at_a_quarter(world)
    metrics.say(**values)
    await world.pass_time(HOUR)
    assert await stands(world) == ("between-steps", 25)
    assert await codes(world) == [note]
    metrics.say(errors=0.001, p99=0.2)
    await world.pass_time(MINUTE)
    assert await stands(world) == ("between-steps", 50)
    assert await rollbacks(world) == []


async def test_a_person_may_say_go_on_for_what_is_not_known(world: World) -> None:
    metrics = await at_a_quarter(world)
    metrics.say(errors="no-data")
    await world.pass_time(10 * MINUTE)
    await rolling.resume(world, "ada", "The dashboards look well")
    await world.run_timers()
    assert await stands(world) == ("between-steps", 50)


async def test_without_a_prometheus_every_step_waits_for_a_person(world: World) -> None:
    await rolling.rolling(world, STEPPED)
    await world.pass_time(HOUR)
    assert await stands(world) == ("between-steps", 25)
    assert await codes(world) == ["stepped", "no-analysis"]


@pytest.mark.requirement("P15")
async def test_what_a_person_or_a_freeze_holds_fails_all_the_same(world: World) -> None:
    metrics = await at_a_quarter(world)
    await rolling.hold(world, "bo")
    await declare(world)
    await world.pass_time(3 * MINUTE)
    metrics.say(errors=0.5)
    await world.pass_time(MINUTE)
    await is_taken_back(world)


async def test_figures_that_pass_lift_no_freeze_and_no_hold(world: World) -> None:
    await at_a_quarter(world)
    await declare(world)
    await world.pass_time(30 * MINUTE)
    assert await stands(world) == ("between-steps", 25)
    await lift(world)
    await world.run_timers()
    assert await stands(world) == ("between-steps", 50)


@pytest.mark.requirement("P15")
async def test_switched_off_it_is_held_paged_and_offered_and_never_taken_back(world: World) -> None:
    metrics = await at_a_quarter(world, switched_off(STEPPED))
    metrics.say(errors=0.06)
    await world.pass_time(MINUTE)
    assert await stands(world) == ("between-steps", 25)
    request = await world.request()
    assert request.held is not None
    (incident,) = await world.incidents()
    assert (incident.suspect, incident.rolled_back_by) == ("DEP-1", None)
    owed = await world.deliveries()
    assert {"page", "rollback-note"} <= {d.kind for d in owed}
    (urgent, _) = [d.facts for d in owed if d.kind == "rollback-note"]
    assert (urgent["code"], urgent["why_not"]) == ("no-automatic-rollback", "switched-off")
    metrics.say(errors=0.001)
    await world.pass_time(HOUR)
    assert await stands(world) == ("between-steps", 25), "only a person says go on after a failure"
    assert await rollbacks(world) == []
    await rolling.resume(world, "ada", "It was the load test")
    await world.run_timers()
    assert await stands(world) == ("between-steps", 50)


@pytest.mark.requirement("P15")
async def test_two_timers_and_a_restart_make_one_rollback(world: World) -> None:
    metrics = await at_a_quarter(world)
    metrics.say(errors=0.06)
    world.clock.advance(MINUTE)
    for _ in range(3):
        await world.fire("run", "DEP-1/1")
    await world.ledger.write(wake_rollouts)
    await world.restart()
    for _ in range(3):
        await world.fire("run", "DEP-1/1")
        await world.fire("verify", "DEP-1/1")
    await world.run_timers()
    await is_taken_back(world)
    await world.pass_time(HOUR)
    await is_taken_back(world)


async def test_a_look_at_a_step_that_is_over_decides_nothing(world: World) -> None:
    """Somebody said go on while the figures were asked for."""
    metrics = await at_a_quarter(world)
    asked = metrics.ask

    async def meanwhile(query: str, at: object = None) -> object:
        metrics.ask = asked  # type: ignore[method-assign]
        await rolling.resume(world, "ada")
        metrics.say(errors=0.5)
        return await asked(query)

    metrics.ask = meanwhile  # type: ignore[method-assign,assignment]
    await world.pass_time(MINUTE)
    assert await stands(world) == ("between-steps", 25)
    assert await rollbacks(world) == []
