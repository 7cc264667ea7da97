"""Two processes on one PostgreSQL: answers, deadlines and colours in the same instant page nobody twice, and lose nothing."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from bot.domain.environment import Colour, Reading
from bot.domain.page import WayState
from bot.domain.refusal import Refusal
from bot.flows import observe
from bot.flows.answer_incident import acknowledge, resolve
from bot.flows.escalate import escalate, raise_now
from storage.ledger import Ledger
from storage.verification import verify
from tests.conftest import TEMPLATE
from tests.flows.paging_world import CHAIN
from tests.flows.paging_world import pages as pages_of
from tests.flows.policy_text import policy_of
from tests.flows.world import MINUTE, SECOND, World
from tests.postgres import Postgres

pytestmark = [pytest.mark.postgres, pytest.mark.requirement("F7"), pytest.mark.timeout(120)]
OFTEN = 12


@dataclass
class Pair:
    """A world, and the ledger of a second process."""

    world: World
    other: Ledger


@pytest.fixture
async def pair(postgres: Postgres, request: pytest.FixtureRequest) -> AsyncIterator[Pair]:
    url = postgres.create(f"race_{len(request.node.name)}", template=TEMPLATE)
    first = World(url, policy_of(CHAIN))
    made = Pair(first, Ledger(url, first.clock))
    await first.green()
    yield made
    assert (await verify(first.ledger)).problems == []
    await made.other.close()
    await first.close()


async def turn(pair: Pair, colour: Colour) -> None:
    """Both processes see it in the same instant."""
    world = pair.world
    world.clock.advance(2 * MINUTE)
    db = next(m for m in world.policy.environments["production"].monitors if m.name == "db")
    reading = Reading(colour=colour, code="probe", at=world.clock.now())
    both = [
        observe.observe(ledger, world.policy, "production", db, reading, observe.Watched())
        for ledger in (world.ledger, pair.other)
    ]
    await asyncio.gather(*both)


async def test_two_answers_and_two_deadlines_in_one_instant_are_one_answer(pair: Pair) -> None:
    world = pair.world
    policy, ledgers = world.policy, (world.ledger, pair.other)
    for number in range(1, OFTEN + 1):
        incident = f"INC-{number}"
        await turn(pair, Colour.RED)
        assert [i.id for i in await world.incidents()] == [incident]  # both saw it, one was opened
        world.clock.advance(5 * MINUTE + SECOND)
        done = await asyncio.gather(
            acknowledge(ledgers[0], policy, world.asker("cy"), incident),
            escalate(ledgers[1], policy, incident),
            acknowledge(ledgers[1], policy, world.asker("ada"), incident),
            escalate(ledgers[0], policy, incident),
            return_exceptions=True,
        )
        assert [each.code for each in done if isinstance(each, Refusal)] == ["acknowledged-already"]
        assert [each for each in done if each is not None and not isinstance(each, Refusal)] == []
        found = await world.incident(incident)
        assert found.acknowledged_by in {"cy", "ada"}
        pages = await pages_of(world, incident)
        assert len({page.id for page in pages}) == len(pages)
        assert {page.step for page in pages} <= {1, 2}
        assert all(way.state is not WayState.OWED for page in pages for way in page.ways)
        await turn(pair, Colour.GREEN)
        assert await world.incidents() == []
        world.clock.advance(10 * MINUTE)  # RED sooner than that is the same incident


async def test_green_and_a_cry_for_help_in_one_instant_leave_nothing_half_done(pair: Pair) -> None:
    """GREEN ends it, somebody raises it, somebody resolves it: over is over, and what is open has a deadline."""
    world = pair.world
    for number in range(1, OFTEN + 1):
        incident = f"INC-{number}"
        await turn(pair, Colour.RED)
        await asyncio.gather(
            turn(pair, Colour.GREEN),
            raise_now(pair.other, world.policy, world.asker("lin"), incident, key=f"raise-{number}"),
            resolve(world.ledger, world.policy, world.asker("ada"), incident),
            return_exceptions=True,
        )
        found = await world.incident(incident)
        assert not found.is_open
        pages = await pages_of(world, incident)
        assert all(way.state is not WayState.OWED for page in pages for way in page.ways)
        await world.pass_time(MINUTE)
        assert len(await pages_of(world, incident)) == len(pages)
