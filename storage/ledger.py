"""The ledger on SQLite and on PostgreSQL: where steps run, and who is told after the commit."""

import asyncio
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.ports import Clock, Transaction
from storage.engines import async_engine, is_sqlite, writer_engine
from storage.unit_of_work import Outcome, Repeated, Step, UnitOfWork, run_together

T = TypeVar("T")
BATCH = 64  # steps that share one fsync at most; more would only make the first of them wait
ATTEMPTS = 4  # of a step that lost a race inside the database


class Ledger:
    """`bot.ports.Ledger`. `bell` is set whenever committed work waits for a worker."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._clock = clock
        self._engine: AsyncEngine = async_engine(url)
        self._writer = SqliteWriter(url, clock.now) if is_sqlite(url) else None
        self.bells: list[asyncio.Event] = []

    async def write(self, step: Callable[[Transaction], T]) -> T:
        """Run `step` in one transaction; when this returns it is on disk. An exception rolls back and is raised."""
        for attempt in range(1, ATTEMPTS + 1):
            outcome = await self._run(step)
            if outcome.error is None:
                if outcome.owes:
                    self.ring()
                value: T = outcome.value
                return value
            if attempt == ATTEMPTS or not _lost_a_race(outcome.error):
                raise outcome.error
        raise AssertionError  # pragma: no cover -- the loop returns or raises

    async def read(self, query: Callable[[Transaction], T]) -> T:
        """Run a query that writes nothing."""
        async with self._engine.connect() as connection:
            return await connection.run_sync(lambda c: query(UnitOfWork(c, self._clock.now())))

    async def on_connection(self, work: Callable[[Connection], T]) -> T:
        """Bookkeeping of this package (claims and leases), in a transaction of its own, without an audit entry."""
        return await self.write(lambda unit: work(unit._connection))  # type: ignore[attr-defined]  # noqa: SLF001

    def ring(self) -> None:
        """Wake the workers of this process."""
        for bell in self.bells:
            bell.set()

    async def close(self) -> None:
        """Finish what is queued and let go of the database."""
        if self._writer is not None:
            await asyncio.to_thread(self._writer.close)
        await self._engine.dispose()

    async def _run(self, step: Step) -> Outcome:
        if self._writer is not None:
            return await self._writer.run(step)
        try:
            async with self._engine.connect() as connection:
                outcomes = await connection.run_sync(lambda c: run_together(c, [step], self._clock.now))
                return outcomes[0]
        except DBAPIError as error:
            return Outcome(error=error)


def _lost_a_race(error: BaseException) -> bool:
    """Whether another transaction was in the way, so that the same step may succeed when it is run again."""
    if isinstance(error, Repeated):
        return True
    state = getattr(getattr(error, "orig", None), "sqlstate", None)
    return state in ("40001", "40P01")  # serialization failure, deadlock


@dataclass(slots=True)
class _Job:
    step: Step
    loop: asyncio.AbstractEventLoop
    done: "asyncio.Future[Outcome]" = field(repr=False)


class SqliteWriter:
    """The one thread that writes SQLite: a step takes one hop, and steps that wait together share one fsync."""

    def __init__(self, url: str, now: Callable[[], datetime]) -> None:
        self._engine = writer_engine(url)
        self._now = now
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="ledger-writer", daemon=True)
        self._thread.start()

    async def run(self, step: Step) -> Outcome:
        """Queue the step and wait until it is on disk or has failed."""
        loop = asyncio.get_running_loop()
        job = _Job(step, loop, loop.create_future())
        self._jobs.put(job)
        # A caller that goes away must not leave a future that the thread cannot fill.
        return await asyncio.shield(job.done)

    def close(self) -> None:
        """Finish the queue and end the thread."""
        self._jobs.put(None)
        self._thread.join()
        self._engine.dispose()

    def _work(self) -> None:
        connection: Connection | None = None
        while (job := self._jobs.get()) is not None:
            batch, last = self._batch(job)
            try:
                connection = connection or self._engine.connect()
                outcomes = run_together(connection, [j.step for j in batch], self._now)
            except BaseException as error:  # noqa: BLE001  -- it is handed to everybody who waits
                outcomes = [Outcome(error=error) for _ in batch]
                if connection is not None:
                    connection.invalidate()
                    connection.close()
                    connection = None
            _answer(batch, outcomes)
            if last:
                break
        if connection is not None:
            connection.close()

    def _batch(self, first: _Job) -> tuple[list[_Job], bool]:
        batch = [first]
        while len(batch) < BATCH:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is None:
                return batch, True
            batch.append(job)
        return batch, False


def _answer(batch: list[_Job], outcomes: list[Outcome]) -> None:
    """Give the outcomes back, with one wake-up for each event loop that waits."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[_Job, Outcome]]] = {}
    for job, outcome in zip(batch, outcomes, strict=True):
        by_loop.setdefault(job.loop, []).append((job, outcome))
    for loop, answers in by_loop.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_settle, answers)


def _settle(answers: list[tuple[_Job, Any]]) -> None:
    for job, outcome in answers:
        if not job.done.done():
            job.done.set_result(outcome)
