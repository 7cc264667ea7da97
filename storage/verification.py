"""Verify the audit trail: recompute every hash, rebuild every record from its last entry, compare with the tables."""

import json
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection, Row, select

from bot.domain.audit import GENESIS
from bot.domain.canonical import canonical, sha256
from storage import tables
from storage.documents import Document
from storage.ledger import Ledger
from storage.nouns import RECORDS
from storage.records import RecordTable

PAGE = 5000


@dataclass(slots=True)
class Report:
    """What was found; `problems` empty means intact."""

    entries: int = 0
    records: int = 0
    head: str = GENESIS
    problems: list[str] = field(default_factory=list)

    @property
    def intact(self) -> bool:
        return not self.problems


async def verify(ledger: Ledger) -> Report:
    """Read the whole trail as of one instant, never trusting a stored hash (P1).

    Never raises for what it finds: every difference is a problem in the report. Tail truncation shows against the
    head row; whoever rewrites that too is caught by a checkpoint outside.
    """
    return await ledger.look(_verify)


def _verify(connection: Connection) -> Report:
    report = Report()
    latest: dict[str, str] = {}  # of each record: the digest of its state in its last entry
    _chain(connection, report, latest)
    heads = connection.execute(select(tables.audit_head.c.seq, tables.audit_head.c.hash)).all()
    if heads != [(report.entries, report.head)]:
        said = f"{heads[0].seq} entries ending in {heads[0].hash}" if heads else "nothing: its row is gone"
        report.problems.append(f"the head says {said}; found {report.entries}, {report.head}")
    for noun in RECORDS:
        _records(connection, report, latest, noun)
    report.problems.extend(f"{subject}: its entries exist, the record is gone" for subject in latest)
    return report


def _chain(connection: Connection, report: Report, latest: dict[str, str]) -> None:
    c = tables.audit_entries.c
    after: int | None = None
    while True:
        query = select(c.seq, c.hash, c.subject, c.body).order_by(c.seq).limit(PAGE)
        rows = connection.execute(query if after is None else query.where(c.seq > after)).all()
        if not rows:
            return
        for row in rows:
            _entry(report, latest, row)
        after = rows[-1].seq


def _entry(report: Report, latest: dict[str, str], row: Row[int, str, str, bytes]) -> None:
    seq, stored, subject, body = row
    found = sha256(body)
    if seq != report.entries + 1:
        report.problems.append(f"entry {report.entries + 1} is missing")
    if found != stored:
        report.problems.append(f"entry {seq}: its bytes do not have its hash")
    said = _plain(body)
    if not isinstance(said, dict):
        report.problems.append(f"entry {seq}: its bytes are no entry")
        said = {}
    elif said.get("previous") != report.head:
        report.problems.append(f"entry {seq}: it does not continue the entry before it")
    elif (said.get("seq"), said.get("subject")) != (seq, subject):
        report.problems.append(f"entry {seq}: its row and its bytes differ")
    if said.get("state") is not None:
        latest[subject] = _digest(said["state"])
    report.entries = seq
    report.head = found


def _records(
    connection: Connection, report: Report, latest: dict[str, str], noun: type[RecordTable[Any]]
) -> None:
    """Every record equals the state in its last entry, and is found by what it says; none is without entries."""
    document: Document[Any] = Document(noun.kind)
    rows = connection.execute(select(noun.table).execution_options(yield_per=PAGE))
    for row in rows.mappings():
        subject = f"{noun.noun}/{row['id']}"
        state = latest.pop(subject, None)
        report.records += 1
        if state is None:
            report.problems.append(f"{subject}: no entry tells of it")
        elif _digest(_plain(row["document"])) != state:
            report.problems.append(f"{subject}: the record is not what its last entry says")
        elif not _found_by(noun, document, row):
            report.problems.append(f"{subject}: the columns that find it do not fit the record")


def _found_by(noun: type[RecordTable[Any]], document: Document[Any], row: Any) -> bool:
    try:
        columns = noun.columns(document.restore(row["document"]))
    except ValidationError:
        return False
    return all(row[name] == value for name, value in columns.items())


def _plain(text: bytes | str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _digest(state: Any) -> str:
    try:
        return sha256(canonical(state))
    except (ValueError, TypeError, RecursionError):
        return "not canonical"
