"""The records' tables behind the ports: find, restore, write with an audit entry."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import Any, Generic, TypeVar

from pydantic import JsonValue
from sqlalchemy import ColumnElement, Connection, Select, Table, bindparam, func, or_, select, update

from bot.domain.approval import Approval
from bot.domain.audit import Fact
from bot.domain.change_request import OPEN, ChangeRequest, RequestState
from bot.domain.deployment import Run
from bot.domain.environment import Colour, EnvironmentState, MonitorState, Turn
from bot.domain.evidence import Evidence
from bot.domain.freeze import Freeze
from storage import tables
from storage.documents import Document, text_of
from storage.instants import from_micros, to_micros
from storage.statements import next_number, upsert

R = TypeVar("R")
Record = Callable[[Fact, str, JsonValue], None]  # writes the audit entry of a changed record


@cache
def _by_id(table: Table, lock: bool) -> Select[str]:
    query = select(table.c.document).where(table.c.id == bindparam("k"))
    return query.with_for_update() if lock else query


@cache
def _by(table: Table, column: str) -> Select[str]:
    """The documents with the value `k` in a column, in no order."""
    return select(table.c.document).where(table.c[column] == bindparam("k"))


@cache
def _open_requests(scope: tuple[str, ...]) -> Select[str]:
    c = tables.requests.c
    where = [
        c.state.in_(bindparam("states", expanding=True)),
        *(c[name] == bindparam(name) for name in scope),
    ]
    return select(c.document).where(*where).order_by(c.number)


@cache
def _evidence(columns: tuple[str, ...]) -> Select[str]:
    """Statements about a service, newest first, by what else is named."""
    c = tables.evidence.c
    where = (c[name] == bindparam(name) for name in ("service", *columns))
    return select(c.document).where(*where).order_by(c.at.desc(), c.id).limit(bindparam("most"))


@cache
def _monitors(of_one: bool) -> Select[str]:
    c = tables.monitors.c
    query = select(c.document).order_by(c.id)
    return query.where(c.environment == bindparam("environment")) if of_one else query


@cache
def _freezes_since() -> Select[str]:
    c = tables.freezes.c
    where = or_(c.over_at.is_(None), c.over_at > bindparam("since"))
    return select(c.document).where(where).order_by(c.number)


class RecordTable(Generic[R]):
    """One noun's table. Subclasses name the columns to find by."""

    table: Table
    kind: type[Any]
    noun: str

    def __init__(self, connection: Connection, record: Record) -> None:
        self._connection = connection
        self._record = record
        self._document: Document[R] = Document(self.kind)

    @staticmethod
    def columns(record: Any) -> dict[str, Any]:
        """The key and the columns to find the record by."""
        raise NotImplementedError  # pragma: no cover -- abstract

    def get(self, id: str, *, lock: bool = False) -> R | None:  # noqa: A002
        """The record, or None. `lock`: nobody else changes it until this transaction ends."""
        if "\0" in id:  # PostgreSQL takes no text with it, so nothing is called so
            return None
        text = self._connection.execute(_by_id(self.table, lock), {"k": id}).scalar()
        return None if text is None else self._document.restore(text)

    def put(self, record: R, because: Fact) -> None:
        """Write the record and owe its audit entry to the same transaction."""
        plain = self._document.plain(record)
        columns = self.columns(record)
        upsert(self._connection, self.table, {**columns, "document": text_of(plain)}, key=("id",))
        self._record(because, f"{self.noun}/{columns['id']}", plain)

    def _all(self, query: Select[str], values: Mapping[str, Any] | None = None) -> list[R]:
        found = self._connection.execute(query, values or {})
        return [self._document.restore(text) for text in found.scalars()]

    def _with(self, column: str, value: str) -> list[R]:
        """The records with this value in a column, in no order."""
        return self._all(_by(self.table, column), {"k": value})

    def _query(self, *where: ColumnElement[bool]) -> Select[str]:
        return select(self.table.c.document).where(*where)


class RequestTable(RecordTable[ChangeRequest]):
    table, kind, noun = tables.requests, ChangeRequest, "request"

    @staticmethod
    def columns(record: ChangeRequest) -> dict[str, Any]:
        return {
            "id": record.id,
            "number": record.number,
            "service": record.service,
            "environment": record.environment,
            "artifact": record.artifact.tag,
            "state": record.state.value,
        }

    def next_number(self) -> int:
        """The next request number; the counter's row stays locked until the transaction ends, so none is skipped."""
        return next_number(self._connection, "request")

    def open(
        self,
        *,
        service: str | None = None,
        environment: str | None = None,
        artifact: str | None = None,
        state: RequestState | None = None,
    ) -> list[ChangeRequest]:
        """Requests to which something may still happen, oldest first; of one tag or in one state where named."""
        names = ("service", "environment", "artifact")
        scope = dict(zip(names, (service, environment, artifact), strict=True))
        query = _open_requests(tuple(name for name, value in scope.items() if value is not None))
        states = [s.value for s in ((state,) if state is not None else OPEN)]
        return self._all(query, {**scope, "states": states})

    def newest(
        self,
        *,
        limit: int,
        before: int | None = None,
        service: str | None = None,
        environment: str | None = None,
    ) -> list[ChangeRequest]:
        """A page of requests, newest first, before the request number `before`."""
        c = self.table.c
        where = self._scope(service, environment)
        if before is not None:
            where.append(c.number < before)
        return self._all(self._query(*where).order_by(c.number.desc()).limit(limit))

    def _scope(self, service: str | None, environment: str | None) -> list[ColumnElement[bool]]:
        c = self.table.c
        named = ((c.service, service), (c.environment, environment))
        return [column == value for column, value in named if value is not None]


