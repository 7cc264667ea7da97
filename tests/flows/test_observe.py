"""Environments and their incidents: consecutive readings turn a colour, RED calls one person, silence is not GREEN."""

from datetime import timedelta
from typing import Any

import pytest

from bot.domain.environment import Colour, Reading
from bot.flows import observe
from bot.flows.inquire import environments, incident_view
from tests.flows.fakes import TUESDAY_TEN
from tests.flows.world import HOUR, MINUTE, SECOND, World

GREEN, YELLOW, RED = Colour.GREEN, Colour.YELLOW, Colour.RED


@pytest.fixture
async def calm(world: World) -> World:
    """All environments are GREEN and nothing is owed."""
    await world.green()
    await world.deliveries()
    return world


async def see(world: World, readings: str, monitor: str = "api", environment: str = "production") -> None:
    """One reading for each letter, half a minute apart."""
    for letter in readings:
        world.clock.advance(30 * SECOND)
        await world.see(environment, monitor, {"G": GREEN, "Y": YELLOW, "R": RED}[letter])


async def colour(world: World, name: str = "production") -> str:
    return next(e.colour.value for e in await environments(world.ledger, world.policy) if e.name == name)


@pytest.mark.requirement("D6")
@pytest.mark.requirement("K2")
@pytest.mark.requirement("F7")
async def test_red_after_enough_failures_in_a_row_opens_one_incident_and_calls_the_person_on_call(
    calm: World,
) -> None:
    await see(calm, "RR")
    assert (await colour(calm), await calm.incidents()) == ("GREEN", [])
    await see(calm, "R")
    assert await colour(calm) == "RED"
    (incident,) = await calm.incidents()
    assert (incident.id, incident.environment, incident.severity) == ("INC-1", "production", "P0")
    assert incident.on_call == "cy"
    assert incident.respond_by == incident.opened_at + 5 * MINUTE
    assert incident.causes == ("api",)
    owed = await calm.deliveries()
    assert [(d.kind, d.destination, d.subject, d.facts.get("code")) for d in owed] == [
        ("incident-card", "slack:channel:incidents", "INC-1", None),
        ("page", "slack:user:U03CY", "INC-1/1/cy", None),
        ("incident-note", "slack:channel:incidents", "INC-1", "opened"),
        ("incident-note", "slack:channel:incidents", "INC-1", "told"),
    ]
    await see(calm, "RRRR")
    assert len(await calm.incidents()) == 1
    assert await calm.deliveries() == []


async def test_flapping_below_the_thresholds_does_nothing(calm: World) -> None:
    entries = len(await calm.entries())
    await see(calm, "RRGRRGRRG")
    assert await colour(calm) == "GREEN"
    assert len(await calm.entries()) == entries
    assert await calm.deliveries() == []


async def test_yellow_opens_no_incident(calm: World) -> None:
    await see(calm, "YYYY")
    assert (await colour(calm), await calm.incidents()) == ("YELLOW", [])


@pytest.mark.requirement("D6")
async def test_green_closes_the_incident_and_says_so(calm: World) -> None:
    await see(calm, "RRR")
    await calm.deliveries()
    await see(calm, "G")
    assert len(await calm.incidents()) == 1
    await see(calm, "G")
    incident = await calm.incident()
    assert (incident.state.value, incident.resolved_by, incident.resolved_at) == (
        "resolved",
        None,
        calm.clock.now(),
    )
    owed = [(d.kind, d.facts.get("code")) for d in await calm.deliveries()]
    assert owed == [("incident-card", None), ("incident-note", "green"), ("postmortem-card", None)]
    calm.clock.advance(10 * MINUTE)  # sooner it would be the same trouble (tests/flows/test_red_again.py)
    await see(calm, "RRR")
    assert [i.id for i in await calm.incidents()] == ["INC-2"]


async def test_another_cause_edits_the_card_and_opens_no_second_incident(calm: World) -> None:
    await see(calm, "RRR")
    await calm.deliveries()
    await see(calm, "R", "db")
    assert (await calm.incident()).causes == ("api", "db")
    assert [d.kind for d in await calm.deliveries()] == ["incident-card"]
    await see(calm, "G", "db")
    assert (await calm.incident()).causes == ("api",)
    assert len(await calm.incidents()) == 1


