"""Deliveries arrive: in order, without waiting for other lanes, again when it may work, and never silently not."""

import asyncio
from datetime import timedelta

import pytest

from bot.domain.owed import Delivery
from bot.jobs.deliveries import Pace, delivery_worker
from bot.jobs.work import Worker
from bot.ports import Later, Transaction, Undeliverable
from storage.ledger import Ledger
from storage.owed import LEASE, DeliveryTable
from tests.conftest import FakeClock
from tests.jobs.conftest import FakeAnnouncer, delivery_rows, fails, hangs, running, until
from tests.storage import builders as a

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
NO_PACE = Pace(0.0)


@pytest.fixture
def announcer() -> FakeAnnouncer:
    return FakeAnnouncer()


@pytest.fixture
def worker(sqlite: Ledger, clock: FakeClock, announcer: FakeAnnouncer) -> Worker[Delivery]:
    return make_worker(sqlite, clock, announcer)


def make_worker(
    ledger: Ledger, clock: FakeClock, announcer: FakeAnnouncer, *, limit: float = 60.0
) -> Worker[Delivery]:
    made = delivery_worker(DeliveryTable(ledger, clock), clock, announcer, NO_PACE, limit=limit)
    ledger.bells.append(made.bell)
    return made


async def owe(ledger: Ledger, *deliveries: Delivery) -> None:
    def step(tx: Transaction) -> None:
        for each in deliveries:
            tx.owe(each)

    await ledger.write(step)


async def is_(ledger: Ledger, key: str, state: str) -> None:
    async def holds() -> bool:
        return (await delivery_rows(ledger)).get(key, ("", None))[0] == state

    await until(holds)


@pytest.mark.requirement("D1")
async def test_a_destination_that_hangs_delays_no_other(
    sqlite: Ledger, worker: Worker[Delivery], announcer: FakeAnnouncer
) -> None:
    announcer.behaviours["stuck"] = hangs
    await owe(sqlite, a.delivery("stuck", to="A"), a.delivery("behind", to="A"), a.delivery("b1", to="B"))

    async with running(worker.run):
        await announcer.has_announced("stuck", "b1")
        await owe(sqlite, a.delivery("b2", to="B"), a.delivery("c", to="C"))
        await announcer.has_announced("b2", "c")

    assert "behind" not in announcer.announced


async def test_a_lane_is_sent_in_its_order(
    sqlite: Ledger, worker: Worker[Delivery], announcer: FakeAnnouncer
) -> None:
    keys = [f"k{n}" for n in range(20)]
    await owe(sqlite, *(a.delivery(key) for key in keys))

    async with running(worker.run):
        await announcer.has_announced(*keys)

    assert announcer.announced == keys


async def test_what_is_owed_wakes_the_worker_at_once(
    sqlite: Ledger, worker: Worker[Delivery], announcer: FakeAnnouncer
) -> None:
    """There is no second look in these tests: only the bell can have done it."""
    async with running(worker.run):
        await owe(sqlite, a.delivery("warm-up"))
        await is_(sqlite, "warm-up", "sent")
        for n in range(20):
            await owe(sqlite, a.delivery(f"k{n}"))
            await announcer.has_announced(f"k{n}")


async def test_one_that_raises_is_put_off_and_the_loop_goes_on(
    sqlite: Ledger, worker: Worker[Delivery], announcer: FakeAnnouncer, clock: FakeClock
) -> None:
    announcer.behaviours["bad"] = fails
    await owe(sqlite, a.delivery("bad"), a.delivery("good"))

    async with running(worker.run):
        await is_(sqlite, "good", "sent")
        assert announcer.announced == ["bad", "good"]
        assert (await delivery_rows(sqlite))["bad"] == ("pending", "KeyError")
        for wait in (1, 2, 4, 8):
            assert await DeliveryTable(sqlite, clock).next_due() == clock.now() + wait * SECOND
            clock.advance(wait * SECOND)
            tries = len(announcer.announced)
            sqlite.ring()
            await announcer.has_announced(*["bad"] * tries)
            await until(lambda: _put_off(sqlite, clock))

    assert worker.pulse.failed == 5
    assert worker.pulse.done == 1


