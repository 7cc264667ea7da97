"""Timers as the workers see them, and what holds for all that is owed: due, claimed by one, and never lost."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from bot.ports import Transaction
from storage.ledger import Ledger
from storage.owed import LEASE, DeliveryTable, TimerTable
from tests.conftest import NOON, FakeClock
from tests.storage import builders as a
from tests.storage.owing import owe, set_, states, take

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def timers(ledger: Ledger, clock: FakeClock) -> TimerTable:
    return TimerTable(ledger, clock)


@pytest.fixture
def deliveries(ledger: Ledger, clock: FakeClock) -> DeliveryTable:
    return DeliveryTable(ledger, clock)


async def test_what_is_due_is_claimed_and_what_is_not_waits(
    ledger: Ledger, timers: TimerTable, clock: FakeClock
) -> None:
    await set_(ledger, a.timer("now", due_at=NOON), a.timer("later", due_at=NOON + SECOND))

    (claimed,) = await take(timers)

    assert claimed.item == a.timer("now", due_at=NOON)
    assert claimed.attempts == 1
    clock.advance(SECOND)
    assert [c.item.subject for c in await take(timers)] == ["later"]


async def test_a_finished_timer_is_gone(ledger: Ledger, timers: TimerTable, clock: FakeClock) -> None:
    await set_(ledger, a.timer())
    (claimed,) = await take(timers)

    await timers.finish(claimed)

    clock.advance(LEASE + SECOND)
    assert await take(timers) == []
    assert await timers.next_due() is None


async def test_a_timer_set_again_while_it_is_worked_on_runs_again(ledger: Ledger, timers: TimerTable) -> None:
    await set_(ledger, a.timer())
    (claimed,) = await take(timers)

    await set_(ledger, a.timer(due_at=NOON))
    await timers.finish(claimed)

    (again,) = await take(timers)
    assert again.item.due_at == NOON
    assert again.attempts == 1
    await timers.finish(again)
    assert await timers.next_due() is None


@pytest.mark.parametrize("order", [(0, 3600), (3600, 0)])
async def test_of_two_settings_during_the_work_the_earlier_wins(
    ledger: Ledger, timers: TimerTable, order: tuple[int, int]
) -> None:
    """The flow sets its own next look far away; evidence that arrived meanwhile must not wait for that."""
    await set_(ledger, a.timer())
    (claimed,) = await take(timers)

    for seconds in order:
        await set_(ledger, a.timer(due_at=NOON + seconds * SECOND))
    await timers.finish(claimed)

    (again,) = await take(timers)
    assert again.item.due_at == NOON


async def test_a_timer_that_sets_itself_for_later_waits_until_then(
    ledger: Ledger, timers: TimerTable, clock: FakeClock
) -> None:
    await set_(ledger, a.timer())
    (claimed,) = await take(timers)
    await set_(ledger, a.timer(due_at=NOON + MINUTE))
    await timers.finish(claimed)

    assert await take(timers) == []
    assert await timers.next_due() == NOON + MINUTE
    clock.advance(MINUTE)
    assert len(await take(timers)) == 1


@pytest.mark.parametrize(("first", "second"), [(5, 9), (9, 5)])
async def test_the_earliest_instant_wins(ledger: Ledger, timers: TimerTable, first: int, second: int) -> None:
    await set_(ledger, a.timer(due_at=NOON + first * SECOND))
    await set_(ledger, a.timer(due_at=NOON + second * SECOND))

    assert await timers.next_due() == NOON + 5 * SECOND


async def test_an_unscheduled_timer_does_not_run(ledger: Ledger, timers: TimerTable) -> None:
    await set_(ledger, a.timer("x"), a.timer("x", kind="run"))

    await ledger.write(lambda tx: tx.unschedule("evaluate", "x"))
    await ledger.write(lambda tx: tx.unschedule("evaluate", "never set"))

    assert [c.item.kind for c in await take(timers)] == ["run"]


async def test_unscheduled_while_it_is_worked_on_it_ends_there(ledger: Ledger, timers: TimerTable) -> None:
    await set_(ledger, a.timer())
    (claimed,) = await take(timers)

    await ledger.write(lambda tx: tx.unschedule("evaluate", "DEP-42"))
    await timers.put_off(claimed, until=NOON, code="x")
    await timers.finish(claimed)

    assert await timers.next_due() is None


@pytest.mark.requirement("D1")
async def test_a_lease_that_ends_lets_another_worker_claim(
    ledger: Ledger, timers: TimerTable, clock: FakeClock
) -> None:
    await set_(ledger, a.timer())
    await take(timers)

    clock.advance(LEASE - SECOND)
    assert await take(timers) == []
    assert await timers.next_due() == clock.now() + SECOND

    clock.advance(SECOND)
    (claimed,) = await take(timers)
    assert claimed.attempts == 2


async def test_a_renewed_lease_goes_on(ledger: Ledger, timers: TimerTable, clock: FakeClock) -> None:
    await set_(ledger, a.timer())
    claimed = await take(timers)

    clock.advance(LEASE - SECOND)
    await timers.renew(claimed)
    clock.advance(LEASE - SECOND)

    assert await take(timers) == []


async def test_who_lost_the_lease_disturbs_nobody(
    ledger: Ledger, timers: TimerTable, clock: FakeClock
) -> None:
    """A paused process wakes up and goes on as if nothing had happened."""
    await set_(ledger, a.timer())
    (stale,) = await take(timers)
    clock.advance(LEASE)
    (fresh,) = await take(timers)

    clock.advance(LEASE / 2)
    await timers.renew([stale])
    await timers.put_off(stale, until=NOON, code="late")
    await timers.finish(stale)
    await set_(ledger, a.timer())
    await timers.finish(stale)

    assert await take(timers) == []  # it is still the other's
    await timers.finish(fresh)
    assert len(await take(timers)) == 1  # and set again meanwhile


@pytest.mark.requirement("D1")
async def test_two_workers_never_hold_the_same(open_ledger: Callable[[], Ledger], clock: FakeClock) -> None:
    ledgers = [open_ledger() for _ in range(4)]
    await set_(ledgers[0], *(a.timer(f"s{n}") for n in range(40)))
    workers = [TimerTable(each, clock) for each in ledgers]

    rounds = [await asyncio.gather(*(take(w, limit=4) for w in workers)) for _ in range(4)]

    subjects = [c.item.subject for claims in rounds for claim in claims for c in claim]
    assert len(subjects) == len(set(subjects)) == 40


@pytest.mark.requirement("D1")
async def test_two_workers_never_hold_the_same_lane(
    open_ledger: Callable[[], Ledger], clock: FakeClock
) -> None:
    ledgers = [open_ledger(), open_ledger()]
    await owe(ledgers[0], *(a.delivery(f"k{n}", to=f"lane{n % 3}") for n in range(30)))
    workers = [DeliveryTable(each, clock) for each in ledgers]

    claims = await asyncio.gather(*(take(workers[n % 2]) for n in range(6)))

    lanes = [c.item.destination for claim in claims for c in claim]
    assert sorted(lanes) == ["lane0", "lane1", "lane2"]


async def test_what_was_put_off_is_tried_again_then(
    ledger: Ledger, timers: TimerTable, clock: FakeClock
) -> None:
    await set_(ledger, a.timer())
    (claimed,) = await take(timers)

    await timers.put_off(claimed, until=NOON + MINUTE, code="LookupError" * 50)

    assert await take(timers) == []
    assert await timers.next_due() == NOON + MINUTE
    clock.advance(MINUTE)
    (again,) = await take(timers)
    assert again.attempts == 2
    assert again.item.due_at == a.AT  # since when it is owed, not when it was put off to


async def test_a_renewal_under_way_does_not_take_back_what_was_put_off(
    ledger: Ledger, timers: TimerTable, clock: FakeClock
) -> None:
    await set_(ledger, a.timer())
    (claimed,) = await take(timers)

    await timers.put_off(claimed, until=NOON + SECOND, code="x")
    await timers.renew([claimed])

    clock.advance(SECOND)
    assert len(await take(timers)) == 1


async def test_set_again_during_work_that_failed_it_does_not_wait_for_the_backoff(
    ledger: Ledger, timers: TimerTable
) -> None:
    await set_(ledger, a.timer())
    (claimed,) = await take(timers)

    await set_(ledger, a.timer(due_at=NOON))
    await timers.put_off(claimed, until=NOON + MINUTE, code="x")

    assert len(await take(timers)) == 1


async def test_set_again_after_it_was_put_off_it_does_not_wait_for_the_backoff(
    ledger: Ledger, timers: TimerTable
) -> None:
    await set_(ledger, a.timer())
    (claimed,) = await take(timers)
    await timers.put_off(claimed, until=NOON + MINUTE, code="x")

    await set_(ledger, a.timer(due_at=NOON))

    assert len(await take(timers)) == 1


async def test_one_of_each_lane_is_claimed_the_oldest_first(ledger: Ledger, timers: TimerTable) -> None:
    await set_(
        ledger,
        a.timer("x", kind="second", due_at=a.AT),
        a.timer("x", kind="first", due_at=a.AT - SECOND),
        a.timer("y", kind="only", due_at=a.AT - MINUTE),
        a.timer("z", kind="busy", due_at=a.AT - MINUTE),
    )

    claimed = await take(timers, busy=frozenset({"z"}))

    assert [c.item.kind for c in claimed] == ["only", "first"]
    assert await take(timers, busy=frozenset({"z"})) == []  # x is held
    await timers.finish(claimed[1])
    assert [c.item.kind for c in await take(timers, busy=frozenset({"z"}))] == ["second"]


async def test_no_more_is_claimed_than_asked_for(ledger: Ledger, timers: TimerTable) -> None:
    await set_(ledger, *(a.timer(f"s{n}") for n in range(5)))

    assert [len(await take(timers, limit=2)) for _ in range(4)] == [2, 2, 1, 0]


async def test_with_nothing_owed_nothing_falls_due(timers: TimerTable, deliveries: DeliveryTable) -> None:
    for owed in (timers, deliveries):
        assert await owed.next_due() is None
        assert await take(owed) == []


async def test_the_next_instant_is_the_earliest_of_all(
    ledger: Ledger, timers: TimerTable, clock: FakeClock
) -> None:
    instants: list[datetime] = [NOON + n * MINUTE for n in (3, 1, 2)]
    await set_(ledger, *(a.timer(str(n), due_at=at) for n, at in enumerate(instants)))
    assert await timers.next_due() == NOON + MINUTE

    clock.advance(MINUTE)
    await take(timers)

    assert await timers.next_due() == NOON + MINUTE + LEASE


async def test_state_and_what_it_owes_fall_together(ledger: Ledger, timers: TimerTable) -> None:
    def step(tx: Transaction) -> None:
        tx.unschedule("evaluate", "DEP-42")
        tx.owe(a.delivery())
        raise RuntimeError

    await set_(ledger, a.timer())
    with pytest.raises(RuntimeError):
        await ledger.write(step)

    assert len(await take(timers)) == 1
    assert await states(ledger) == []