async def test_every_turn_of_the_colour_is_told_in_the_thread_of_the_open_incident_once(calm: World) -> None:
    await see(calm, "RRR")
    await calm.deliveries()
    await see(calm, "YY")
    await see(calm, "Y", "db")
    notes = await calm.deliveries("incident-note")
    assert [d.facts["colour"] for d in notes] == ["YELLOW"]
    await see(calm, "RRR")
    notes = await calm.deliveries("incident-note")
    assert [d.facts["colour"] for d in notes] == ["RED"]
    assert [i.id for i in await calm.incidents()] == ["INC-1"]


@pytest.mark.requirement("D1")
async def test_silence_turns_an_environment_unknown_and_opens_no_incident(calm: World) -> None:
    calm.clock.advance(95 * SECOND)  # three intervals and the time limit
    await observe.age(calm.ledger, calm.policy)
    assert await colour(calm, "dev") == "GREEN"
    calm.clock.advance(SECOND)
    await observe.age(calm.ledger, calm.policy)
    assert await colour(calm, "dev") == "UNKNOWN"
    last = (await calm.entries("environment/dev"))[-1]
    assert (last["type"], last["facts"]["from"], last["facts"]["to"]) == (
        "environment.turned",
        "GREEN",
        "UNKNOWN",
    )
    assert last["facts"]["causes"] == [{"monitor": "smoke", "code": "stale"}]
    assert await calm.incidents() == []
    entries = len(await calm.entries())
    await observe.age(calm.ledger, calm.policy)
    assert len(await calm.entries()) == entries


async def test_a_monitor_that_is_read_all_the_time_never_looks_blind(calm: World) -> None:
    """It is due every 30 s and stale after 95 s: what is not written cannot be seen by others."""
    for _ in range(40):
        await see(calm, "G", "smoke", "dev")
        await observe.age(calm.ledger, calm.policy)
        assert await colour(calm, "dev") == "GREEN"


@pytest.mark.parametrize(
    ("every", "timeout", "stale", "kept"),
    [
        ("1s", "5s", None, 2),
        ("30s", "5s", None, 60),
        ("30s", "5s", "35s", 0),
        ("10m", "5s", None, 60),
        ("10s", "5s", "40s", 25),
    ],
)
async def test_a_reading_is_written_before_the_one_after_it_could_come_too_late(
    world: World, every: str, timeout: str, stale: str | None, kept: int
) -> None:
    words = f"every: {every}, fail_after: 1, timeout: {timeout}" + (
        f", stale_after: {stale}" if stale else ""
    )
    await world.reload(("every: 30s, fail_after: 1, timeout: 5s", words))
    (monitor,) = world.policy.environments["dev"].monitors
    assert observe.keep_every(monitor) == timedelta(seconds=kept)


async def test_red_that_goes_blind_keeps_its_incident(calm: World) -> None:
    await see(calm, "R", "smoke", "dev")
    calm.clock.advance(HOUR)
    await observe.age(calm.ledger, calm.policy)
    assert await colour(calm, "dev") == "UNKNOWN"
    assert len(await calm.incidents()) == 1
    await see(calm, "R", "smoke", "dev")
    assert len(await calm.incidents()) == 1


async def test_a_restart_does_not_alert_again(calm: World) -> None:
    await see(calm, "RRR")
    await calm.deliveries()
    entries = len(await calm.entries())
    await calm.restart()
    await see(calm, "RRRR")
    await observe.age(calm.ledger, calm.policy)
    assert [i.id for i in await calm.incidents()] == ["INC-1"]
    assert await calm.types("incident/INC-1") == ["incident.opened", "incident.escalated"]
    assert [e for e in await calm.entries() if e["subject"] == "environment/production"][-1]["seq"] <= entries
    assert await calm.deliveries() == []


async def test_a_change_that_could_not_be_written_is_found_again_by_the_next_reading(calm: World) -> None:
    class Broken:
        async def write(self, step: object) -> None:
            raise OSError("disk full")

        async def read(self, query: object) -> None:
            raise OSError("disk full")

    await see(calm, "RR")
    watched = calm.watched["production/api"]
    monitor = calm.policy.environments["production"].monitors[0]
    reading = Reading(colour=RED, code="probe", at=calm.clock.now())
    with pytest.raises(OSError, match="disk full"):
        await observe.observe(Broken(), calm.policy, "production", monitor, reading, watched)  # type: ignore[arg-type]
    await see(calm, "R")
    assert await colour(calm) == "RED"
    assert len(await calm.incidents()) == 1


async def test_the_person_on_call_is_the_one_of_that_instant(calm: World) -> None:
    calm.clock.advance(6 * 24 * HOUR)  # past Monday's hand-off
    await see(calm, "RRR")
    assert (await calm.incident()).on_call == "bo"


