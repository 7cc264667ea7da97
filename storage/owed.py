"""The workers' side of timers and deliveries: claims with a lease, fenced by a generation, one per lane."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    FromClause,
    Row,
    Table,
    Update,
    and_,
    bindparam,
    case,
    delete,
    exists,
    false,
    func,
    not_,
    select,
    tuple_,
    update,
)

from bot.domain.owed import Claimed, Delivery, Timer
from bot.ports import Clock
from storage import tables
from storage.instants import from_micros, to_micros
from storage.ledger import Ledger
from storage.statements import greatest

T = TypeVar("T")
LEASE = timedelta(seconds=20)  # renewed every 5 s; overdue work runs within 30 s of a restart (promise 5)
PROBLEM = 128  # characters of a problem's code that are kept


class OwedTable(Generic[T]):
    """Claims rows of one table. While a row's lease runs, nobody else gets it or any other row of its lane."""

    table: Table
    lane: str  # the column that names it

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        # Building a statement takes longer than running it, and these run for every item: they are built once.
        c = self.table.c
        due = self._due()
        self._anything = select(exists(due))
        place = func.row_number().over(partition_by=c[self.lane], order_by=self._order())
        first = due.add_columns(place.label("place")).subquery()
        self._query = (
            select(self.table)
            .where(c.id.in_(select(first.c.id).where(first.c.place == 1)))
            .order_by(*self._order())
            .limit(bindparam("most"))
        )
        self._take = (
            update(self.table)
            .where(c.id.in_(bindparam("ids", expanding=True)))
            .values(
                lease_until=bindparam("lease"),
                attempts=c.attempts + 1,
                generation=c.generation + 1,
                again=false(),
            )
        )
        latest = (c.due_at, c.not_before, c.lease_until)
        self._next_by_dialect = {
            dialect: select(func.min(greatest(dialect, *latest))).where(*self._pending(self.table))
            for dialect in ("sqlite", "postgresql")
        }
        mine = and_(c.id == bindparam("row"), c.generation == bindparam("held"), *self._pending(self.table))
        self._mine_once = and_(mine, not_(c.again))
        self._seen: tuple[int, int | None] | None = None  # after which commit, and what falls due next

    def _now(self, busy: frozenset[str]) -> dict[str, Any]:
        return {"now": to_micros(self._clock.now()), "busy": list(busy)}

    async def claim(self, *, limit: int, busy: frozenset[str]) -> list[Claimed[T]]:
        """Take the first due row of each free lane that is not `busy`, oldest first, at most `limit`."""
        commits = self._ledger.commits
        anything, due = await self._ledger.look(lambda c: self._look(c, busy))
        self._seen = None if anything else (commits, due)
        if not anything:
            return []  # a read costs a tenth of a write, and most looks find nothing
        return await self._ledger.bookkeep(lambda connection: self._claim(connection, limit, busy))

    async def renew(self, claimed: Sequence[Claimed[T]]) -> None:
        """Keep the leases of work that goes on; not of what somebody else has claimed since."""
        held = [(c.id, c.generation) for c in claimed]
        c = self.table.c
        statement = (
            update(self.table)
            .where(tuple_(c.id, c.generation).in_(held), *self._pending(self.table))
            .values(lease_until=self._lease())
        )
        await self._ledger.bookkeep(lambda connection: connection.execute(statement))

    async def put_off(self, claimed: Claimed[T], *, until: datetime, code: str) -> None:
        """It did not work: try again at `until`, or when it was set again for; its lane goes on without it."""
        c = self.table.c
        later = case((c.again, 0), else_=to_micros(until))
        await self._let_go(claimed, not_before=later, lease_until=0, problem=code[:PROBLEM])

    async def finish(self, claimed: Claimed[T]) -> None:
        """It is done; unless it was set again meanwhile, in which case it runs again."""
        await self._ledger.bookkeep(lambda connection: self._finish(connection, claimed))

    async def next_due(self) -> datetime | None:
        """When the next row falls due or its lease ends; None where nothing is owed."""
        seen, self._seen = self._seen, None
        if seen is not None and seen[0] == self._ledger.commits:
            micros = seen[1]  # a claim found nothing, and nothing was written since
        else:
            micros = await self._ledger.look(self._next)
        return None if micros is None else from_micros(micros)

    def _look(self, connection: Connection, busy: frozenset[str]) -> tuple[bool, int | None]:
        """Whether anything can be claimed; where not, what falls due next, which is asked for then, in one way."""
        anything = bool(connection.execute(self._anything, self._now(busy)).scalar())
        return anything, None if anything else self._next(connection)

    def _claim(self, connection: Connection, limit: int, busy: frozenset[str]) -> list[Claimed[T]]:
        rows = connection.execute(self._query, self._now(busy) | {"most": limit}).all()
        if rows:
            connection.execute(self._take, {"ids": [row.id for row in rows], "lease": self._lease()})
        return [
            Claimed(item=self._item(r), id=r.id, generation=r.generation + 1, attempts=r.attempts + 1)
            for r in rows
        ]

    def _due(self) -> Any:
        """The ids of the rows that could be claimed now."""
        c = self.table.c
        now: BindParameter[int] = bindparam("now")
        busy: BindParameter[Any] = bindparam("busy", expanding=True)
        held = self.table.alias("held")
        taken = select(held.c[self.lane]).where(held.c.lease_until > now, *self._pending(held))
        return select(c.id).where(
            c.due_at <= now,
            c.not_before <= now,
            c.lease_until <= now,
            *self._pending(self.table),
            c[self.lane].not_in(taken),
            c[self.lane].not_in(busy),
        )

    def _next(self, connection: Connection) -> int | None:
        value: int | None = connection.execute(self._next_by_dialect[connection.dialect.name]).scalar()
        return value

    def _lease(self) -> int:
        return to_micros(self._clock.now() + LEASE)

    def _held(self, claimed: Claimed[T]) -> ColumnElement[bool]:
        """Its row, while it is still the claimer's."""
        c = self.table.c
        return and_(c.id == claimed.id, c.generation == claimed.generation, *self._pending(self.table))

    async def _let_go(self, claimed: Claimed[T], **values: Any) -> None:
        await self._ledger.bookkeep(lambda connection: connection.execute(self._without(claimed, **values)))

    def _release(self, connection: Connection, claimed: Claimed[T]) -> None:
        connection.execute(self._without(claimed, lease_until=0, attempts=0, problem=None))

    def _without(self, claimed: Claimed[T], **values: Any) -> Update:
        """The row is nobody's any more: a renewal that was under way must not lease it again."""
        generation = self.table.c.generation + 1
        return update(self.table).where(self._held(claimed)).values(generation=generation, **values)

    def _pending(self, table: FromClause) -> list[ColumnElement[bool]]:  # noqa: ARG002 -- for subclasses
        return []

    def _order(self) -> list[ColumnElement[Any]]:
        raise NotImplementedError  # pragma: no cover -- abstract

    def _item(self, row: Row[Any]) -> T:
        raise NotImplementedError  # pragma: no cover -- abstract

    def _finish(self, connection: Connection, claimed: Claimed[T]) -> None:
        raise NotImplementedError  # pragma: no cover -- abstract