class ApprovalTable(RecordTable[Approval]):
    table, kind, noun = tables.approvals, Approval, "approval"

    @staticmethod
    def columns(record: Approval) -> dict[str, Any]:
        return {"id": record.id, "request": record.request}

    def of(self, request: str) -> list[Approval]:
        """All signatures on a request, of every revision, oldest first."""
        found = self._with("request", request)
        return sorted(found, key=lambda a: (a.revision, a.signed_at, a.person))


class EvidenceTable(RecordTable[Evidence]):
    table, kind, noun = tables.evidence, Evidence, "evidence"

    @staticmethod
    def columns(record: Evidence) -> dict[str, Any]:
        return {
            "id": record.id,
            "service": record.service,
            "artifact": record.artifact,
            "kind": record.kind.value,
            "environment": record.environment,
            "at": to_micros(record.at),
        }

    def about(self, service: str, *, artifact: str | None, limit: int = 1000) -> list[Evidence]:
        """The newest statements about a service, or about one artifact of it, newest first."""
        named = () if artifact is None else ("artifact",)
        return self._all(_evidence(named), {"service": service, "artifact": artifact, "most": limit})

    def deployments(self, service: str, environment: str, *, limit: int = 200) -> list[Evidence]:
        """What was deployed where, newest first."""
        wanted = {"service": service, "kind": "deployment", "environment": environment, "most": limit}
        return self._all(_evidence(("kind", "environment")), wanted)


class RunTable(RecordTable[Run]):
    table, kind, noun = tables.runs, Run, "run"

    @staticmethod
    def columns(record: Run) -> dict[str, Any]:
        return {"id": record.id, "request": record.request, "state": record.state.value}

    def of(self, request: str) -> list[Run]:
        """The runs of a request, oldest first."""
        return sorted(self._with("request", request), key=lambda r: r.intended_at)

    def keep_output(self, run: str, output: str) -> None:
        """Keep what the deployer printed, beside the record; its digest is in the record."""
        # PostgreSQL's text cannot hold NUL; a program may print one.
        clean = output.replace("\x00", "\N{REPLACEMENT CHARACTER}")
        self._connection.execute(update(self.table).where(self.table.c.id == run).values(output=clean))

    def output(self, run: str) -> str | None:
        """What the deployer printed, capped; None where nothing is kept."""
        text: str | None = self._connection.execute(
            select(self.table.c.output).where(self.table.c.id == run)
        ).scalar()
        return text


class EnvironmentTable(RecordTable[EnvironmentState]):
    table, kind, noun = tables.environments, EnvironmentState, "environment"

    @staticmethod
    def columns(record: EnvironmentState) -> dict[str, Any]:
        return {"id": record.name}

    def put(self, record: EnvironmentState, because: Fact) -> None:
        """Write the record with its audit entry; a colour that begins now stands in its history from now on."""
        super().put(record, because)
        row = {
            "environment": record.name,
            "since": to_micros(record.since),
            "colour": record.colour.value,
            "causes": text_of(list(record.causes)),
        }
        upsert(self._connection, tables.turns, row, key=("environment", "since"))

    def turns(self, environment: str, *, since: datetime) -> list[Turn]:
        """How its colour went from `since` on, oldest first, the colour that it had at that instant included."""
        c = tables.turns.c
        low = to_micros(since)
        before = (
            select(func.max(c.since)).where(c.environment == environment, c.since <= low).scalar_subquery()
        )
        query = (
            select(c.since, c.colour, c.causes)
            .where(c.environment == environment, c.since >= func.coalesce(before, low))
            .order_by(c.since)
        )
        return [
            Turn(since=from_micros(at), colour=Colour(colour), causes=tuple(json.loads(causes)))
            for at, colour, causes in self._connection.execute(query)
        ]

    def monitors(self, environment: str | None = None) -> list[MonitorState]:
        """What is held of each monitor, by environment and name."""
        query, document = _monitors(environment is not None), Document(MonitorState)
        found = self._connection.execute(query, {"environment": environment})
        return [document.restore(text) for text in found.scalars()]

    def keep(self, monitor: MonitorState) -> None:
        """Keep a measurement. Not audited: the colour it leads to is."""
        row = {
            "id": monitor.id,
            "environment": monitor.environment,
            "document": text_of(Document(MonitorState).plain(monitor)),
        }
        upsert(self._connection, tables.monitors, row, key=("id",))


class FreezeTable(RecordTable[Freeze]):
    table, kind, noun = tables.freezes, Freeze, "freeze"

    @staticmethod
    def columns(record: Freeze) -> dict[str, Any]:
        return {
            "id": record.id,
            "number": int(record.id.rpartition("-")[2]),
            "over_at": None if record.over_at is None else to_micros(record.over_at),
        }

    def next_number(self) -> int:
        """The next freeze number."""
        return next_number(self._connection, "freeze")

    def since(self, instant: datetime) -> list[Freeze]:
        """Freezes that were not over at `instant`, oldest first: those ahead, those in force and what ended since."""
        return self._all(_freezes_since(), {"since": to_micros(instant)})

    def newest(self, *, limit: int) -> list[Freeze]:
        """The freezes declared last, newest first, over or not."""
        return self._all(self._query().order_by(self.table.c.number.desc()).limit(limit))


RECORDS: tuple[type[RecordTable[Any]], ...] = (
    RequestTable,
    ApprovalTable,
    EvidenceTable,
    RunTable,
    EnvironmentTable,
    FreezeTable,
)
"""The audited nouns of this module; `storage.nouns` lists all."""