async def test_without_a_rotation_nobody_is_named(world: World) -> None:
    await world.reload(
        ("on-call-sre:     {on_call: primary}", "on-call-sre:     {people: [cy]}"),
        (
            'on_call:\n  primary: {rotation: {people: [cy, bo, ada], handoff: "0 9 * * MON", starts: "2026-11-09"}}\n',
            "",
        ),
        ("escalation:\n  - {notify: [on_call: primary], within: 5m}\n", ""),
    )
    await world.green()
    await see(world, "RRR")
    assert (await world.incident()).on_call is None


async def test_the_rotation_that_the_escalation_begins_with_answers(world: World) -> None:
    await world.reload(
        (
            "on_call:\n",
            'on_call:\n  shadow: {rotation: {people: [vic], handoff: "0 9 * * MON"}}\n',
        )
    )
    await world.green()
    await see(world, "RRR")
    assert (await world.incident()).on_call == "cy"


@pytest.mark.requirement("K5")
async def test_what_is_red_holds_new_work_and_lets_its_own_fix_through(calm: World) -> None:
    await calm.ready()
    await see(calm, "RRR")
    await calm.ask()
    await calm.run_timers()
    assert await calm.state_of() == "refused"
    assert await calm.outcome("environments-green") == ("blocked", "not-green")
    assert await calm.outcome("no-open-incident") == ("blocked", "incident-open")
    await calm.ask(fixes="production")
    await calm.run_timers()
    assert await calm.state_of("DEP-2") == "awaiting-approval"
    assert await calm.outcome("environments-green", "DEP-2") == ("passed", "fix")
    await calm.approve("ada", "cy", request_id="DEP-2")
    assert await calm.state_of("DEP-2") == "live"


@pytest.mark.requirement("K5")
async def test_a_colour_that_turns_judges_what_waits_again(calm: World) -> None:
    await calm.ready()
    await calm.ask()
    await calm.run_timers()
    await see(calm, "RRR")
    await calm.run_timers()
    assert await calm.state_of() == "awaiting-approval"  # held, not refused: it may go away
    assert await calm.outcome("environments-green") == ("blocked", "not-green")
    await calm.approve("ada", "cy")
    assert await calm.state_of() == "approved"
    await see(calm, "GG")
    await calm.deliveries()
    await calm.run_timers()
    assert await calm.outcome("environments-green") == ("passed", "all-green")
    assert await calm.told("request-answer", "lin") == ["ready-to-start"]
    assert calm.deployer.started == []


async def test_a_deployment_shortly_before_is_named_beside_the_incident(calm: World) -> None:
    await calm.ready()
    await calm.ask()
    await calm.run_timers()
    await calm.approve("ada", "cy")
    calm.clock.advance(50 * MINUTE)
    await see(calm, "RRR")
    view = await incident_view(calm.ledger, calm.policy, "INC-1")
    assert [r.id for r in view.changed] == ["DEP-1"]
    assert view.status is not None
    assert [m.name for m in view.status.causes] == ["api"]
    assert {s.name for s in view.others} == {"staging", "dev"}


async def test_a_deployment_long_before_is_not_named(calm: World) -> None:
    await calm.ready()
    await calm.ask()
    await calm.run_timers()
    await calm.approve("ada", "cy")
    calm.clock.advance(HOUR)
    await see(calm, "RRR")
    assert (await incident_view(calm.ledger, calm.policy, "INC-1")).changed == ()


async def test_an_environment_that_left_the_policy_is_left_alone(calm: World) -> None:
    monitor = calm.policy.environments["dev"].monitors[0]
    before = len(await calm.entries())
    reading = Reading(colour=RED, code="probe", at=TUESDAY_TEN)
    await observe.observe(calm.ledger, calm.policy, "attic", monitor, reading, observe.Watched())
    assert len(await calm.entries()) == before


async def test_nobody_of_another_rotation_answers_for_one_that_another_system_holds(world: World) -> None:
    await world.reload(
        (
            'primary: {rotation: {people: [cy, bo, ada], handoff: "0 9 * * MON", starts: "2026-11-09"}}',
            'primary: {pagerduty: {schedule: PABC123}}\n  shadow: {rotation: {people: [vic], handoff: "0 9 * * MON"}}',
        )
    )
    await world.green()
    await see(world, "RRR")
    assert (await world.incident()).on_call is None


# Many at once


MANY = 60


