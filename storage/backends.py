"""Where steps and queries run: on SQLite in threads of our own, on PostgreSQL over asyncpg."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Protocol, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from storage.engines import async_engine, is_sqlite
from storage.readers import SqliteReaders
from storage.unit_of_work import Outcome, Step, run_together
from storage.writer import LedgerClosedError, SqliteWriter

T = TypeVar("T")
Tell = Callable[[Outcome], None]


class Backend(Protocol):
    """What the ledger needs of a database. `tell` hears of every outcome, whether its caller still waits or not."""

    async def run(self, step: Step, *, patient: bool) -> Outcome:
        """Run one step in a transaction of its own; what it raised is in the outcome. Raises LedgerClosedError."""
        ...

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run a query that sees one instant and writes nothing."""
        ...

    async def close(self) -> None:
        """Finish what is queued and let go of the database."""
        ...


def backend_of(url: str, now: Callable[[], datetime], tell: Tell) -> Backend:
    """The backend for a database URL. Raises DatabaseUrlError. The database is opened when it is first used."""
    return SqliteBackend(url, now, tell) if is_sqlite(url) else PostgresBackend(url, now, tell)


class SqliteBackend:
    """One thread that writes, two that read."""

    def __init__(self, url: str, now: Callable[[], datetime], tell: Tell) -> None:
        self.writer = SqliteWriter(url, now)
        self._readers = SqliteReaders(url)
        self._tell = tell

    async def run(self, step: Step, *, patient: bool) -> Outcome:
        """See Backend; a patient step lets those of people go first."""
        done = self.writer.submit(step, patient=patient)
        # Not by whoever waits: they may have gone away, and the work is owed all the same.
        done.add_done_callback(lambda filled: None if filled.cancelled() else self._tell(filled.result()))
        outcome = await asyncio.shield(done)
        if outcome.error is not None and not isinstance(outcome.error, Exception):
            # In the thread nobody was cancelled and nobody is to exit: to raise it here would say so.
            raise RuntimeError(f"the step raised {type(outcome.error).__name__}") from outcome.error
        return outcome

    async def read(self, query: Callable[[Connection], T]) -> T:
        """See Backend."""
        return await self._readers.read(query)

    async def close(self) -> None:
        """See Backend."""
        await asyncio.to_thread(self.writer.close)
        await asyncio.to_thread(self._readers.close)


class PostgresBackend:
    """A pool of connections; steps run one after another, in the order in which they came."""

    def __init__(self, url: str, now: Callable[[], datetime], tell: Tell) -> None:
        self._engine = async_engine(url)
        self._reading = self._engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        self._now = now
        self._tell = tell
        # A step waits here rather than on a connection, which the readers need.
        self._turn = asyncio.Lock()
        self._closed = False

    async def run(self, step: Step, *, patient: bool) -> Outcome:  # noqa: ARG002 -- all wait for their turn
        """See Backend."""
        async with self._turn:
            if self._closed:
                raise LedgerClosedError("the ledger is closed")
            try:
                async with self._engine.connect() as connection:
                    outcomes = await connection.run_sync(lambda c: run_together(c, [step], self._now))
                    self._tell(outcomes[0])
                    return outcomes[0]
            except DBAPIError as error:
                return Outcome(error=error)

    async def read(self, query: Callable[[Connection], T]) -> T:
        """See Backend."""
        async with self._reading.connect() as connection:
            return await connection.run_sync(query)

    async def close(self) -> None:
        """See Backend."""
        self._closed = True
        async with self._turn:
            await self._engine.dispose()
