"""The unit of work: all or nothing, one after another, and no change without an entry."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from bot.domain.audit import Fact
from bot.domain.incident import IncidentState
from bot.ports import Transaction
from storage import tables
from storage.ledger import Ledger
from storage.unit_of_work import Repeated
from storage.verification import verify
from storage.writer import LedgerClosedError
from tests.conftest import FakeClock
from tests.postgres import in_thread
from tests.storage import builders as a

OpenLedger = Callable[[], Ledger]
STATE = (
    tables.requests,
    tables.counters,
    tables.audit_entries,
    tables.timers,
    tables.deliveries,
    tables.received,
    tables.places,
    tables.factor_failures,
    tables.monitors,
)


class BoomError(Exception):
    """Raised by a step in the middle of its work."""


async def counts(ledger: Ledger) -> dict[str, int]:
    """How many rows each table holds."""
    return await ledger.look(
        lambda c: {t.name: c.execute(select(func.count()).select_from(t)).scalar_one() for t in STATE}
    )


def everything(tx: Transaction) -> None:
    """Write something to every kind of table."""
    number = tx.requests.next_number()
    tx.requests.put(a.request(number), a.BECAUSE)
    tx.trail.record(Fact(type="test.happened"), subject="policy")
    tx.schedule(a.timer())
    tx.owe(a.delivery())
    tx.remember("key", "answer")
    tx.put_place("DEP-42", "card", {"channel": "C1", "ts": "1.2"})
    tx.credentials.note_failure("ada", tx.now)
    tx.environments.keep(a.monitor())


def submit(tx: Transaction) -> int:
    """Write the next request."""
    number = tx.requests.next_number()
    tx.requests.put(a.request(number), a.BECAUSE)
    return number


@pytest.mark.requirement("P1")
async def test_a_step_that_raises_leaves_nothing(ledger: Ledger) -> None:
    def step(tx: Transaction) -> None:
        everything(tx)
        raise BoomError

    with pytest.raises(BoomError):
        await ledger.write(step)

    assert set((await counts(ledger)).values()) == {0}
    assert (await verify(ledger)).intact


@pytest.mark.requirement("P1")
async def test_a_step_that_returns_has_written_all_of_it(ledger: Ledger) -> None:
    await ledger.write(everything)

    found = await counts(ledger)
    assert found.pop("audit_entries") == 2
    assert set(found.values()) == {1}


async def test_what_cannot_be_canonical_takes_its_step_back(ledger: Ledger) -> None:
    unsayable = Fact(type="test.changed", facts={"n": 2**60})

    with pytest.raises(ValueError, match="safe integer"):
        await ledger.write(lambda tx: tx.requests.put(a.request(), unsayable))

    assert set((await counts(ledger)).values()) == {0}


async def test_one_failing_step_among_many_takes_nothing_with_it(ledger: Ledger) -> None:
    def failing(tx: Transaction) -> int:
        submit(tx)
        raise BoomError

    steps = [failing if n % 5 == 2 else submit for n in range(40)]

    outcomes = await asyncio.gather(*(ledger.write(step) for step in steps), return_exceptions=True)

    numbers = sorted(o for o in outcomes if isinstance(o, int))
    assert numbers == list(range(1, 33))
    assert [type(o) for o in outcomes if not isinstance(o, int)] == [BoomError] * 8
    assert (await verify(ledger)).entries == 32


async def test_a_step_that_breaks_a_constraint_in_a_group_breaks_no_other(ledger: Ledger) -> None:
    def clashing(tx: Transaction) -> None:
        tx.remember("same", 1)
        tx.remember("same", 2)

    outcomes = await asyncio.gather(
        ledger.write(submit), ledger.write(clashing), ledger.write(submit), return_exceptions=True
    )

    assert [outcomes[0], outcomes[2]] == [1, 2]
    assert isinstance(outcomes[1], Repeated)
    assert await ledger.read(lambda tx: tx.remembered("same")) is None


async def test_fifty_concurrent_writers_give_consecutive_numbers_and_an_intact_chain(
    open_ledger: OpenLedger,
) -> None:
    """Through several ledgers, as several processes would."""
    ledgers = [open_ledger() for _ in range(3)]

    numbers = await asyncio.gather(*(ledgers[n % 3].write(submit) for n in range(50)))

    assert sorted(numbers) == list(range(1, 51))
    report = await verify(ledgers[0])
    assert (report.intact, report.entries, report.records) == (True, 50, 50)


async def test_a_number_that_was_rolled_back_is_given_again(ledger: Ledger) -> None:
    def failing(tx: Transaction) -> None:
        assert tx.requests.next_number() == 2
        assert tx.requests.next_number() == 3
        raise BoomError

    assert await ledger.write(submit) == 1
    with pytest.raises(BoomError):
        await ledger.write(failing)

    assert await ledger.write(submit) == 2
    assert await ledger.write(lambda tx: tx.incidents.next_number()) == 1


@pytest.mark.requirement("D1")
async def test_two_who_find_nothing_and_write_it_do_not_both_find_nothing(open_ledger: OpenLedger) -> None:
    """What a row lock cannot do: there is no row yet to lock."""

    def open_once(tx: Transaction) -> bool:
        if tx.incidents.open("production"):
            return False
        number = tx.incidents.next_number()
        tx.incidents.put(a.incident(number, state=IncidentState.OPEN), a.BECAUSE)
        return True

    ledgers = [open_ledger(), open_ledger()]

    opened = await asyncio.gather(*(ledgers[n % 2].write(open_once) for n in range(20)))

    assert sum(opened) == 1


@pytest.mark.requirement("D1")
async def test_one_key_is_decided_once_from_two_connections(open_ledger: OpenLedger) -> None:
    def decide(tx: Transaction) -> tuple[object, bool]:
        seen = tx.remembered("slack:123")
        if seen is not None:
            return seen, True
        number = submit(tx)
        tx.remember("slack:123", number)
        return number, False

    ledgers = [open_ledger(), open_ledger()]

    answers = await asyncio.gather(*(ledgers[n % 2].write(decide) for n in range(10)))

    assert sorted(answers) == [(1, False)] + [(1, True)] * 9
    assert (await verify(ledgers[0])).entries == 1


async def test_a_step_that_finds_the_key_taken_runs_again_and_finds_the_answer(ledger: Ledger) -> None:
    await ledger.write(lambda tx: tx.remember("key", "first"))
    tries: list[int] = []

    def hasty(tx: Transaction) -> object:
        tries.append(1)
        if len(tries) == 1:
            tx.remember("key", "second")  # without having looked: as if the other had been a moment later
        return tx.remembered("key")

    assert await ledger.write(hasty) == "first"
    assert len(tries) == 2


async def test_nothing_is_no_answer_to_remember(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="None"):
        await ledger.write(lambda tx: tx.remember("key", None))


async def test_a_read_sees_one_instant(ledger: Ledger, database_url: str, clock: FakeClock) -> None:
    """A commit between two queries of one read is not half seen."""
    await ledger.write(submit)

    async def write_from_elsewhere() -> None:
        other = Ledger(database_url, clock)
        await other.write(submit)
        await other.close()

    def look(tx: Transaction) -> tuple[int, int]:
        before = len(tx.trail.entries())
        in_thread(lambda: asyncio.run(write_from_elsewhere()))
        return before, len(tx.trail.entries())

    assert await ledger.read(look) == (1, 1)
    assert await ledger.read(lambda tx: len(tx.trail.entries())) == 2


async def test_a_read_cannot_write(ledger: Ledger) -> None:
    with pytest.raises(Exception, match=r"read-?only"):
        await ledger.read(submit)

    assert (await counts(ledger))["requests"] == 0


async def test_a_commit_rings_only_where_work_is_owed(ledger: Ledger) -> None:
    bell = asyncio.Event()
    ledger.bells.append(bell)

    await ledger.write(submit)
    assert not bell.is_set()

    await ledger.write(lambda tx: tx.schedule(a.timer()))
    assert bell.is_set()

    bell.clear()
    await ledger.write(lambda tx: tx.owe(a.delivery()))
    assert bell.is_set()


async def test_work_that_was_rolled_back_rings_no_bell(ledger: Ledger) -> None:
    bell = asyncio.Event()
    ledger.bells.append(bell)

    def step(tx: Transaction) -> None:
        tx.schedule(a.timer())
        raise BoomError

    with pytest.raises(BoomError):
        await ledger.write(step)

    assert not bell.is_set()


async def test_a_caller_that_goes_away_leaves_the_ledger_working(ledger: Ledger) -> None:
    writes = [asyncio.create_task(ledger.write(submit)) for _ in range(10)]
    await asyncio.sleep(0)
    for write in writes[::2]:
        write.cancel()
    outcomes = await asyncio.gather(*writes, return_exceptions=True)

    last = await ledger.write(submit)

    kept = [o for o in outcomes if isinstance(o, int)]
    assert len(kept) == 5
    report = await verify(ledger)
    assert report.intact
    assert report.entries == report.records == last


async def test_a_closed_ledger_refuses_instead_of_waiting_for_ever(ledger: Ledger) -> None:
    await ledger.write(submit)
    await ledger.close()

    async with asyncio.timeout(5):
        with pytest.raises(LedgerClosedError):
            await ledger.write(submit)
        await ledger.close()


async def test_closing_finishes_what_is_queued(ledger: Ledger, open_ledger: OpenLedger) -> None:
    writes = [asyncio.create_task(ledger.write(submit)) for _ in range(20)]
    await asyncio.sleep(0)

    async with asyncio.timeout(10):
        await ledger.close()
        outcomes = await asyncio.gather(*writes, return_exceptions=True)

    written = [o for o in outcomes if isinstance(o, int)]
    assert all(isinstance(o, int | LedgerClosedError) for o in outcomes)
    assert (await verify(open_ledger())).entries == len(written)


async def test_a_step_knows_the_instant_it_runs_at(ledger: Ledger, clock: FakeClock) -> None:
    before = clock.now()
    clock.advance(timedelta(hours=2))

    assert await ledger.write(lambda tx: tx.now) == before + timedelta(hours=2)
    assert await ledger.read(lambda tx: tx.now) == before + timedelta(hours=2)


async def test_places_are_kept_and_moved(ledger: Ledger) -> None:
    assert await ledger.read(lambda tx: tx.place("DEP-1", "card")) is None

    await ledger.write(lambda tx: tx.put_place("DEP-1", "card", {"channel": "C1", "ts": "1.0"}))
    await ledger.write(lambda tx: tx.put_place("DEP-1", "thread", {"ts": "9"}))
    await ledger.write(lambda tx: tx.put_place("DEP-1", "card", {"channel": "C2", "ts": "2.0"}))

    assert await ledger.read(lambda tx: tx.place("DEP-1", "card")) == {"channel": "C2", "ts": "2.0"}
    assert await ledger.read(lambda tx: tx.place("DEP-1", "thread")) == {"ts": "9"}
    assert await ledger.read(lambda tx: tx.place("DEP-2", "card")) is None
