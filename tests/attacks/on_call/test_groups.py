"""Environments that turn RED within a minute share a page: whoever makes noise must not hide production in it."""

import pytest

from bot.domain.environment import Colour
from tests.flows.paging_world import Post, red, states, take
from tests.flows.test_together import environments, turn
from tests.flows.world import MINUTE, SECOND, World
from tests.handlers.paging.outside import CHAIN, Outside
from tests.handlers.paging.test_grouped import settled

pytestmark = pytest.mark.requirement("F9")
NOISE = environments(3, "P0")
"""Environments of the severity that production has; a severity that is not said is the first one, so this is usual."""


async def test_nobody_takes_what_no_page_told_of_yet(world: World) -> None:
    await world.reload(NOISE)
    post = Post(world)
    await turn(world, ["feature-0", "feature-1"], Colour.RED)
    assert await post.deliver() == ["slack:user:U03CY"]  # of INC-1
    assert await red(world) == "INC-3"
    await take(world, "ada", "INC-2")  # its card speaks of feature-1 alone, and its page is not out yet
    await world.pass_time(2 * MINUTE)
    await post.deliver()
    production = await world.incident("INC-3")
    assert production.waits or len(post.sent) > 1


async def test_production_waits_for_no_minute_behind_an_environment_of_no_weight(world: World) -> None:
    await world.reload(NOISE)
    post = Post(world)
    await turn(world, ["feature-0", "feature-1"], Colour.RED)
    await post.deliver()
    await red(world)
    await world.pass_time(5 * SECOND)
    assert await post.deliver() == ["slack:user:U03CY"]


async def test_the_page_of_a_group_names_production_first(o: Outside) -> None:
    """Production shares no page with what it mutes: it has its own, at once, and the noise has none."""
    await o.world.reload(CHAIN, NOISE)
    await turn(o.world, ["feature-0", "feature-1"], Colour.RED)
    await red(o.world)
    await o.until(
        lambda: any(e["dedup_key"] == "acme/INC-3" for e in o.pagerduty.events), "production's page"
    )
    (page,) = [e for e in o.pagerduty.events if e["dedup_key"] == "acme/INC-3"]
    assert page["payload"]["summary"].startswith("production is RED")
    await o.pass_time(MINUTE)
    await settled(o)
    assert not any(e["dedup_key"] == "acme/INC-2" for e in o.pagerduty.events)


async def test_the_page_of_a_group_speaks_first_of_what_comes_first_and_still_waits(o: Outside) -> None:
    """The one that leads is over; what it says, and how to answer, is of those that are not."""
    await o.world.reload(CHAIN, environments(4))
    await turn(o.world, ["feature-0", "feature-2"], Colour.RED)
    await turn(o.world, ["feature-3", "feature-1"], Colour.RED)
    await turn(o.world, ["feature-2"], Colour.GREEN)
    await o.pass_time(MINUTE)
    await o.until(lambda: any(e["dedup_key"] == "acme/INC-2" for e in o.pagerduty.events), "the group's page")
    (page,) = [e["payload"] for e in o.pagerduty.events if e["dedup_key"] == "acme/INC-2"]
    assert page["summary"].startswith("feature-1 is RED")
    assert page["summary"].endswith("and so is feature-3 (P2, INC-4)")
    assert "on each of them" in page["custom_details"]["answer"]
    await o.until(lambda: len(o.slack.texts("U03CY")) == 2, "the direct message")
    assert "feature-1" in o.slack.texts("U03CY")[1]


async def test_whoever_takes_what_leads_before_its_page_hands_the_lead_to_what_comes_first(
    world: World,
) -> None:
    await world.reload(environments(4))
    post = Post(world)
    await turn(world, ["feature-0"], Colour.RED)
    await turn(world, ["feature-2", "feature-3", "feature-1"], Colour.RED)
    await post.deliver()
    await take(world, "ada", "INC-2")
    found = {i.id: (i.group, i.acknowledged_by) for i in await world.incidents()}
    assert found == {
        "INC-1": (None, None),
        "INC-2": (None, "ada"),
        "INC-3": ("INC-4", None),
        "INC-4": ("INC-4", None),
    }
    await turn(world, ["feature-2"], Colour.GREEN)
    await world.pass_time(MINUTE)
    assert await post.deliver() == ["slack:user:U03CY"]
    assert list(await states(world, "INC-4")) == ["1/cy"]
    await take(world, "cy", "INC-4")
    assert {i.id for i in await world.incidents() if i.waits} == {"INC-1"}


async def test_what_turns_red_after_the_lead_was_handed_over_joins_the_same_page(world: World) -> None:
    await world.reload(environments(5))
    post = Post(world)
    await turn(world, ["feature-0"], Colour.RED)
    await turn(world, ["feature-1", "feature-2"], Colour.RED)
    await post.deliver()
    await take(world, "ada", "INC-2")
    world.clock.advance(SECOND)
    await turn(world, ["feature-3"], Colour.RED)
    assert (await world.incident("INC-4")).group == "INC-3"
    await world.pass_time(MINUTE)
    assert await post.deliver() == ["slack:user:U03CY"]
