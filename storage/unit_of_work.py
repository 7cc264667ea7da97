"""One transaction of the ledger: state, audit entries, timers and deliveries. The only code that commits."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import JsonValue
from sqlalchemy import Connection, bindparam, delete, select, update
from sqlalchemy.exc import IntegrityError

from bot.domain.audit import Entry, Fact, entry
from bot.domain.owed import Delivery, Timer
from bot.ports import Place
from storage import records, tables
from storage.credentials import CredentialTable
from storage.documents import text_of
from storage.feeds import FeedTable
from storage.identities import IdentityTable
from storage.incidents import IncidentTable, PageTable, PostmortemTable
from storage.instants import to_micros
from storage.intents import IntentTable
from storage.overrides import OverrideTable
from storage.statements import check_under_way, set_again, take_turn, upsert

Step = Callable[["UnitOfWork"], Any]
REMEMBERED = select(tables.received.c.answer).where(tables.received.c.key == bindparam("k"))
REMEMBER = tables.received.insert()
_place = tables.places.c
PLACE = select(_place.place).where(
    _place.subject == bindparam("of"), _place.surface == bindparam("on_surface")
)
UNSCHEDULE = delete(tables.timers).where(tables.timers.c.key == bindparam("k"))
_head = tables.audit_head.c
HEAD = select(_head.seq, _head.hash).where(_head.id == 1).with_for_update()
APPEND = tables.audit_entries.insert()
MOVE_HEAD = (
    update(tables.audit_head)
    .where(_head.id == 1)
    .values(seq=bindparam("new_seq"), hash=bindparam("new_hash"))
)


class UnitOfWork:
    """`bot.ports.Transaction` over one connection. Entries are buffered and chained when the step is done, so
    that the head of the chain is locked last and for the shortest time.

    `connection` is for this package's own bookkeeping; what sees a `Transaction` does not see it.
    """

    def __init__(self, connection: Connection, now: datetime) -> None:
        self.connection = connection
        self.now = now
        self.owes = False  # whether a worker should be woken once this is committed
        self._facts: list[tuple[Fact, str, JsonValue]] = []
        note = self._note
        self.requests = records.RequestTable(connection, note)
        self.approvals = records.ApprovalTable(connection, note)
        self.evidence = records.EvidenceTable(connection, note)
        self.runs = records.RunTable(connection, note)
        self.environments = records.EnvironmentTable(connection, note)
        self.incidents = IncidentTable(connection, note)
        self.pages = PageTable(connection, note)
        self.postmortems = PostmortemTable(connection, note)
        self.overrides = OverrideTable(connection, note)
        self.credentials = CredentialTable(connection, note)
        self.identities = IdentityTable(connection, note)
        self.intents = IntentTable(connection)
        self.freezes = records.FreezeTable(connection, note)
        self.feeds = FeedTable(connection)
        self.trail = Trail(connection, note)

    def remembered(self, key: str) -> JsonValue | None:
        """The answer given before under this key; None where it is new."""
        text = self.connection.execute(REMEMBERED, {"k": key}).scalar()
        return None if text is None else json.loads(text)

    def remember(self, key: str, answer: JsonValue) -> None:
        """Keep the answer. Raises `Repeated` where the key has one, ValueError for None, which means "never seen"."""
        if answer is None:
            raise ValueError("None cannot be told from never having answered")
        row = {"key": key, "at": to_micros(self.now), "answer": text_of(answer)}
        try:
            self.connection.execute(REMEMBER, row)
        except IntegrityError as error:
            raise Repeated(key) from error

    def schedule(self, timer: Timer) -> None:
        """Set a timer; one that stands already runs again, at the earlier of the two instants."""
        row = {
            "key": timer.key,
            "kind": timer.kind,
            "subject": timer.subject,
            "due_at": to_micros(timer.due_at),
        }
        set_again(self.connection, tables.timers, row, now=to_micros(self.now))
        self.owes = True

    def unschedule(self, kind: str, subject: str) -> None:
        """Drop a timer; nothing happens where there is none."""
        key = Timer(kind=kind, subject=subject, due_at=self.now).key
        self.connection.execute(UNSCHEDULE, {"k": key})

    def owe(self, delivery: Delivery) -> None:
        """Owe a message; a pending one under the same key is made current instead of sent twice."""
        row = {
            "key": delivery.key,
            "kind": delivery.kind,
            "destination": delivery.destination,
            "subject": delivery.subject,
            "facts": text_of(dict(delivery.facts)),
            "due_at": to_micros(delivery.due_at),
            "created_at": to_micros(self.now),
        }
        set_again(self.connection, tables.deliveries, row, now=to_micros(self.now))
        self.owes = True

    def place(self, subject: str, surface: str) -> Place | None:
        """Where a message stands, or how to reach who asked."""
        text = self.connection.execute(PLACE, {"of": subject, "on_surface": surface}).scalar()
        return None if text is None else json.loads(text)

    def put_place(self, subject: str, surface: str, place: Place) -> None:
        """Remember where a message stands."""
        row = {"subject": subject, "surface": surface, "place": text_of(dict(place))}
        upsert(self.connection, tables.places, row, key=("subject", "surface"))

    def _note(self, fact: Fact, subject: str, state: JsonValue) -> None:
        self._facts.append((fact, subject, state))

    def chain(self) -> None:
        """Append the buffered entries. Reads the head under its lock: the last thing before the commit."""
        if not self._facts:
            return
        seq, previous = self.connection.execute(HEAD).one()
        rows = []
        for fact, subject, state in self._facts:
            seq += 1
            e = entry(seq=seq, at=self.now, fact=fact, subject=subject, state=state, previous=previous)
            rows.append({"seq": e.seq, "hash": e.hash, "subject": subject, "body": e.body})
            previous = e.hash
        self.connection.execute(APPEND, rows)
        self.connection.execute(MOVE_HEAD, {"new_seq": seq, "new_hash": previous})
        self._facts.clear()


class Trail:
    """`bot.ports.Trail`: entries without a record, and reading them."""

    def __init__(self, connection: Connection, note: records.Record) -> None:
        self._connection = connection
        self._note = note

    def record(self, fact: Fact, *, subject: str) -> None:
        """An entry for something that happened without changing a record."""
        self._note(fact, subject, None)

    def entries(self, *, after: int = 0, limit: int = 1000, subject: str | None = None) -> Sequence[Entry]:
        """Entries in their order, from the one after `after`."""
        c = tables.audit_entries.c
        query = select(c.seq, c.hash, c.body).where(c.seq > after).order_by(c.seq).limit(limit)
        if subject is not None:
            query = query.where(c.subject == subject)
        return [Entry(seq=seq, hash=hash_, body=body) for seq, hash_, body in self._connection.execute(query)]


class Repeated(Exception):  # noqa: N818
    """Another transaction took the same key first; to run the step again finds its answer."""


@dataclass(slots=True)
class Outcome:
    """What came of one step: a value or an exception, and whether workers have something new."""

    value: Any = None
    error: BaseException | None = None
    owes: bool = False


def run_together(connection: Connection, steps: Sequence[Step], now: Callable[[], datetime]) -> list[Outcome]:
    """Run the steps in one database transaction and commit once (group commit).

    Each step has a savepoint of its own, so one that raises takes nothing with it. When this returns, every
    step without an error is on disk. Raises where the transaction or its commit fails: then none of them is.
    """
    alone = len(steps) == 1
    with connection.begin() as transaction:
        take_turn(connection)
        outcomes = [_run(connection, step, now, savepoint=not alone) for step in steps]
        if alone and outcomes[0].error is not None:
            transaction.rollback()
        else:
            check_under_way(connection)
    return outcomes


def _run(connection: Connection, step: Step, now: Callable[[], datetime], *, savepoint: bool) -> Outcome:
    nested = connection.begin_nested() if savepoint else None
    unit = UnitOfWork(connection, now())
    try:
        value = step(unit)
        check_under_way(connection)
        unit.chain()
    except BaseException as error:  # noqa: BLE001  -- it is handed to the caller who waits for it
        if nested is not None:
            nested.rollback()
        return Outcome(error=error)
    if nested is not None:
        nested.commit()
    return Outcome(value=value, owes=unit.owes)
