"""A deployment's expected restart: scoped to its service, over by itself, and pierced by a crash loop."""

import pytest

from bot.domain.environment import Colour
from bot.flows.answer_incident import resolve
from tests.flows.going_back import live
from tests.flows.paging_world import Post
from tests.flows.policy_text import ONE_SEAT
from tests.flows.world import MINUTE, SECOND, World

QUIET = ("    severity: P0\n", "    severity: P0\n    rollout: {restarts_for: 10m}\n")
COMPONENTS = (
    "severities:",
    "components: {backend: {service: checkout}, database: {group: database, service: pages}}\nseverities:",
)
RED, GREEN = Colour.RED, Colour.GREEN


async def deployed(world: World) -> None:
    """DEP-1's deployer was called five minutes ago."""
    await live(world, ONE_SEAT, QUIET, COMPONENTS)


async def api(world: World, colour: Colour) -> None:
    for _ in range(3):
        world.clock.advance(SECOND)
        await world.see("production", "api", colour)


async def codes(world: World) -> list[object]:
    return [d.facts["code"] for d in await world.deliveries("incident-note")]


async def test_a_restart_opens_no_incident_and_the_colour_says_what_it_says(world: World) -> None:
    await deployed(world)
    await api(world, RED)
    assert await world.incidents() == []
    state = await world.ledger.read(lambda tx: tx.environments.get("production"))
    assert state is not None
    assert state.colour is RED
    assert (await world.types("environment/production"))[-1] == "environment.restarting"
    await api(world, GREEN)
    await world.pass_time(20 * MINUTE)
    assert await world.incidents() == []
    assert await world.deliveries("page") == []


async def test_what_is_still_red_when_the_time_is_over_pages_then_and_says_why_so_late(world: World) -> None:
    await deployed(world)
    await api(world, RED)
    await world.pass_time(4 * MINUTE)
    assert await world.incidents() == []
    await world.pass_time(MINUTE)
    (incident,) = await world.incidents()
    assert incident.suspect == "DEP-1"
    told = {d.facts.get("code"): d.facts for d in await world.deliveries()}
    assert told["restart-over"]["request"] == "DEP-1"
    assert await Post(world).deliver() == []  # told above already
    assert incident.waits


async def test_a_crash_loop_pierces_it(world: World) -> None:
    await deployed(world)
    await api(world, RED)
    await api(world, GREEN)
    assert await world.incidents() == []
    await api(world, RED)
    assert [i.cause.value for i in await world.incidents()] == ["monitors"]
    assert "crash-loop" in await codes(world)


async def test_another_services_component_is_no_restart_of_this_one(world: World) -> None:
    await deployed(world)
    world.clock.advance(SECOND)
    await world.see("production", "db", RED)
    assert [i.causes for i in await world.incidents()] == [("db",)]


async def test_a_restart_beside_another_trouble_hides_nothing_of_it(world: World) -> None:
    await deployed(world)
    await api(world, RED)
    await world.see("production", "db", RED)
    assert [i.causes for i in await world.incidents()] == [("api", "db")]


async def test_after_its_time_red_is_red(world: World) -> None:
    await deployed(world)
    world.clock.advance(6 * MINUTE)
    await api(world, RED)
    assert len(await world.incidents()) == 1


async def test_without_restarts_for_a_deployment_keeps_nobody_quiet(world: World) -> None:
    await live(world, ONE_SEAT)
    await api(world, RED)
    assert len(await world.incidents()) == 1


async def test_what_a_person_resolved_within_the_time_is_not_opened_again_by_its_end(world: World) -> None:
    await deployed(world)
    await api(world, RED)
    await api(world, GREEN)
    await api(world, RED)
    await resolve(world.ledger, world.policy, world.asker("cy"), "INC-1")
    await world.pass_time(20 * MINUTE)
    assert await world.incidents() == []


@pytest.mark.parametrize("restart", [True, False])
async def test_the_end_of_the_time_comes_after_a_restart_of_the_bot_too(world: World, restart: bool) -> None:
    await deployed(world)
    await api(world, RED)
    if restart:
        await world.restart()
    await world.pass_time(10 * MINUTE)
    assert len(await world.incidents()) == 1