class TimerTable(OwedTable[Timer]):
    """Timers; a lane is a timer's subject, so that two timers of one request never run at once."""

    table = tables.timers
    lane = "subject"

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        super().__init__(ledger, clock)
        self._delete_once = delete(self.table).where(self._mine_once)

    def _order(self) -> list[ColumnElement[Any]]:
        return [self.table.c.due_at, self.table.c.id]

    def _item(self, row: Row[Any]) -> Timer:
        return Timer(kind=row.kind, subject=row.subject, due_at=from_micros(row.due_at))

    def _finish(self, connection: Connection, claimed: Claimed[Timer]) -> None:
        values = {"row": claimed.id, "held": claimed.generation}
        if connection.execute(self._delete_once, values).rowcount == 0:
            self._release(connection, claimed)


class DeliveryTable(OwedTable[Delivery]):
    """Deliveries; a lane is a destination."""

    table = tables.deliveries
    lane = "destination"

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        super().__init__(ledger, clock)
        ended = {"state": bindparam("new_state"), "problem": bindparam("new_problem"), "lease_until": 0}
        self._settle_once = update(self.table).where(self._mine_once).values(ended)

    async def hold_lane(self, claimed: Claimed[Delivery], *, until: datetime, code: str) -> None:
        """The destination takes nothing before `until`: this delivery and those behind it keep their order."""
        await self._let_go(claimed, lease_until=to_micros(until), problem=code[:PROBLEM])

    async def give_up(self, claimed: Claimed[Delivery], code: str) -> None:
        """It cannot arrive; it stays in the table for people to see."""
        await self._ledger.bookkeep(lambda c: self._settle(c, claimed, "failed", code[:PROBLEM]))

    def _pending(self, table: FromClause) -> list[ColumnElement[bool]]:
        return [table.c.state == "pending"]

    def _order(self) -> list[ColumnElement[Any]]:
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

    def _settle(
        self, connection: Connection, claimed: Claimed[Delivery], state: str, problem: str | None
    ) -> None:
        values = {"new_state": state, "new_problem": problem, "row": claimed.id, "held": claimed.generation}
        if connection.execute(self._settle_once, values).rowcount == 0:
            self._release(connection, claimed)
