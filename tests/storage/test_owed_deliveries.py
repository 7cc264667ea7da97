"""Deliveries as the workers see them: coalesced, in order, sent again when they changed, kept when they failed."""

from datetime import timedelta

import pytest

from storage.ledger import Ledger
from storage.owed import DeliveryTable
from tests.conftest import NOON, FakeClock
from tests.storage import builders as a
from tests.storage.owing import owe, states, take

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def deliveries(ledger: Ledger, clock: FakeClock) -> DeliveryTable:
    return DeliveryTable(ledger, clock)


@pytest.mark.requirement("D1")
async def test_a_lane_with_a_thousand_items_starves_no_other(
    ledger: Ledger, deliveries: DeliveryTable
) -> None:
    await owe(ledger, *(a.delivery(f"k{n}", to="flood") for n in range(1000)), a.delivery("one", to="calm"))

    claimed = await take(deliveries, limit=2)

    assert [c.item.destination for c in claimed] == ["flood", "calm"]


async def test_pending_deliveries_of_one_key_melt_into_one(ledger: Ledger, deliveries: DeliveryTable) -> None:
    await owe(ledger, a.delivery(n=1), a.delivery("other"), a.delivery(n=2, to="channel/moved"))

    claimed = await take(deliveries)

    assert [(c.item.key, dict(c.item.facts)) for c in claimed] == [("card:DEP-42", {"n": 2}), ("other", {})]
    assert claimed[0].item.destination == "channel/moved"


async def test_one_that_was_sent_can_be_owed_again(ledger: Ledger, deliveries: DeliveryTable) -> None:
    await owe(ledger, a.delivery(n=1))
    (first,) = await take(deliveries)
    await deliveries.finish(first)
    assert await take(deliveries) == []

    await owe(ledger, a.delivery(n=2))

    (second,) = await take(deliveries)
    assert second.item.facts == {"n": 2}
    assert [state for _, state, _ in await states(ledger)] == ["sent", "pending"]


async def test_one_that_changed_while_it_was_sent_is_sent_again(
    ledger: Ledger, deliveries: DeliveryTable
) -> None:
    await owe(ledger, a.delivery(n=1))
    (first,) = await take(deliveries)

    await owe(ledger, a.delivery(n=2))
    await deliveries.finish(first)

    (second,) = await take(deliveries)
    assert second.item.facts == {"n": 2}
    await deliveries.finish(second)
    assert await states(ledger) == [("card:DEP-42", "sent", None)]


async def test_what_cannot_arrive_stays_to_be_seen(ledger: Ledger, deliveries: DeliveryTable) -> None:
    await owe(ledger, a.delivery())
    (claimed,) = await take(deliveries)

    await deliveries.give_up(claimed, "channel_not_found")

    assert await states(ledger) == [("card:DEP-42", "failed", "channel_not_found")]
    assert await deliveries.next_due() is None
    await owe(ledger, a.delivery())
    assert len(await take(deliveries)) == 1


async def test_one_that_changed_while_it_failed_is_tried_again(
    ledger: Ledger, deliveries: DeliveryTable
) -> None:
    await owe(ledger, a.delivery())
    (claimed,) = await take(deliveries)

    await owe(ledger, a.delivery(n=2))
    await deliveries.give_up(claimed, "invalid_blocks")

    assert [state for _, state, _ in await states(ledger)] == ["pending"]
    assert len(await take(deliveries)) == 1


async def test_a_lane_keeps_its_order(ledger: Ledger, deliveries: DeliveryTable) -> None:
    await owe(ledger, *(a.delivery(f"k{n}", due_at=a.AT - n * SECOND) for n in range(5)))
    sent: list[str] = []

    while claimed := await take(deliveries):
        (one,) = claimed
        sent.append(one.item.key)
        await deliveries.finish(one)

    assert sent == ["k0", "k1", "k2", "k3", "k4"]


async def test_a_pause_holds_the_whole_lane_and_no_other(
    ledger: Ledger, deliveries: DeliveryTable, clock: FakeClock
) -> None:
    await owe(ledger, a.delivery("first"), a.delivery("second"), a.delivery("elsewhere", to="calm"))
    first, elsewhere = await take(deliveries)
    await deliveries.finish(elsewhere)

    await deliveries.hold_lane(first, until=NOON + MINUTE, code="rate-limited")
    await deliveries.renew([first])
    await owe(ledger, a.delivery("third"), a.delivery("more", to="calm"))

    (more,) = await take(deliveries)
    assert more.item.key == "more"
    await deliveries.finish(more)
    clock.advance(MINUTE)
    (again,) = await take(deliveries)
    assert (again.item.key, again.attempts) == ("first", 2)


async def test_an_item_that_was_put_off_does_not_hold_its_lane(
    ledger: Ledger, deliveries: DeliveryTable
) -> None:
    await owe(ledger, a.delivery("first"), a.delivery("second"))
    (first,) = await take(deliveries)

    await deliveries.put_off(first, until=NOON + MINUTE, code="KeyError")

    assert [c.item.key for c in await take(deliveries)] == ["second"]


async def test_a_delivery_keeps_the_instant_since_which_it_is_owed(
    ledger: Ledger, deliveries: DeliveryTable, clock: FakeClock
) -> None:
    """However often it was put off: it is by that that it is given up."""
    await owe(ledger, a.delivery(due_at=NOON))
    for _ in range(3):
        (claimed,) = await take(deliveries)
        await deliveries.put_off(claimed, until=clock.now() + MINUTE, code="x")
        clock.advance(MINUTE)
        await owe(ledger, a.delivery(due_at=clock.now()))

    (claimed,) = await take(deliveries)
    assert (claimed.item.due_at, claimed.attempts) == (NOON, 4)
