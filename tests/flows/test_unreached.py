"""Pages that reach nobody are seen from outside: the dead-man's switch falls silent (promise 3, F14)."""

import pytest

from bot.flows.unreached import unreached
from tests.flows.paging_world import CHAIN, Post, green, pages, red, take
from tests.flows.world import HOUR, MINUTE, SECOND, World

pytestmark = pytest.mark.requirement("F14")


async def found(world: World) -> list[str]:
    return [each.incident for each in await world.ledger.read(lambda tx: unreached(tx, world.policy))]


async def test_what_reached_nobody_in_the_severity_s_time_is_found(world: World) -> None:
    await red(world)
    world.clock.advance(5 * MINUTE)
    assert await found(world) == []
    world.clock.advance(SECOND)
    assert await found(world) == ["INC-1"]


async def test_what_one_way_brought_to_one_person_reached_somebody(world: World) -> None:
    await red(world)
    await Post(world).deliver()
    world.clock.advance(HOUR)
    assert await found(world) == []


async def test_what_failed_by_all_ways_reached_nobody_either(world: World) -> None:
    """A token that was revoked is no delivery that is owed: it has failed for good, and nobody knows."""
    await red(world)
    post = Post(world, failing={"slack:", "email:", "pagerduty:", "webhook:"})
    for _ in range(10):
        await post.deliver()
        await world.pass_time(MINUTE)
    await post.deliver()
    assert {page.state.value for page in await pages(world)} == {"failed"}
    assert await found(world) == ["INC-1"]


async def test_what_pagerduty_took_is_in_good_hands(world: World) -> None:
    """Slack is down: PagerDuty, which hears of every incident, pages people in its own way."""
    await world.reload((CHAIN[0], CHAIN[1].replace("rounds: 2", "rounds: 2, pages: [default]")))
    await red(world)
    post = Post(world, failing={"slack:", "email:"})
    await post.deliver()
    world.clock.advance(HOUR)
    assert {page.step for page in await pages(world) if page.state.value == "reached"} == {0}
    assert await found(world) == []


@pytest.mark.parametrize("end", [take, green])
async def test_what_somebody_has_and_what_is_over_is_nobody_s_silence(world: World, end: object) -> None:
    await world.green()
    await red(world)
    world.clock.advance(HOUR)
    await end(world)  # type: ignore[operator]
    assert await found(world) == []
