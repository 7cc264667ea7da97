"""The writing thread: it outlives whatever a step, a caller, an event loop or the disk does."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError

from bot.ports import Transaction
from storage.backends import SqliteBackend
from storage.ledger import Ledger
from storage.statements import RolledBackError
from storage.verification import verify
from tests.conftest import FakeClock
from tests.postgres import in_thread
from tests.storage import builders as a
from tests.storage.builders import submit


@pytest.fixture
async def sqlite(sqlite_url: str, clock: FakeClock) -> AsyncIterator[Ledger]:
    ledger = Ledger(sqlite_url, clock)
    yield ledger
    await ledger.close()


class Held:
    """A step that keeps the thread until it is let go, so that others queue up behind it."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.go = threading.Event()

    def __call__(self, tx: Transaction) -> None:
        self.entered.set()
        assert self.go.wait(20)


async def test_steps_that_wait_together_share_one_commit(sqlite: Ledger) -> None:
    held = Held()
    commits: list[int] = []
    assert isinstance(sqlite._backend, SqliteBackend)
    event.listen(sqlite._backend.writer._engine, "commit", lambda _: commits.append(1))

    first = asyncio.create_task(sqlite.write(held))
    await asyncio.to_thread(held.entered.wait)
    rest = [asyncio.create_task(sqlite.write(submit)) for _ in range(30)]
    await asyncio.sleep(0)
    held.go.set()
    await first

    assert sorted(await asyncio.gather(*rest)) == list(range(1, 31))
    assert len(commits) == 2


@pytest.mark.parametrize("error", [asyncio.CancelledError, SystemExit, KeyboardInterrupt, GeneratorExit])
async def test_a_step_that_raises_no_ordinary_exception_ends_neither_the_thread_nor_the_caller(
    sqlite: Ledger, error: type[BaseException]
) -> None:
    def step(tx: Transaction) -> None:
        submit(tx)
        raise error

    with pytest.raises(RuntimeError, match=f"the step raised {error.__name__}"):
        await sqlite.write(step)

    assert await sqlite.write(submit) == 1


async def test_a_loop_that_closed_before_its_answer_does_not_end_the_thread(sqlite: Ledger) -> None:
    held = Held()

    async def leave() -> None:
        task = asyncio.create_task(sqlite.write(held))
        await asyncio.to_thread(held.entered.wait)
        task.cancel()

    in_thread(lambda: asyncio.run(leave()))
    held.go.set()

    async with asyncio.timeout(10):
        assert await sqlite.write(submit) == 1


async def test_a_caller_that_went_away_is_no_reason_to_leave_the_workers_asleep(sqlite: Ledger) -> None:
    """The commit stands, so what it owes must be noticed at once."""
    held = Held()
    bell = asyncio.Event()
    sqlite.bells.append(bell)

    def owing(tx: Transaction) -> None:
        held(tx)
        tx.owe(a.delivery())

    task = asyncio.create_task(sqlite.write(owing))
    await asyncio.to_thread(held.entered.wait)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    held.go.set()

    async with asyncio.timeout(10):
        await bell.wait()


async def test_a_transaction_that_sqlite_ended_by_itself_is_not_taken_for_a_commit(sqlite: Ledger) -> None:
    """On a full disk SQLite rolls back on its own; the driver's commit then says nothing."""

    def swallowing(tx: Transaction) -> None:
        submit(tx)
        tx.connection.exec_driver_sql("ROLLBACK")  # type: ignore[attr-defined]

    held = Held()
    first = asyncio.create_task(sqlite.write(held))
    await asyncio.to_thread(held.entered.wait)
    group = [asyncio.create_task(sqlite.write(step)) for step in (submit, swallowing, submit)]
    await asyncio.sleep(0)
    held.go.set()
    await first
    outcomes = await asyncio.gather(*group, return_exceptions=True)

    assert all(isinstance(o, OperationalError | RolledBackError) for o in outcomes), outcomes
    report = await verify(sqlite)
    assert (report.intact, report.entries) == (True, 0)
    assert await sqlite.write(submit) == 1


async def test_alone_too_it_is_not_taken_for_a_commit(sqlite: Ledger) -> None:
    def step(tx: Transaction) -> None:
        submit(tx)
        tx.connection.exec_driver_sql("ROLLBACK")  # type: ignore[attr-defined]

    with pytest.raises(RolledBackError):
        await sqlite.write(step)

    assert await sqlite.write(submit) == 1


async def test_a_full_database_fails_the_step_and_keeps_the_rest(sqlite: Ledger) -> None:
    await sqlite.write(submit)
    pages = await sqlite.bookkeep(lambda c: int(c.execute(text("PRAGMA page_count")).scalar_one()))
    await sqlite.bookkeep(lambda c: c.execute(text(f"PRAGMA max_page_count={pages + 2}")).scalar())

    with pytest.raises(OperationalError, match="full"):
        await sqlite.write(lambda tx: tx.requests.put(a.request(2, reason="x" * 200_000), a.BECAUSE))

    await sqlite.bookkeep(lambda c: c.execute(text("PRAGMA max_page_count=100000")).scalar())
    assert await sqlite.write(submit) == 2
    assert (await verify(sqlite)).intact


async def test_another_process_that_writes_is_waited_for(sqlite: Ledger, sqlite_url: str) -> None:
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    task = asyncio.create_task(sqlite.write(submit))
    try:
        done, _ = await asyncio.wait([task], timeout=0.2)
        assert not done
        other.execute("COMMIT")
        async with asyncio.timeout(10):
            assert await task == 1
    finally:
        other.close()
