"""The ledger on SQLite and on PostgreSQL: where steps run, and who is told after the commit."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection

from bot.ports import Clock, Transaction
from storage.backends import backend_of
from storage.unit_of_work import Outcome, Repeated, UnitOfWork

T = TypeVar("T")
ATTEMPTS = 4  # of a step that lost a race inside the database


class Ledger:
    """`bot.ports.Ledger`. Every event in `bells` is set whenever committed work waits for a worker."""

    def __init__(self, url: str, clock: Clock) -> None:
        """Raises DatabaseUrlError. The database is opened when it is first used."""
        self._clock = clock
        self._backend = backend_of(url, clock.now, self._tell)
        self.bells: list[asyncio.Event] = []
        self.commits = 0
        """Of this process: what was read before another one may be old."""

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
        await self._backend.close()

    async def _write(self, step: Callable[[UnitOfWork], T], *, patient: bool = False) -> T:
        for attempt in range(1, ATTEMPTS + 1):
            outcome = await self._backend.run(step, patient=patient)
            if outcome.error is None:
                value: T = outcome.value
                return value
            if attempt == ATTEMPTS or not _lost_a_race(outcome.error):
                raise outcome.error
        raise AssertionError  # pragma: no cover -- the loop returns or raises

    async def _read(self, query: Callable[[UnitOfWork], T]) -> T:
        def look(connection: Connection) -> T:
            return query(UnitOfWork(connection, self._clock.now()))

        return await self._backend.read(look)

    def _tell(self, outcome: Outcome) -> None:
        self.commits += 1
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
