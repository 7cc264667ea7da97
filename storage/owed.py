"""The workers' side of timers and deliveries: claims with a lease, fenced by a generation."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, Row, Table, and_, delete, func, select, update

from bot.domain.owed import Claimed, Delivery, Timer
from bot.ports import Clock
from storage import tables
from storage.instants import from_micros, to_micros
from storage.ledger import Ledger

T = TypeVar("T")
LEASE = timedelta(
    seconds=20
)  # with a renewal every 5 s; overdue work runs within 30 s of a restart (promise 5)


class OwedTable(Generic[T]):
    """Claims rows of one table. Two processes never hold the same row while its lease runs."""

    table: Table

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock

    async def claim(self, *, limit: int, busy: frozenset[str]) -> list[Claimed[T]]:
        """Take what is due and not in a `busy` lane, oldest first, at most `limit`."""
        if not await self._ledger.read(lambda unit: self._due(unit._connection, limit=1, busy=busy)):  # type: ignore[attr-defined]  # noqa: SLF001
            return []  # a read costs a tenth of a write, and most looks find nothing
        return await self._ledger.on_connection(lambda c: self._claim(c, limit, busy))

    def _claim(self, connection: Connection, limit: int, busy: frozenset[str]) -> list[Claimed[T]]:
        rows = self._due(connection, limit=limit, busy=busy, lock=True)
        if rows:
            until = to_micros(self._clock.now() + LEASE)
            c = self.table.c
            connection.execute(
                update(self.table)
                .where(c.id.in_([r.id for r in rows]))
                .values(lease_until=until, attempts=c.attempts + 1)
            )
        return [
            Claimed(item=self._item(r), id=r.id, generation=r.generation, attempts=r.attempts + 1)
            for r in rows
        ]

    async def renew(self, claimed: Sequence[Claimed[T]]) -> None:
        """Keep the leases of work that goes on."""
        until = to_micros(self._clock.now() + LEASE)
        ids = [c.id for c in claimed]
        c = self.table.c
        await self._ledger.on_connection(
            lambda connection: connection.execute(
                update(self.table).where(c.id.in_(ids)).values(lease_until=until)
            )
        )

    async def put_off(self, claimed: Claimed[T], *, until: datetime, code: str) -> None:
        """It did not work: try again at `until`."""
        await self._ledger.on_connection(
            lambda connection: connection.execute(
                update(self.table)
                .where(self.table.c.id == claimed.id)
                .values(due_at=to_micros(until), lease_until=0, problem=code[:128])
            )
        )

    async def next_due(self) -> datetime | None:
        """When the next row falls due or its lease ends; None where nothing is owed."""
        micros = await self._ledger.read(lambda unit: self._next(unit._connection))  # type: ignore[attr-defined]  # noqa: SLF001
        return None if micros is None else from_micros(micros)

    def _next(self, connection: Connection) -> int | None:
        c = self.table.c
        latest = (
            func.max(c.due_at, c.lease_until)
            if connection.dialect.name == "sqlite"
            else func.greatest(c.due_at, c.lease_until)
        )
        value: int | None = connection.execute(select(func.min(latest)).where(*self._pending())).scalar()
        return value

    def _pending(self) -> list[Any]:
        return []

    def _due(
        self, connection: Connection, *, limit: int, busy: frozenset[str], lock: bool = False
    ) -> Sequence[Row[Any]]:
        c = self.table.c
        now = to_micros(self._clock.now())
        query = (
            select(self.table)
            .where(and_(c.due_at <= now, c.lease_until <= now, *self._pending(), *self._free(busy)))
            .order_by(*self._order())
            .limit(limit)
        )
        return connection.execute(query.with_for_update(skip_locked=True) if lock else query).all()

    def _free(self, busy: frozenset[str]) -> list[Any]:
        raise NotImplementedError  # pragma: no cover -- abstract

    def _order(self) -> list[Any]:
        return [self.table.c.due_at, self.table.c.id]

    def _item(self, row: Row[Any]) -> T:
        raise NotImplementedError  # pragma: no cover -- abstract

    async def finish(self, claimed: Claimed[T]) -> None:
        """It is done; unless it was set again meanwhile, in which case it runs again."""
        await self._ledger.on_connection(lambda connection: self._finish(connection, claimed))

    def _finish(self, connection: Connection, claimed: Claimed[T]) -> None:
        raise NotImplementedError  # pragma: no cover -- abstract

    def _release(self, connection: Connection, claimed: Claimed[T]) -> None:
        connection.execute(
            update(self.table)
            .where(self.table.c.id == claimed.id)
            .values(lease_until=0, attempts=0, problem=None)
        )


class TimerTable(OwedTable[Timer]):
    """Timers; a lane is a timer's subject, so that two timers of one request never run at once."""

    table = tables.timers

    def _free(self, busy: frozenset[str]) -> list[Any]:
        return [self.table.c.subject.not_in(busy)] if busy else []

    def _item(self, row: Row[Any]) -> Timer:
        return Timer(kind=row.kind, subject=row.subject, due_at=from_micros(row.due_at))

    def _finish(self, connection: Connection, claimed: Claimed[Timer]) -> None:
        c = self.table.c
        done = connection.execute(
            delete(self.table).where(c.id == claimed.id, c.generation == claimed.generation)
        )
        if done.rowcount == 0:
            self._release(connection, claimed)


class DeliveryTable(OwedTable[Delivery]):
    """Deliveries; a lane is a destination."""

    table = tables.deliveries

    def _pending(self) -> list[Any]:
        return [self.table.c.state == "pending"]

    def _free(self, busy: frozenset[str]) -> list[Any]:
        return [self.table.c.destination.not_in(busy)] if busy else []

    def _order(self) -> list[Any]:
        return [self.table.c.id]

    def _item(self, row: Row[Any]) -> Delivery:
        return Delivery(
            key=row.key,
            kind=row.kind,
            destination=row.destination,
            subject=row.subject,
            due_at=from_micros(row.due_at),
            facts=json.loads(row.facts),
        )

    def _finish(self, connection: Connection, claimed: Claimed[Delivery]) -> None:
        self._settle(connection, claimed, "sent", None)

    async def give_up(self, claimed: Claimed[Delivery], code: str) -> None:
        """It cannot arrive; it stays in the table for people to see."""
        await self._ledger.on_connection(lambda c: self._settle(c, claimed, "failed", code[:128]))

    def _settle(
        self, connection: Connection, claimed: Claimed[Delivery], state: str, problem: str | None
    ) -> None:
        c = self.table.c
        done = connection.execute(
            update(self.table)
            .where(c.id == claimed.id, c.generation == claimed.generation, c.state == "pending")
            .values(state=state, problem=problem, lease_until=0)
        )
        if done.rowcount == 0:
            self._release(connection, claimed)
