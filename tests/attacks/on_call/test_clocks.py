"""A clock that goes backwards: what people look at still answers, and nobody is paged twice or not at all."""

from bot.domain.environment import Colour
from bot.flows.board import board
from bot.flows.observe import age
from bot.flows.timeline import account
from tests.flows.paging_world import CHAIN, Post, green, red, take
from tests.flows.world import HOUR, MINUTE, World


async def test_the_board_answers_after_the_clock_went_back(world: World) -> None:
    await world.green()
    world.clock.advance(HOUR)
    await red(world)
    world.clock.at -= 2 * HOUR
    await green(world)
    await red(world)
    found = await board(world.ledger, world.policy)
    assert found.colour is Colour.RED
    for uptime in found.standings[0].uptime:
        assert uptime.spent.share is None or 0 <= uptime.spent.share <= 1


async def test_an_incident_is_answered_and_told_after_the_clock_went_back(world: World) -> None:
    post = Post(world)
    await red(world)
    await post.deliver()
    world.clock.at -= HOUR
    await take(world, "cy")
    assert (await world.incident()).acknowledged_by == "cy"
    await account(world.ledger, world.policy, "INC-1")


async def test_nobody_waits_for_an_hour_that_comes_twice(world: World) -> None:
    """The deadline of a step was set by a clock that was an hour ahead: five minutes are five minutes. A timer of that
    hour is not due, so the watching loop looks at deadlines whenever it looks for silence."""
    await world.reload(CHAIN)
    post = Post(world)
    await red(world)
    await post.deliver()
    world.clock.at -= HOUR
    for _ in range(20):
        world.clock.advance(MINUTE)
        await age(world.ledger, world.policy)
        await world.run_timers()
    assert len(await post.deliver()) > 0
