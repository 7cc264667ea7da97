"""A stolen Slack account and a flapping monitor: neither keeps whoever is on call from hearing, nor awake all night."""

import pytest

from bot.domain.environment import Colour
from bot.domain.page import PageState
from bot.flows.answer_incident import resolve
from bot.flows.incidents import declare
from bot.flows.observe import age
from tests.flows.paging_world import Post, green, red, take
from tests.flows.world import MINUTE, SECOND, World
from tests.handlers.paging.outside import Outside

pytestmark = [pytest.mark.requirement("F7"), pytest.mark.requirement("F9")]
CY = "slack:user:U03CY"


async def heard(world: World) -> list[str]:
    """What is on its way to whoever is on call, pages that were called off left out."""
    return [d.kind for d in await world.deliveries() if d.destination == CY and d.kind != "page"]


@pytest.mark.parametrize("deed", ["acknowledge", "resolve"])
async def test_whoever_is_on_call_hears_of_an_answer_by_somebody_whom_nobody_asked(
    world: World, deed: str
) -> None:
    """A program presses the button with a stolen session, sooner than the page is sent: Cy sleeps on, production burns."""
    await red(world)
    if deed == "acknowledge":
        await take(world, "sam")
    else:
        await resolve(world.ledger, world.policy, world.asker("sam"), "INC-1")
    assert await heard(world) != []


async def test_a_monitor_that_flaps_for_an_hour_pages_no_more_than_a_few_times(world: World) -> None:
    """Somebody has it already, and knows."""
    await world.green()
    post = Post(world)
    for flap in range(60):
        incident = await red(world)
        await world.pass_time(29 * SECOND)
        await post.deliver()
        if flap == 0:
            await take(world, "cy", incident)
        await green(world)
        await world.pass_time(29 * SECOND)
        await post.deliver()
    assert len(post.sent) <= 6


async def test_one_person_does_not_page_another_every_second(world: World) -> None:
    post = Post(world)
    for _ in range(30):
        world.clock.advance(SECOND)
        made = await declare(
            world.ledger, world.policy, world.asker("lin"), "dev", "Wake up", severity="P0", key=world.key()
        )
        await post.deliver()
        await resolve(world.ledger, world.policy, world.asker("lin"), made.id)
    assert len(post.sent) <= 3


async def test_red_and_acknowledged_pages_nobody_again_while_it_lasts(world: World) -> None:
    post = Post(world)
    await red(world)
    await post.deliver()
    await take(world, "cy")
    for _ in range(20):
        world.clock.advance(30 * SECOND)
        await world.see("production", "db", Colour.RED)
        await world.run_timers()
    assert await post.deliver() == []


async def test_what_a_click_resolved_and_is_still_red_a_day_later_is_heard_of_again(world: World) -> None:
    post = Post(world)
    await world.green()
    await red(world)
    await post.deliver()
    await resolve(world.ledger, world.policy, world.asker("sam"), "INC-1")
    await world.deliveries()
    for _ in range(24):
        await world.pass_time(60 * MINUTE)
        await world.see("production", "db", Colour.RED)
        await age(world.ledger, world.policy)
    assert {d.kind for d in await world.deliveries()} & {"page", "incident-alarm", "incident-note"}


async def test_what_is_said_of_an_answer_nobody_asked_for_and_of_what_is_not_over_can_be_acted_on(
    o: Outside,
) -> None:
    """Ada's answer is no surprise; Sam's is, and Cy can have the next one paged. What begins again says so."""
    world = o.world
    await world.green()
    o.slack.down = True  # so that the page is still on its way
    await red(world)
    await take(world, "sam")
    o.slack.down = False
    await o.in_time(lambda: any("you were not paged for it" in text for text in o.slack.texts("U03CY")))
    said = next(one for one in o.slack.said if "you were not paged for it" in str(one.get("text")))
    assert "production is RED" in said["text"]
    assert [e["action_id"] for b in said["blocks"] if b["type"] == "actions" for e in b["elements"]] == [
        "incident_escalate"
    ]
    await resolve(world.ledger, world.policy, world.asker("sam"), "INC-1")
    await green(world)
    world.clock.advance(10 * MINUTE)
    await red(world)

    async def reached() -> bool:
        return (await o.page("cy", incident="INC-2")).state is PageState.REACHED

    await o.in_time(reached)
    await green(world)
    await red(world)
    await o.in_time(lambda: any("Not over after all" in text for text in o.slack.texts("U03CY")))
    again = next(str(one["blocks"]) for one in o.slack.said if "Not over after all" in str(one.get("text")))
    assert "INC-2" in again