@pytest.fixture
async def crowd(world: World) -> World:
    """Sixty environments beside the usual ones, each with two monitors, all GREEN."""
    probe = "http: {{url: 'https://f{n}.acme.example/{m}'}}, every: 30s, fail_after: 1, pass_after: 1"
    more = "".join(
        f"  feature-{n}:\n    kind: feature\n    severity: P2\n    monitors:\n"
        + "".join(f"      - {{name: {m}, {probe.format(n=n, m=m)}}}\n" for m in "ab")
        for n in range(MANY)
    )
    await world.reload(("calendar:\n  outside_windows", more + "calendar:\n  outside_windows"))
    await world.green()
    await world.deliveries()
    return world


def all_of(world: World, seen: Colour) -> list[observe.Seen]:
    """One reading of each feature's monitors: first all that are called a, then all that are called b."""
    places = [(f"feature-{n}", name) for name in "ab" for n in range(MANY)]
    reading = Reading(colour=seen, code="probe", at=world.clock.now())
    return [
        observe.Seen(
            place,
            next(m for m in world.policy.environments[place].monitors if m.name == name),
            reading,
            world.watched[f"{place}/{name}"],
        )
        for place, name in places
    ]


class Slices:
    """A ledger that counts its writings, and breaks at one of them."""

    def __init__(self, world: World, breaks_at: int = 0) -> None:
        self.world, self.breaks_at, self.writings = world, breaks_at, 0

    async def read(self, query: Any) -> Any:
        return await self.world.ledger.read(query)

    async def write(self, step: Any) -> Any:
        self.writings += 1
        if self.writings == self.breaks_at:
            raise OSError("disk full")
        return await self.world.ledger.write(step)


async def turns(world: World) -> list[str]:
    return [
        e["subject"]
        for e in await world.entries()
        if e["type"] in ("environment.turned", "environment.causes")
    ]


async def test_many_that_turn_together_are_settled_in_slices_and_each_once(crowd: World) -> None:
    crowd.clock.advance(30 * SECOND)
    before, ledger = len(await turns(crowd)), Slices(crowd)
    await observe.observe_all(ledger, crowd.policy, all_of(crowd, RED))
    assert ledger.writings == -(-MANY // observe.AT_ONCE)
    new = (await turns(crowd))[before:]
    assert sorted(new) == sorted({f"environment/feature-{n}" for n in range(MANY)})
    assert len(await crowd.incidents()) == MANY


async def test_a_slice_that_could_not_be_written_is_found_again_and_the_others_are_not_counted_twice(
    crowd: World,
) -> None:
    crowd.clock.advance(30 * SECOND)
    seen = all_of(crowd, RED)
    with pytest.raises(OSError, match="disk full"):
        await observe.observe_all(Slices(crowd, breaks_at=2), crowd.policy, seen)
    assert 0 < len(await crowd.incidents()) < MANY
    await observe.observe_all(crowd.ledger, crowd.policy, seen)
    assert len(await crowd.incidents()) == MANY
    state = crowd.watched["feature-0/a"].state
    assert state is not None
    assert [each.colour for each in state.recent] == [RED]
    assert len(await crowd.ledger.read(lambda tx: tx.incidents.newest(limit=200))) == MANY


async def test_many_that_fall_silent_together_are_settled_in_slices_too(crowd: World) -> None:
    crowd.clock.advance(HOUR)
    ledger = Slices(crowd)
    await observe.age(ledger, crowd.policy)
    assert 1 < ledger.writings <= 1 + -(-(MANY + 3) // observe.AT_ONCE)
    assert {await colour(crowd, f"feature-{n}") for n in range(MANY)} == {"UNKNOWN"}
    recorded = await crowd.ledger.read(lambda tx: [tx.environments.get(f"feature-{n}") for n in range(MANY)])
    assert {each.colour for each in recorded if each is not None} == {Colour.UNKNOWN}
    again = Slices(crowd)
    await observe.age(again, crowd.policy)
    assert again.writings == 1


async def test_a_clock_that_was_ahead_keeps_no_reading_from_being_written(calm: World) -> None:
    right = calm.clock.at
    calm.clock.at = right + 365 * 24 * HOUR
    await see(calm, "G", "smoke", "dev")
    calm.clock.at = right + MINUTE
    await observe.age(calm.ledger, calm.policy)
    assert await colour(calm, "dev") == "UNKNOWN"
    await see(calm, "G", "smoke", "dev")
    assert await colour(calm, "dev") == "GREEN"
