"""RED again within minutes of GREEN is the same incident, with whoever has it; resolved by a person, RED is not forgotten."""

import pytest

from bot.domain.environment import Colour
from bot.flows.answer_incident import resolve
from bot.flows.observe import age
from tests.flows.paging_world import CHAIN, Post, escalates_at, green, red, states, take
from tests.flows.test_together import environments, turn
from tests.flows.world import HOUR, MINUTE, SECOND, World

pytestmark = [pytest.mark.requirement("F7"), pytest.mark.requirement("F9")]


@pytest.fixture
async def post(world: World) -> Post:
    await world.reload(CHAIN)
    await world.green()
    await world.deliveries()
    return Post(world)


async def test_who_has_it_keeps_it_and_nobody_is_paged_or_told_outside(world: World, post: Post) -> None:
    await red(world)
    await post.deliver()
    await take(world)
    await world.deliveries()
    await green(world)
    await world.deliveries()
    for _ in range(5):
        assert await red(world) == "INC-1"
        assert ((await world.incident()).acknowledged_by, (await world.incident()).state.value) == (
            "cy",
            "acknowledged",
        )
        await green(world)
        kinds = {d.kind for d in await world.deliveries()}
        assert kinds <= {"incident-card", "incident-note"}
    assert post.sent == ["slack:user:U03CY"]


async def test_its_thread_says_that_it_is_the_same_trouble(world: World, post: Post) -> None:
    await red(world)
    await green(world)
    await world.deliveries()
    await red(world)
    assert await world.told("incident-note") == ["red-again"]
    assert (await world.types("incident/INC-1"))[-1] == "incident.reopened"


async def test_while_nobody_has_it_its_chain_goes_on_as_if_it_had_not_been_green(
    world: World, post: Post
) -> None:
    began = world.clock.now() + SECOND
    await red(world)
    await post.deliver()
    for _ in range(3):
        await green(world)
        assert escalates_at(world) is None
        await red(world)
        assert escalates_at(world) == began + 5 * MINUTE
        assert await post.deliver() == []
    await world.pass_time(5 * MINUTE)
    assert "slack:user:U01ADA" in await post.deliver()


async def test_whoever_was_paged_and_heard_that_it_is_over_hears_once_that_it_is_not(
    world: World, post: Post
) -> None:
    await red(world)
    await post.deliver()
    heard = []
    for _ in range(3):
        await green(world)
        await red(world)
        heard += [(d.destination, d.facts["code"]) for d in await world.deliveries("incident-news")]
    assert heard == [("slack:user:U03CY", "again")]


async def test_a_deadline_that_passed_while_it_was_green_tells_the_next_step_at_once(
    world: World, post: Post
) -> None:
    await red(world)
    await post.deliver()
    await green(world)
    await world.pass_time(9 * MINUTE)
    await red(world)
    await world.run_timers()
    assert "slack:user:U01ADA" in await post.deliver()
    incident = await world.incident()
    assert incident.respond_by == world.clock.now() + 5 * MINUTE


@pytest.mark.parametrize("over", ["late", "resolved", "unanswered"])
async def test_what_was_over_for_good_is_another_incident(world: World, post: Post, over: str) -> None:
    await red(world)
    match over:
        case "late":
            await green(world)
            world.clock.advance(10 * MINUTE)
        case "resolved":
            await resolve(world.ledger, world.policy, world.asker("cy"), "INC-1")
            await green(world)
        case "unanswered":
            await world.pass_time(2 * HOUR)
            await green(world)
    await world.deliveries()
    assert await red(world) == "INC-2"
    await world.pass_time(MINUTE)  # the first page of this minute was of INC-1
    assert list(await states(world, "INC-2")) == ["1/cy"]


async def test_what_production_mutes_begins_again_muted(world: World, post: Post) -> None:
    await red(world, "staging", "status")
    await post.deliver()
    await green(world, "staging", "status")
    await red(world)
    assert await red(world, "staging", "status") == "INC-1"
    assert (await world.incident("INC-1")).muted_by == "production"
    assert (escalates_at(world, "INC-1"), list(await states(world, "INC-1"))) == (None, ["1/cy"])


async def test_one_of_a_group_begins_again_within_its_group(world: World) -> None:
    await world.reload(environments(4))
    post = Post(world)
    await turn(world, [f"feature-{n}" for n in range(4)], Colour.RED)
    await world.pass_time(MINUTE)
    await post.deliver()
    for _ in range(5):
        world.clock.advance(SECOND)
        await turn(world, ["feature-2"], Colour.GREEN)
        world.clock.advance(SECOND)
        await turn(world, ["feature-2"], Colour.RED)
    assert (await world.incident("INC-3")).group == "INC-2"
    assert await post.deliver() == []
    await take(world, "cy", "INC-2")
    assert (await world.incident("INC-3")).acknowledged_by == "cy"


async def test_one_of_a_group_that_is_over_goes_on_by_itself(world: World) -> None:
    await world.reload(environments(4))
    post = Post(world)
    names = [f"feature-{n}" for n in range(1, 4)]
    await turn(world, ["feature-0", *names], Colour.RED)
    await world.pass_time(MINUTE)
    await post.deliver()
    world.clock.advance(SECOND)
    await turn(world, names, Colour.GREEN)
    await world.pass_time(5 * MINUTE)  # the chain that told of them ends: nobody waits for it
    assert escalates_at(world, "INC-2") is None
    await turn(world, ["feature-2"], Colour.RED)
    assert (await world.incident("INC-3")).group is None
    await world.run_timers()
    assert list(await states(world, "INC-3")) == ["2/cy"]


async def test_still_red_after_a_click_reminds_and_then_opens_the_next_incident(
    world: World, post: Post
) -> None:
    await red(world)
    await post.deliver()
    await resolve(world.ledger, world.policy, world.asker("sam"), "INC-1")
    await world.deliveries()
    await world.pass_time(30 * MINUTE)
    (note,) = await world.deliveries("incident-note")
    assert (note.subject, note.facts["code"], note.facts["people"]) == ("INC-1", "still-red", ["sam", "cy"])
    await world.pass_time(30 * MINUTE - SECOND)
    assert await world.incidents() == []
    await world.pass_time(SECOND)
    assert [i.id for i in await world.incidents()] == ["INC-2"]
    assert list(await states(world, "INC-2")) == ["1/cy"]
    codes = [d.facts["code"] for d in await world.deliveries("incident-note") if d.subject == "INC-2"]
    assert codes[0] == "opened"
    assert "red-all-along" in codes


async def test_green_after_a_click_is_left_alone(world: World, post: Post) -> None:
    await red(world)
    await resolve(world.ledger, world.policy, world.asker("sam"), "INC-1")
    await green(world)
    await world.deliveries()
    await world.pass_time(2 * HOUR)
    assert await world.deliveries("incident-note") == []
    await age(world.ledger, world.policy)
    assert await world.incidents() == []
