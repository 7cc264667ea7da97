"""Acknowledge and resolve: by anybody of the directory, once, in a transaction of its own."""

import pytest

from bot.domain.environment import Colour
from bot.domain.refusal import Refusal
from bot.flows.answer_incident import acknowledge, resolve
from tests.flows.world import SECOND, World


@pytest.fixture
async def red(world: World) -> World:
    """Production is RED since its database failed, INC-1 is open, and nothing is owed."""
    await world.ready()
    world.clock.advance(SECOND)
    await world.see("production", "db", Colour.RED)
    await world.deliveries()
    return world


async def refused(doing: object) -> Refusal:
    with pytest.raises(Refusal) as raised:
        await doing  # type: ignore[misc]
    return raised.value


async def test_whoever_acknowledges_has_it_and_everybody_sees_it(red: World) -> None:
    await acknowledge(red.ledger, red.policy, red.asker("lin"), "INC-1")
    incident = await red.incident()
    assert (incident.state.value, incident.acknowledged_by, incident.acknowledged_at) == (
        "acknowledged",
        "lin",
        red.clock.now(),
    )
    owed = [(d.kind, d.facts.get("code"), d.facts.get("person")) for d in await red.deliveries()]
    assert owed == [
        ("incident-card", None, None),
        ("incident-news", "unasked", "lin"),  # to Cy, who is on call and whose page was called off
        ("incident-note", "acknowledged", "lin"),
    ]
    assert (await red.entries("incident/INC-1"))[-1]["by"]["person"] == "lin"


async def test_acknowledging_twice_is_once_and_somebody_else_learns_who_has_it(red: World) -> None:
    await acknowledge(red.ledger, red.policy, red.asker("cy"), "INC-1")
    before = await red.everything()
    await acknowledge(red.ledger, red.policy, red.asker("cy"), "INC-1")
    refusal = await refused(acknowledge(red.ledger, red.policy, red.asker("bo"), "INC-1"))
    assert (refusal.code, refusal.facts["by"]) == ("acknowledged-already", "cy")
    assert await red.everything() == before


async def test_resolving_says_who_and_when_and_leaves_the_colour(red: World) -> None:
    await acknowledge(red.ledger, red.policy, red.asker("cy"), "INC-1")
    await resolve(red.ledger, red.policy, red.asker("ada"), "INC-1")
    incident = await red.incident()
    assert (incident.state.value, incident.resolved_by) == ("resolved", "ada")
    refusal = await refused(resolve(red.ledger, red.policy, red.asker("cy"), "INC-1"))
    assert (refusal.code, refusal.facts["by"]) == ("incident-over", "ada")
    assert (
        await refused(acknowledge(red.ledger, red.policy, red.asker("cy"), "INC-1"))
    ).code == "incident-over"
    assert await red.incidents() == []


async def test_strangers_and_unknown_incidents_are_refused_and_leave_nothing(red: World) -> None:
    before = await red.everything()
    assert (
        await refused(resolve(red.ledger, red.policy, red.asker("mallory"), "INC-1"))
    ).code == "unknown-person"
    assert (
        await refused(resolve(red.ledger, red.policy, red.asker("cy"), "INC-9"))
    ).code == "unknown-incident"
    assert await red.everything() == before


@pytest.mark.requirement("P6")
async def test_resolving_judges_what_waits_again(world: World) -> None:
    await world.ready()
    await world.ask()
    await world.run_timers()
    world.clock.advance(SECOND)
    await world.see("production", "db", Colour.RED)
    await world.run_timers()
    assert await world.outcome("no-open-incident") == ("blocked", "incident-open")
    await resolve(world.ledger, world.policy, world.asker("cy"), "INC-1")
    await world.run_timers()
    assert await world.outcome("no-open-incident") == ("passed", "no-incident")
    assert await world.outcome("environments-green") == ("blocked", "not-green")


async def test_what_a_person_resolved_opens_again_only_for_something_else(red: World) -> None:
    """RED stays RED: the same monitor is no news, another one is."""
    await resolve(red.ledger, red.policy, red.asker("cy"), "INC-1")
    red.clock.advance(90 * SECOND)
    await red.see("production", "db", Colour.RED)
    assert await red.incidents() == []
    for _ in range(3):
        red.clock.advance(30 * SECOND)
        await red.see("production", "api", Colour.RED)
    assert [(i.id, i.causes) for i in await red.incidents()] == [("INC-2", ("api", "db"))]


async def test_green_closes_what_was_acknowledged(red: World) -> None:
    await acknowledge(red.ledger, red.policy, red.asker("cy"), "INC-1")
    red.clock.advance(SECOND)
    await red.see("production", "db", Colour.GREEN)
    incident = await red.incident()
    assert (incident.state.value, incident.acknowledged_by, incident.resolved_by) == ("resolved", "cy", None)


async def test_a_cause_that_goes_away_opens_nothing_that_a_person_resolved(red: World) -> None:
    for _ in range(3):
        red.clock.advance(30 * SECOND)
        await red.see("production", "api", Colour.RED)
    await resolve(red.ledger, red.policy, red.asker("cy"), "INC-1")
    red.clock.advance(SECOND)
    await red.see("production", "db", Colour.GREEN)
    assert await red.incidents() == []
