"""What is no record is forgotten in time; records, entries and what is still owed never."""

from datetime import timedelta

import pytest

from bot.ports import Transaction
from storage import retention
from storage.ledger import Ledger
from storage.owed import DeliveryTable, TimerTable
from storage.retention import Retention
from storage.verification import verify
from tests.conftest import FakeClock
from tests.storage import builders as a
from tests.storage.owing import states, take

DAY = timedelta(days=1)


async def fill(ledger: Ledger, clock: FakeClock) -> None:
    """A sent, a failed and a pending delivery; an answer; a wrong code; a timer; a record."""
    deliveries = DeliveryTable(ledger, clock)

    def step(tx: Transaction) -> None:
        for key in ("sent", "failed", "pending"):
            tx.owe(a.delivery(key, to=key, due_at=clock.now()))
        tx.remember("key", "answer")
        tx.credentials.note_failure("ada", tx.now)
        tx.schedule(a.timer())
        tx.requests.put(a.request(), a.BECAUSE)

    await ledger.write(step)
    sent, failed, pending = await take(deliveries)
    await deliveries.finish(sent)
    await deliveries.give_up(failed, "x")
    await deliveries.put_off(pending, until=clock.now(), code="x")


@pytest.mark.parametrize(
    ("days", "deliveries", "remembered"),
    [
        (13, ["sent", "failed", "pending"], "answer"),
        (15, ["failed", "pending"], "answer"),
        (91, ["pending"], "answer"),
        (181, ["pending"], None),
    ],
)
async def test_each_is_kept_for_its_time(
    ledger: Ledger, clock: FakeClock, days: int, deliveries: list[str], remembered: str | None
) -> None:
    await fill(ledger, clock)
    clock.advance(days * DAY)

    await Retention(ledger, clock).prune()

    assert [state for _, state, _ in await states(ledger)] == deliveries
    assert await ledger.read(lambda tx: tx.remembered("key")) == remembered
    assert len(await take(TimerTable(ledger, clock))) == 1
    report = await verify(ledger)
    assert (report.intact, report.entries, report.records) == (True, 1, 1)


async def test_a_thousand_rows_go_in_several_transactions(ledger: Ledger, clock: FakeClock) -> None:
    many = 2 * retention.AT_ONCE + 1

    def step(tx: Transaction) -> None:
        for n in range(many):
            tx.remember(f"k{n}", n)

    await ledger.write(step)
    clock.advance(200 * DAY)

    assert await Retention(ledger, clock).prune() == many
    assert await Retention(ledger, clock).prune() == 0