async def _put_off(ledger: Ledger, clock: FakeClock) -> bool:
    due = await DeliveryTable(ledger, clock).next_due()
    return due is not None and due > clock.now() and due < clock.now() + LEASE


async def test_a_destination_that_asks_for_a_pause_gets_it_and_keeps_its_order(
    sqlite: Ledger, worker: Worker[Delivery], announcer: FakeAnnouncer, clock: FakeClock
) -> None:
    async def limited(_: Delivery) -> None:
        if announcer.announced.count("first") == 1:
            raise Later("rate-limited", 30.0)

    announcer.behaviours["first"] = limited
    table = DeliveryTable(sqlite, clock)
    await owe(sqlite, a.delivery("first", to="A"), a.delivery("second", to="A"), a.delivery("other", to="B"))

    async with running(worker.run):
        await is_(sqlite, "other", "sent")
        await until(lambda: _problem(sqlite, "first", "rate-limited"))
        clock.advance(29 * SECOND)
        assert await table.claim(limit=9, busy=frozenset()) == []
        clock.advance(SECOND)
        sqlite.ring()
        await is_(sqlite, "second", "sent")

    assert [k for k in announcer.announced if k != "other"] == ["first", "first", "second"]


async def _problem(ledger: Ledger, key: str, code: str) -> bool:
    return (await delivery_rows(ledger))[key] == ("pending", code)


async def test_a_pause_shorter_than_the_backoff_does_not_shorten_it(
    sqlite: Ledger, worker: Worker[Delivery], announcer: FakeAnnouncer, clock: FakeClock
) -> None:
    async def later(_: Delivery) -> None:
        raise Later("timeout")

    announcer.behaviours["k"] = later
    await owe(sqlite, a.delivery("k"))
    async with running(worker.run):
        await until(lambda: _problem(sqlite, "k", "timeout"))

    assert await DeliveryTable(sqlite, clock).next_due() == clock.now() + SECOND


async def test_what_always_fails_later_stops_holding_up_its_lane(
    sqlite: Ledger, worker: Worker[Delivery], announcer: FakeAnnouncer, clock: FakeClock
) -> None:
    async def later(_: Delivery) -> None:
        raise Later("internal-error")

    announcer.behaviours["bad"] = later
    await owe(sqlite, a.delivery("bad"), a.delivery("good"))
    async with running(worker.run):
        for tries in range(1, 7):
            await announcer.has_announced(*["bad"] * tries)
            await until(lambda: _put_off_or_free(sqlite, clock))
            clock.advance(timedelta(minutes=1))
            sqlite.ring()
        await is_(sqlite, "good", "sent")

    assert announcer.announced[:6] == ["bad"] * 6


async def _put_off_or_free(ledger: Ledger, clock: FakeClock) -> bool:
    rows = await delivery_rows(ledger)
    return rows["bad"][1] == "internal-error" and (
        rows["good"][0] == "sent" or await DeliveryTable(ledger, clock).claim(limit=1, busy=frozenset()) == []
    )


async def test_what_cannot_arrive_is_kept_as_failed(
    sqlite: Ledger, worker: Worker[Delivery], announcer: FakeAnnouncer
) -> None:
    async def undeliverable(_: Delivery) -> None:
        raise Undeliverable("channel_not_found")

    announcer.behaviours["k"] = undeliverable
    await owe(sqlite, a.delivery("k"))
    async with running(worker.run):
        await is_(sqlite, "k", "failed")

    assert await delivery_rows(sqlite) == {"k": ("failed", "channel_not_found")}


