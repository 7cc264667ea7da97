"""The message of a page says how it stands, and a chain of nobody's writing tells nobody twice in a round."""

import pytest

from bot.flows import paging
from bot.flows.answer_incident import acknowledge, resolve
from bot.flows.escalate import raise_now
from tests.flows.paging_world import CHAIN, Post, green, red
from tests.flows.world import MINUTE, World

pytestmark = pytest.mark.requirement("F7")
UNSAID = CHAIN[0], "contacts: {primary: cy, backup: ada}\n"


async def posted(world: World) -> list[str]:
    """Every page owed in Slack is posted; gives the pages."""
    found = []
    for delivery in await world.deliveries("page"):
        await paging.posted(world.ledger, delivery, {"channel": "D1", "ts": delivery.subject})
        await paging.arrived(world.ledger, world.policy, delivery)
        found.append(delivery.subject)
    return found


async def updates(world: World) -> list[tuple[str, str]]:
    return [(d.subject, d.destination) for d in await world.deliveries("page-update")]


@pytest.mark.parametrize("answer", [acknowledge, resolve])
async def test_each_message_of_a_page_is_brought_up_to_date_once_when_somebody_answered(
    world: World, answer: object
) -> None:
    await world.reload(CHAIN)
    incident = await red(world)
    await posted(world)
    await world.pass_time(5 * MINUTE)
    await posted(world)
    await answer(world.ledger, world.policy, world.asker("ada"), incident)  # type: ignore[operator]
    assert await updates(world) == [
        ("INC-1/1/cy", "slack:user:U03CY"),
        ("INC-1/2/ada", "slack:user:U01ADA"),
        ("INC-1/2/slack:channel:incidents", "slack:channel:incidents"),
    ]
    assert await updates(world) == []


async def test_green_says_so_too_and_what_was_never_posted_is_not_edited(world: World) -> None:
    await world.reload(CHAIN)
    await world.green()
    await red(world)
    await green(world)
    assert await updates(world) == []
    await world.pass_time(20 * MINUTE)
    await red(world)
    await posted(world)
    await green(world)
    assert [subject for subject, _ in await updates(world)] == ["INC-2/1/cy"]


async def test_a_page_that_was_answered_while_it_was_on_its_way_is_edited_as_soon_as_it_stands(
    world: World,
) -> None:
    incident = await red(world)
    (delivery,) = await world.deliveries("page")
    await acknowledge(world.ledger, world.policy, world.asker("ada"), incident)
    assert await updates(world) == []
    await paging.posted(world.ledger, delivery, {"channel": "D1", "ts": "1"})
    assert await updates(world) == [("INC-1/1/cy", "slack:user:U03CY")]


async def test_what_is_raised_again_can_be_answered_from_the_old_message_too(world: World) -> None:
    incident = await red(world)
    await posted(world)
    await acknowledge(world.ledger, world.policy, world.asker("cy"), incident)
    assert len(await updates(world)) == 1
    await raise_now(world.ledger, world.policy, world.asker("cy"), incident, key="k")
    assert ("INC-1/1/cy", "slack:user:U03CY") in await updates(world)


async def test_a_contact_who_is_on_call_is_told_once_a_round_and_no_time_is_lost(world: World) -> None:
    """Cy is on call and the primary contact: after five minutes Ada hears of it, and not Cy once more."""
    await world.reload(UNSAID)
    incident = await red(world)
    post = Post(world)
    await post.deliver()
    await world.pass_time(5 * MINUTE)
    await post.deliver()
    assert post.sent == ["slack:user:U03CY", "slack:user:U01ADA", "email:ada"]
    await world.pass_time(5 * MINUTE)  # the next round begins with whoever is on call
    await post.deliver()
    assert post.sent[3:] == ["slack:user:U03CY"]
    await world.pass_time(60 * MINUTE)
    await post.deliver()
    assert [d for d in post.sent if d == "slack:user:U03CY"] == ["slack:user:U03CY"] * 3
    chain = (await world.incident(incident)).escalation
    assert chain is not None
    assert (chain.exhausted, chain.next_at) == (True, None)
    assert (await world.types(f"incident/{incident}"))[-1] == "incident.unanswered"


async def test_where_the_only_contact_is_on_call_each_round_tells_them_once(world: World) -> None:
    await world.reload((CHAIN[0], "contacts: {primary: cy}\n"))
    await red(world)
    post = Post(world)
    for _ in range(8):
        await post.deliver()
        await world.pass_time(5 * MINUTE)
    assert post.sent == ["slack:user:U03CY"] * 3
    assert (await world.types("incident/INC-1"))[-1] == "incident.unanswered"


async def test_a_page_to_somebody_on_call_that_failed_is_tried_again_as_their_contact(world: World) -> None:
    await world.reload(UNSAID)
    await red(world)
    post = Post(world, failing={"slack:user:U03CY"})
    await post.deliver()
    assert [p.id for p in await pages(world)] == ["INC-1/1/cy", "INC-1/2/cy"]


async def pages(world: World) -> list[paging.Page]:
    return await world.ledger.read(lambda tx: tx.pages.of("INC-1"))
