"""Who hears of an answer that somebody gave whom no page had asked: whoever was to be paged, once, and nobody else."""

import pytest

from bot.domain.change_request import Actor
from bot.domain.environment import Colour
from bot.flows.answer_incident import acknowledge, acknowledge_as, resolve
from bot.flows.escalate import raise_now
from bot.flows.incidents import declare
from bot.flows.unasked import still_true
from tests.flows.paging_world import CHAIN, Post, red, states, take
from tests.flows.test_together import environments, turn
from tests.flows.world import MINUTE, World

pytestmark = [pytest.mark.requirement("F7"), pytest.mark.requirement("F9")]
CY = "slack:user:U03CY"


async def words(world: World) -> list[tuple[str, object, object]]:
    owed = await world.deliveries("incident-news")
    return [(d.destination, d.facts["deed"], d.facts["others"]) for d in owed if d.facts["code"] == "unasked"]


async def test_an_answer_after_the_page_arrived_is_no_news_to_whom_it_reached(world: World) -> None:
    await red(world)
    await Post(world).deliver()
    await take(world, "sam")
    assert await words(world) == []


@pytest.mark.parametrize(("person", "told"), [("cy", []), ("sam", [(CY, "acknowledged", 0)])])
async def test_whoever_is_on_call_and_answers_needs_no_word(
    world: World, person: str, told: list[object]
) -> None:
    await red(world)
    await take(world, person)
    assert await words(world) == told


async def test_whoever_stands_next_in_the_chain_hears_of_it_where_their_page_was_called_off(
    world: World,
) -> None:
    await world.reload(CHAIN)
    await red(world)
    await Post(world).deliver()
    await world.pass_time(5 * MINUTE)
    await take(world, "sam")
    assert [way for way, *_ in await words(world)] == ["slack:user:U01ADA", "email:ada"]


async def test_an_answer_in_pagerduty_where_it_was_told_is_no_news(world: World) -> None:
    await world.reload(CHAIN)
    post = Post(world, failing={"slack:user:U03CY"})
    await red(world)
    await world.pass_time(10 * MINUTE)
    await post.deliver()
    await acknowledge_as(world.ledger, world.policy, Actor(via="pagerduty"), "INC-1")
    assert [each for each in await words(world) if each[0] == CY] == []


async def test_all_that_one_click_takes_is_one_word(world: World) -> None:
    await world.reload(environments(4))
    await turn(world, [f"feature-{n}" for n in range(4)], Colour.RED)
    await world.pass_time(MINUTE)
    await acknowledge(world.ledger, world.policy, world.asker("sam"), "INC-2")
    assert await words(world) == [(CY, "acknowledged", 2)]


async def test_what_one_declared_and_takes_back_is_nobodys_news(world: World) -> None:
    made = await declare(
        world.ledger, world.policy, world.asker("lin"), "dev", "A mistake", severity="P0", key="k"
    )
    await resolve(world.ledger, world.policy, world.asker("lin"), made.id)
    assert await words(world) == []


async def test_what_was_raised_again_since_is_paged_and_not_told(world: World) -> None:
    await world.reload(CHAIN)
    await red(world)
    await take(world, "sam")
    assert await still_true(world.ledger, "INC-1", "acknowledged", "sam")
    await raise_now(world.ledger, world.policy, world.asker("bo"), "INC-1", key="k")
    assert not await still_true(world.ledger, "INC-1", "acknowledged", "sam")
    assert "2/ada" in await states(world)
    assert not await still_true(world.ledger, "INC-9", "acknowledged", "sam")


async def test_the_same_click_again_answers_nothing(world: World) -> None:
    await world.reload(CHAIN)
    await red(world)
    for _ in range(2):
        await acknowledge(world.ledger, world.policy, world.asker("cy"), "INC-1", key="press-1")
    await raise_now(world.ledger, world.policy, world.asker("bo"), "INC-1", key="press-2")
    await acknowledge(world.ledger, world.policy, world.asker("cy"), "INC-1", key="press-1")
    assert (await world.incident()).acknowledged_by is None