@pytest.mark.parametrize("error", [Later, KeyError])
async def test_after_a_day_of_trying_it_is_given_up_and_kept(
    sqlite: Ledger,
    worker: Worker[Delivery],
    announcer: FakeAnnouncer,
    clock: FakeClock,
    error: type[Exception],
) -> None:
    async def fail(_: Delivery) -> None:
        raise error("x")

    announcer.behaviours["k"] = fail
    await owe(sqlite, a.delivery("k", due_at=clock.now()))
    async with running(worker.run):
        for tries in range(1, 12):
            await announcer.has_announced(*["k"] * tries)
            await until(lambda: _settled(sqlite, clock))
            if tries == 10:
                assert (await delivery_rows(sqlite))["k"][0] == "pending"
                clock.advance(DAY)
            clock.advance(timedelta(minutes=6))
            sqlite.ring()
        await is_(sqlite, "k", "failed")


async def _settled(ledger: Ledger, clock: FakeClock) -> bool:
    """Nobody holds it any more: what is left is a wait of at most five minutes, or nothing at all."""
    rows = await delivery_rows(ledger)
    due = await DeliveryTable(ledger, clock).next_due()
    return rows["k"][0] == "failed" or (rows["k"][1] is not None and due is not None and due > clock.now())


async def test_after_days_of_absence_the_first_failure_is_not_the_last_word(
    sqlite: Ledger, worker: Worker[Delivery], announcer: FakeAnnouncer, clock: FakeClock
) -> None:
    async def later(_: Delivery) -> None:
        raise Later("ratelimited")

    announcer.behaviours["k"] = later
    await owe(sqlite, a.delivery("k", due_at=clock.now() - 3 * DAY))
    async with running(worker.run):
        await until(lambda: _problem(sqlite, "k", "ratelimited"))

    assert (await delivery_rows(sqlite))["k"][0] == "pending"


async def test_an_announcement_that_never_ends_is_cut_and_tried_again(
    sqlite: Ledger, clock: FakeClock, announcer: FakeAnnouncer
) -> None:
    worker = make_worker(sqlite, clock, announcer, limit=0.01)
    announcer.behaviours["stuck"] = hangs
    await owe(sqlite, a.delivery("stuck"), a.delivery("behind"))

    async with running(worker.run):
        await is_(sqlite, "behind", "sent")

    assert (await delivery_rows(sqlite))["stuck"] == ("pending", "TimeoutError")


async def test_one_that_changes_while_it_is_sent_is_sent_again(
    sqlite: Ledger, worker: Worker[Delivery], announcer: FakeAnnouncer
) -> None:
    async def change(_: Delivery) -> None:
        if announcer.announced.count("k") == 1:
            await owe(sqlite, a.delivery("k", n=2))

    announcer.behaviours["k"] = change
    await owe(sqlite, a.delivery("k", n=1))

    async with running(worker.run):
        await announcer.has_announced("k", "k")
        await is_(sqlite, "k", "sent")

    assert announcer.announced == ["k", "k"]


@pytest.mark.parametrize(
    ("burst", "waits"),
    [(1, [0.0, 1.0, 2.0, 3.0]), (3, [0.0, 0.0, 0.0, 1.0]), (4, [0.0, 0.0, 0.0, 0.0])],
)
async def test_a_lane_sends_a_few_at_once_and_then_one_a_second(burst: int, waits: list[float]) -> None:
    now = 1000.0
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    pace = Pace(1.0, burst, monotonic=lambda: now, sleep=sleep)
    for _ in waits:
        before = len(waited)
        await pace.wait("A")
        if len(waited) == before:
            waited.append(0.0)
    assert waited == waits

    await pace.wait("B")
    assert len(waited) == len(waits)  # another lane has its own

    now += 3600.0
    await pace.wait("A")
    assert len(waited) == len(waits)  # silence is rewarded


async def test_the_pace_forgets_lanes_of_long_ago() -> None:
    now = 0.0
    pace = Pace(1.0, monotonic=lambda: now, sleep=asyncio.sleep)
    for n in range(10_000):
        await pace.wait(f"lane{n}")
    now = 100.0

    await pace.wait("one more")

    assert list(pace._next) == ["one more"]
