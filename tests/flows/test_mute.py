"""Production first: its RED mutes the pages of what comes after it, never the colours nor the cards."""

import pytest

from bot.domain.environment import Colour
from bot.flows import observe
from bot.flows.answer_incident import resolve
from bot.flows.incidents import declare
from tests.flows.paging_world import Post, escalates_at, green, red, states, take
from tests.flows.policy_text import REWORDED
from tests.flows.world import MINUTE, World

pytestmark = pytest.mark.requirement("K5")


@pytest.fixture
async def world(world: World) -> World:
    await world.green()
    await world.deliveries()
    return world


async def staging(world: World) -> str:
    return await red(world, "staging", "status")


async def test_production_red_keeps_what_comes_after_it_from_paging_and_not_from_being_seen(
    world: World,
) -> None:
    post = Post(world)
    await red(world)
    await post.deliver()
    assert await staging(world) == "INC-2"
    owed = await world.deliveries()
    assert ("incident-card", "INC-2") in {(d.kind, d.subject) for d in owed}
    assert not [d for d in owed if d.kind == "page"]
    incident = await world.incident("INC-2")
    assert (incident.muted_by, incident.state.value) == ("production", "open")
    await world.pass_time(300 * MINUTE)
    assert await states(world, "INC-2") == {}


async def test_what_was_paged_before_production_turned_red_is_muted_as_well(world: World) -> None:
    post = Post(world)
    await staging(world)
    await red(world)
    assert await post.deliver() == ["slack:user:U03CY"]
    assert (await states(world, "INC-1"), await states(world, "INC-2")) == (
        {"1/cy": "cancelled"},
        {"1/cy": "reached"},
    )
    assert escalates_at(world, "INC-1") is None


@pytest.mark.parametrize("before", [True, False])
async def test_when_production_is_green_again_what_is_still_red_pages_then(
    world: World, before: bool
) -> None:
    post = Post(world)
    first = await staging(world) if before else None
    await red(world)
    other = first or await staging(world)
    await post.deliver()
    await green(world)
    assert await post.deliver() == ["slack:user:U03CY"]
    assert (await world.incident(other)).muted_by is None
    assert escalates_at(world, other) == world.clock.now() + 5 * MINUTE


async def test_what_turned_green_meanwhile_is_never_paged(world: World) -> None:
    post = Post(world)
    await red(world)
    other = await staging(world)
    await green(world, "staging", "status")
    await green(world)
    await post.deliver()
    assert await states(world, other) == {}


async def test_what_somebody_took_while_it_was_muted_is_not_paged_afterwards(world: World) -> None:
    await red(world)
    other = await staging(world)
    await take(world, "lin", other)
    await green(world)
    assert await states(world, other) == {}
    assert (await world.incident(other)).muted_by is None


async def test_a_person_who_resolves_productions_incident_lets_the_others_be_heard(world: World) -> None:
    await red(world)
    other = await staging(world)
    await resolve(world.ledger, world.policy, world.asker("cy"), "INC-1")
    assert list(await states(world, other)) == ["1/cy"]


async def test_production_is_muted_by_nobody_and_a_person_who_declares_something_neither(
    world: World,
) -> None:
    await staging(world)
    await red(world)
    made = await declare(world.ledger, world.policy, world.asker("lin"), "dev", "Broken", key="k")
    for incident in ("INC-2", made.id):
        assert (await world.incident(incident)).muted_by is None


async def test_another_production_environment_is_not_muted(world: World) -> None:
    await world.reload(("  staging:\n    kind: staging", "  staging:\n    kind: production"))
    await red(world)
    other = await staging(world)
    assert (await world.incident(other)).muted_by is None


async def test_a_policy_without_what_muted_it_lets_it_be_heard_at_the_next_look(world: World) -> None:
    await red(world)
    other = await staging(world)
    await world.reload(REWORDED, ("  staging:\n    kind: staging", "  staging:\n    kind: production"))
    await observe.age(world.ledger, world.policy)
    assert (await world.incident(other)).muted_by is None
    assert list(await states(world, other)) == ["1/cy"]


async def test_a_muted_one_that_goes_blind_keeps_its_incident(world: World) -> None:
    await red(world)
    other = await staging(world)
    await world.see("staging", "status", Colour.YELLOW)
    assert (await world.incident(other)).is_open
