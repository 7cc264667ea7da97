"""Nobody keeps an outage quiet: by calling the deployer again and again, by repeating a click, by a noisy neighbour."""

from dataclasses import replace

import pytest

from bot.domain.audit import Fact
from bot.domain.environment import Colour
from bot.flows import observe
from bot.flows.answer_incident import resolve
from bot.ports import Transaction
from tests.flows.going_back import live
from tests.flows.policy_text import ONE_SEAT
from tests.flows.test_silence import COMPONENTS, QUIET, api
from tests.flows.world import MINUTE, SECOND, World

pytestmark = pytest.mark.requirement("F9")


async def called_again(world: World) -> None:
    """The deployer is called once more for DEP-1, as each step of a rollout does."""

    def step(tx: Transaction) -> None:
        run = tx.runs.of("DEP-1")[-1]
        tx.runs.put(replace(run, called_at=tx.now), Fact(type="run.called"))

    await world.ledger.write(step)


async def test_calling_the_deployer_again_and_again_hides_no_outage(world: World) -> None:
    """RED for an hour without a break, and the policy grants a restart ten minutes."""
    await live(world, ONE_SEAT, QUIET, COMPONENTS)
    await called_again(world)
    await api(world, Colour.RED)
    for _ in range(7):
        await world.pass_time(9 * MINUTE)
        await called_again(world)
    assert await world.incidents() != []


async def test_a_crash_loop_is_not_forgotten_by_the_next_call(world: World) -> None:
    """It fails, recovers and fails again, each time right after another call."""
    await live(world, ONE_SEAT, QUIET, COMPONENTS)
    for _ in range(6):
        await called_again(world)
        await api(world, Colour.RED)
        await world.pass_time(4 * MINUTE)
        await api(world, Colour.GREEN)
        await world.pass_time(MINUTE)
    assert "incident.opened" in await world.types()


async def test_what_names_no_component_is_silenced_by_no_deployment_of_another_service(world: World) -> None:
    """The database's monitor names no component: a deployment of checkout explains nothing of it."""
    nameless = ("name: db,  component: database,", "name: db,")
    await live(world, ONE_SEAT, QUIET, nameless)
    await called_again(world)
    world.clock.advance(SECOND)
    await world.see("production", "db", Colour.RED)
    assert await world.incidents() != []


async def test_what_was_red_before_the_deployer_was_called_is_no_restart(world: World) -> None:
    """RED first, and nobody has it yet because a person resolved it; another monitor fails after the call."""
    await live(world, ONE_SEAT, QUIET, COMPONENTS)
    world.clock.advance(10 * MINUTE)
    await api(world, Colour.RED)
    (incident,) = await world.incidents()
    await resolve(world.ledger, world.policy, world.asker("cy"), incident.id)
    await called_again(world)
    world.clock.advance(SECOND)
    await world.see("production", "db", Colour.RED)
    await observe.age(world.ledger, world.policy)
    assert await world.incidents() != []
