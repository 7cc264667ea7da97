"""The ticket of an incident: owed once where the policy asks for one, its name kept and shown (P21)."""

from typing import Any

import pytest

from bot.domain.environment import Colour
from bot.flows import tickets
from bot.flows.tickets import KIND
from tests.flows.world import SECOND, World

pytestmark = pytest.mark.requirement("P21")


def asking(text: str) -> tuple[str, str]:
    return ("severities: {P0", f"incidents: {{tickets: {text}}}\nseverities: {{P0")


async def red(world: World, *changes: tuple[str, str]) -> list[Any]:
    """Production turns RED; gives the tickets that are owed."""
    await world.reload(*changes)
    await world.ready()
    world.clock.advance(SECOND)
    await world.see("production", "db", Colour.RED)
    return await world.deliveries(KIND)


@pytest.mark.parametrize(
    ("text", "lane", "repository"),
    [
        ("{github: acme/checkout}", "ticket:github", "acme/checkout"),
        ("{webhook: jira}", "webhook:jira", None),
        ("{github: acme/checkout, severities: [P0]}", "ticket:github", "acme/checkout"),
    ],
)
async def test_an_incident_owes_one_from_the_moment_in_which_it_opens(
    world: World, text: str, lane: str, repository: str | None
) -> None:
    (owed,) = await red(world, asking(text))
    assert (owed.destination, owed.subject, owed.facts["repository"]) == (lane, "INC-1", repository)


@pytest.mark.parametrize("changes", [(), (asking("{github: acme/checkout, severities: [P1]}"),)])
async def test_what_the_policy_does_not_ask_for_is_not_owed(world: World, changes: tuple[Any, ...]) -> None:
    assert await red(world, *changes) == []


async def test_its_name_is_kept_once_and_told(world: World) -> None:
    await red(world, asking("{github: acme/checkout}"))
    assert not await tickets.is_open(world.ledger, "INC-1")
    await tickets.opened(world.ledger, world.policy, "INC-1", "acme/checkout#7")
    await tickets.opened(world.ledger, world.policy, "INC-1", "acme/checkout#8")
    assert (await world.incident()).ticket == "acme/checkout#7"
    assert await tickets.is_open(world.ledger, "INC-1")
    owed = [(d.kind, d.facts.get("code")) for d in await world.deliveries()]
    assert owed == [("incident-note", "ticketed"), ("incident-card", None)]
    assert (await world.types("incident/INC-1")).count("incident.ticketed") == 1
    await tickets.opened(
        world.ledger, world.policy, "INC-9", "acme/checkout#9"
    )  # gone: nothing to keep it on


async def test_that_none_could_be_opened_is_told_once(world: World) -> None:
    await red(world, asking("{github: acme/checkout}"))
    for _ in range(2):
        await tickets.failed(world.ledger, world.policy, "INC-1", "ticket:github", "http-404")
    (note,) = await world.deliveries("incident-note")
    assert (note.facts["code"], note.facts["why"]) == ("ticket-failed", "http-404")
    assert "incident.ticket-failed" in await world.types("incident/INC-1")


async def test_that_a_webhook_was_asked_is_told_and_no_name_is_made_up(world: World) -> None:
    await red(world, asking("{webhook: jira}"))
    await tickets.asked(world.ledger, world.policy, "INC-1", "webhook:jira")
    assert (await world.incident()).ticket is None
    assert await world.told("incident-note") == ["ticket-asked"]
