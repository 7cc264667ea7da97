"""Verify the audit trail: recompute every hash, rebuild every record from its last entry, compare with the tables."""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select

from bot.domain.audit import GENESIS
from bot.domain.canonical import canonical
from storage import tables
from storage.ledger import Ledger

PAGE = 5000
AUDITED = {
    "request": tables.requests,
    "approval": tables.approvals,
    "evidence": tables.evidence,
    "run": tables.runs,
    "environment": tables.environments,
    "incident": tables.incidents,
    "credential": tables.credentials,
}


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
    """Read the whole trail, never trusting a stored hash. Tail truncation shows against the head row."""
    return await ledger.read(lambda unit: _verify(unit._connection))  # type: ignore[attr-defined]  # noqa: SLF001


def _verify(connection: Connection) -> Report:
    report = Report()
    latest: dict[str, bytes] = {}
    _chain(connection, report, latest)
    seq, head = connection.execute(select(tables.audit_head.c.seq, tables.audit_head.c.hash)).one()
    if (seq, head) != (report.entries, report.head):
        report.problems.append(
            f"the head says {seq} entries ending in {head}; found {report.entries}, {report.head}"
        )
    _records(connection, report, latest)
    return report


def _chain(connection: Connection, report: Report, latest: dict[str, bytes]) -> None:
    c = tables.audit_entries.c
    after = 0
    while rows := connection.execute(
        select(c.seq, c.hash, c.subject, c.body).where(c.seq > after).order_by(c.seq).limit(PAGE)
    ).all():
        for seq, stored, subject, body in rows:
            _entry(report, latest, seq, stored, subject, body)
        after = rows[-1].seq


def _entry(
    report: Report, latest: dict[str, bytes], seq: int, stored: str, subject: str, body: bytes
) -> None:
    found = "sha256:" + hashlib.sha256(body).hexdigest()
    said: dict[str, Any] = json.loads(body)
    if seq != report.entries + 1:
        report.problems.append(f"entry {report.entries + 1} is missing")
    if found != stored:
        report.problems.append(f"entry {seq}: its bytes do not have its hash")
    if said.get("previous") != report.head:
        report.problems.append(f"entry {seq}: it does not continue the entry before it")
    if (said.get("seq"), said.get("subject")) != (seq, subject):
        report.problems.append(f"entry {seq}: its row and its bytes differ")
    if said.get("state") is not None:
        latest[subject] = canonical(said["state"])
    report.entries = seq
    report.head = found


def _records(connection: Connection, report: Report, latest: dict[str, bytes]) -> None:
    """Every record equals the state in its last entry; none is without entries, none is gone."""
    unseen = dict(latest)
    for noun, table in AUDITED.items():
        for id_, document in connection.execute(select(table.c.id, table.c.document)):
            subject = f"{noun}/{id_}"
            state = unseen.pop(subject, None)
            report.records += 1
            if state is None:
                report.problems.append(f"{subject}: no entry tells of it")
            elif canonical(json.loads(document)) != state:
                report.problems.append(f"{subject}: the record is not what its last entry says")
    report.problems.extend(f"{subject}: its entries exist, the record is gone" for subject in unseen)
