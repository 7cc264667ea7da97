"""The board from a real ledger: components in groups, owners, history told apart, incidents, and what is next."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.audit import Fact
from bot.domain.board import Board, Group, Next
from bot.domain.environment import Colour, EnvironmentState
from bot.domain.incident import Cause
from bot.flows import board as boards
from bot.flows.incidents import close_incident, open_incident
from bot.ports import Transaction
from storage import schema
from tests.flows.policy_text import policy_of
from tests.flows.world import DAY, HOUR, MINUTE, World

GROUPED = (
    "on_call:\n  primary:",
    """components:
  database: {group: database, owner: bo}
  web: {group: frontend}
targets: {uptime: 99.9, resolution: {P0: 1h}}
on_call:
  primary:""",
)
OWNED = ("    severity: P0\n", "    severity: P0\n    owner: platform-lead\n")
SOCKETS = ("  pages: {}\n", "  pages: {components: {backend: backend, feed: websocket}}\n")
FEED = (
    "- {name: smoke, http:",
    "- {name: feed-probe, component: feed, tcp: {host: dev.acme.example, port: 9}}\n      - {name: smoke, http:",
)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    url = f"sqlite:///{tmp_path / 'portcullis.db'}"
    await schema.ensure(url)
    made = World(url, policy_of(GROUPED, OWNED, SOCKETS, FEED))
    yield made
    await made.close()


async def board(world: World, **asked: int) -> Board:
    return await boards.board(world.ledger, world.policy, **asked)


async def turned(world: World, environment: str, *history: tuple[timedelta, Colour]) -> None:
    """The recorded colours of an environment, each with how long ago it began."""
    now = world.clock.now()

    def step(tx: Transaction) -> None:
        for ago, colour in history:
            state = EnvironmentState(name=environment, colour=colour, since=now - ago)
            tx.environments.put(state, Fact(type="environment.turned"))

    await world.ledger.write(step)


@pytest.mark.requirement("K2")
@pytest.mark.requirement("D2")
async def test_environments_keep_their_order_and_components_their_group_owner_and_monitors(
    world: World,
) -> None:
    await world.green()
    found = await board(world)
    assert [each.name for each in found.standings] == ["production", "staging", "dev"]
    production = found.standings[0]
    assert [(group, [line.name for line in lines]) for group, lines in production.groups] == [
        (Group.BACKEND, ["backend"]),
        (Group.DATABASE, ["database"]),
    ]
    database = production.lines[1]
    assert (database.owner, production.lines[0].owner, production.owner) == (
        "bo",
        "platform-lead",
        "platform-lead",
    )
    assert database.kinds == {"db": "http"}
    assert database.status.verified_at == world.clock.now()
    assert [line.group for line in found.standings[2].lines] == [Group.WEBSOCKET, Group.OTHER]


@pytest.mark.requirement("K6")
async def test_the_next_steps_say_what_is_red_first_and_what_was_never_verified(world: World) -> None:
    assert [s.what for s in (await board(world)).steps] == [Next.VERIFY] * 3
    await world.green()
    found = await board(world)
    assert [(s.what, s.environment) for s in found.steps] == []
    for _ in range(3):
        await world.see("production", "db", Colour.RED)
    found = await board(world)
    assert found.colour is Colour.RED
    assert [(s.what, s.environment, s.owner) for s in found.steps] == [(Next.FIX, "production", "bo")]
    assert found.steps[0].incident is not None
    assert found.steps[0].incident.id == "INC-1"
    assert found.steps[0].since == world.clock.now()


@pytest.mark.requirement("F12")
async def test_uptime_comes_from_the_recorded_turns_and_is_held_against_the_target(world: World) -> None:
    await turned(
        world,
        "production",
        (100 * DAY, Colour.GREEN),
        (5 * DAY, Colour.RED),
        (5 * DAY - 2 * HOUR, Colour.GREEN),
        (2 * HOUR, Colour.UNKNOWN),
        (HOUR, Colour.GREEN),
    )
    production = (await board(world)).standings[0]
    by_days = {each.days: each.spent for each in production.uptime}
    assert list(by_days) == [1, 7, 30, 90]
    assert by_days[1].share == pytest.approx(23 / 24)
    assert by_days[1].red == timedelta(0)
    assert by_days[7].red == 2 * HOUR
    assert by_days[90].unknown == HOUR
    assert by_days[90].share == pytest.approx(1 - 3 / (90 * 24))
    found = await board(world)
    assert [found.missed(each) for each in production.uptime] == [True, True, True, True]
    assert len(production.days) == 90
    assert {day.colour for day in production.days} == {Colour.GREEN, Colour.RED, Colour.UNKNOWN}


async def test_an_environment_without_a_record_has_no_uptime(world: World) -> None:
    for each in (await board(world)).standings:
        assert {u.spent.share for u in each.uptime} == {None}


async def test_fewer_days_show_fewer_figures(world: World) -> None:
    found = await board(world, days=7)
    assert [each.days for each in found.standings[0].uptime] == [1, 7]
    assert len(found.standings[0].days) == 7


@pytest.mark.requirement("F12")
async def test_incidents_of_the_time_are_counted_with_how_long_they_took(world: World) -> None:
    async def lived(length: timedelta) -> None:
        incident = await world.ledger.write(
            lambda tx: open_incident(tx, world.policy, "production", cause=Cause.MONITORS, causes=("api",))
        )
        world.clock.advance(length)
        await world.ledger.write(lambda tx: close_incident(tx, world.policy, replace(incident)))

    await lived(4 * HOUR)
    world.clock.advance(91 * DAY)
    await lived(30 * MINUTE)
    await lived(90 * MINUTE)
    found = await board(world)
    assert [each.id for each in found.incidents] == ["INC-3", "INC-2"]
    assert found.answered.to_resolve == HOUR
    assert [found.overdue(each) for each in found.incidents] == [True, False]
    assert not found.more
