"""The ledger on SQLite and on PostgreSQL: where steps run, and who is told after the commit."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.ports import Clock, Transaction
from storage.engines import async_engine, is_sqlite, reading
from storage.readers import SqliteReaders
from storage.unit_of_work import Outcome, Repeated, Step, UnitOfWork, run_together
from storage.writer import LedgerClosedError, SqliteWriter

T = TypeVar("T")
ATTEMPTS = 4  # of a step that lost a race inside the database


class Ledger:
    """`bot.ports.Ledger`. Every event in `bells` is set whenever committed work waits for a worker."""

    def __init__(self, url: str, clock: Clock) -> None:
        """Raises DatabaseUrlError. The database is opened when it is first used."""
        self._clock = clock
        self._engine: AsyncEngine = async_engine(url)  # opens nothing yet; SQLite has its own threads
        self._reading = reading(self._engine)
        self._writer = SqliteWriter(url, clock.now) if is_sqlite(url) else None
        self._readers = SqliteReaders(url) if is_sqlite(url) else None
        # On PostgreSQL a step waits here rather than on a connection, which the readers need.
        self._turn = asyncio.Lock()
        self._closed = False
        self.bells: list[asyncio.Event] = []

    async def write(self, step: Callable[[Transaction], T]) -> T:
        """Run `step` in one transaction; when this returns it is on disk. An exception rolls back and is raised.

        Steps run one after another, on PostgreSQL too. A step that lost a race inside the database runs again, so
        it must not have effects of its own. A caller that is cancelled may find it committed. Raises
        LedgerClosedError after `close`.
        """
        return await self._write(step)

    @property
    def in_background(self) -> "BackgroundLedger":
        """The same ledger for work that nobody waits for: its steps let those of people go first."""
        return BackgroundLedger(self)

    async def write_patiently(self, step: Callable[[Transaction], T]) -> T:
        """Like `write`, behind whatever a person waits for. On PostgreSQL steps go in their order."""
        return await self._write(step, patient=True)

    async def read(self, query: Callable[[Transaction], T]) -> T:
        """Run a query that writes nothing; all it sees is of one instant."""
        return await self._read(query)

    async def bookkeep(self, work: Callable[[Connection], T]) -> T:
        """Write what is this package's own (claims, leases, retention): a transaction without an audit entry."""
        return await self._write(lambda unit: work(unit.connection), patient=True)

    async def look(self, query: Callable[[Connection], T]) -> T:
        """Read what is this package's own."""
        return await self._read(lambda unit: query(unit.connection))

    def ring(self) -> None:
        """Wake the workers of this process."""
        for bell in self.bells:
            bell.set()

    async def close(self) -> None:
        """Finish what is queued and let go of the database."""
        self._closed = True
        if self._writer is not None:
            await asyncio.to_thread(self._writer.close)
        if self._readers is not None:
            await asyncio.to_thread(self._readers.close)
        async with self._turn:
            await self._engine.dispose()

    async def _write(self, step: Callable[[UnitOfWork], T], *, patient: bool = False) -> T:
        for attempt in range(1, ATTEMPTS + 1):
            outcome = await self._run(step, patient=patient)
            if outcome.error is None:
                value: T = outcome.value
                return value
            if attempt == ATTEMPTS or not _lost_a_race(outcome.error):
                raise outcome.error
        raise AssertionError  # pragma: no cover -- the loop returns or raises

    async def _read(self, query: Callable[[UnitOfWork], T]) -> T:
        def look(connection: Connection) -> T:
            return query(UnitOfWork(connection, self._clock.now()))

        if self._readers is not None:
            return await self._readers.read(look)
        async with self._reading.connect() as connection:
            return await connection.run_sync(look)

    async def _run(self, step: Step, *, patient: bool) -> Outcome:
        if self._writer is not None:
            return await self._run_in_thread(self._writer.submit(step, patient=patient))
        async with self._turn:
            if self._closed:
                raise LedgerClosedError("the ledger is closed")
            try:
                async with self._engine.connect() as connection:
                    outcome = (await connection.run_sync(lambda c: run_together(c, [step], self._clock.now)))[
                        0
                    ]
                    self._tell(outcome)
                    return outcome
            except DBAPIError as error:
                return Outcome(error=error)

    async def _run_in_thread(self, done: "asyncio.Future[Outcome]") -> Outcome:
        # Not by whoever waits: they may have gone away, and the work is owed all the same.
        done.add_done_callback(lambda filled: None if filled.cancelled() else self._tell(filled.result()))
        outcome = await asyncio.shield(done)
        if outcome.error is not None and not isinstance(outcome.error, Exception):
            # In the thread nobody was cancelled and nobody is to exit: to raise it here would say so.
            raise RuntimeError(f"the step raised {type(outcome.error).__name__}") from outcome.error
        return outcome

    def _tell(self, outcome: Outcome) -> None:
        if outcome.owes:
            self.ring()


class BackgroundLedger:
    """`bot.ports.Ledger` for timers, readings and deliveries: durable all the same, only not first in the queue."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def write(self, step: Callable[[Transaction], T]) -> T:
        """As `Ledger.write`, behind whatever a person waits for."""
        return await self._ledger.write_patiently(step)

    async def read(self, query: Callable[[Transaction], T]) -> T:
        """As `Ledger.read`."""
        return await self._ledger.read(query)


def _lost_a_race(error: BaseException) -> bool:
    """Whether another transaction was in the way, so that the same step may succeed when it is run again."""
    if isinstance(error, Repeated):
        return True
    state = getattr(getattr(error, "orig", None), "sqlstate", None)
    return state in ("40001", "40P01")  # serialization failure, deadlock
