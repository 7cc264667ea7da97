"""The trail: every put has its entry, tampering is found, and the database itself refuses to forget."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from bot.domain.artifact import Artifact
from bot.domain.audit import GENESIS, Fact
from bot.domain.change_request import RequestState
from bot.ports import Transaction
from storage import tables
from storage.ledger import Ledger
from storage.verification import verify
from tests.storage import builders as a

ENTRIES, HEAD, REQUESTS = tables.audit_entries, tables.audit_head, tables.requests
COPY = "INSERT INTO audit_entries (seq, hash, subject, body) SELECT seq, hash, 'x', body FROM audit_entries"
TRIGGERS = {
    "sqlite": ["audit_entries_no_update", "audit_entries_no_delete", "audit_entries_no_replace"],
    "postgresql": ["audit_entries_append_only", "audit_entries_no_truncate"],
}


def puts(ledger: Ledger) -> list[Callable[[Transaction], None]]:
    """One put of each noun."""
    return [
        lambda tx: tx.requests.put(a.request(), a.BECAUSE),
        lambda tx: tx.approvals.put(a.approval(), a.BECAUSE),
        lambda tx: tx.evidence.put(a.evidence(), a.BECAUSE),
        lambda tx: tx.runs.put(a.run(), a.BECAUSE),
        lambda tx: tx.environments.put(a.environment(), a.BECAUSE),
        lambda tx: tx.incidents.put(a.incident(), a.BECAUSE),
        lambda tx: tx.credentials.put(a.credential(), a.BECAUSE),
    ]


def put_request(tx: Transaction, number: int) -> None:
    tx.requests.put(a.request(number), a.BECAUSE)


async def three_requests(ledger: Ledger) -> None:
    for number in (1, 2, 3):
        await ledger.write(partial(put_request, number=number))


async def tamper(ledger: Ledger, *statements: Any) -> None:
    """As whoever owns the database can: take the guard away, then write."""

    def work(connection: Any) -> None:
        dialect = connection.dialect.name
        for trigger in TRIGGERS[dialect]:
            on = " ON audit_entries" if dialect == "postgresql" else ""
            connection.execute(text(f"DROP TRIGGER {trigger}{on}"))
        for statement in statements:
            connection.execute(statement)

    await ledger.bookkeep(work)


@pytest.mark.requirement("P1")
async def test_an_empty_ledger_is_intact(ledger: Ledger) -> None:
    report = await verify(ledger)

    assert (report.intact, report.entries, report.records, report.head) == (True, 0, 0, GENESIS)


@pytest.mark.requirement("P1")
@pytest.mark.parametrize("noun", range(7))
async def test_every_put_of_every_noun_writes_an_entry(ledger: Ledger, noun: int) -> None:
    put = puts(ledger)[noun]

    await ledger.write(put)
    await ledger.write(put)  # without a change, too: that it was written is a fact

    report = await verify(ledger)
    assert (report.intact, report.entries, report.records) == (True, 2, 1)


@pytest.mark.requirement("P1")
async def test_an_entry_says_who_what_when_and_the_whole_state(ledger: Ledger) -> None:
    import json

    await ledger.write(lambda tx: tx.requests.put(a.full_request(), a.BECAUSE))

    (entry,) = await ledger.read(lambda tx: tx.trail.entries())
    body = json.loads(entry.body)
    assert body["by"] == {"via": "slack:T1/U01ADA", "person": "ada"}
    assert (body["type"], body["subject"], body["seq"]) == ("test.changed", "request/DEP-42", 1)
    assert body["facts"] == {"why": "test"}
    assert body["previous"] == GENESIS
    assert body["state"]["closing"]["reason"] == "no"
    assert body["at"] == "2026-11-10T12:00:00+00:00"


async def test_entries_are_read_in_pages_and_by_subject(ledger: Ledger) -> None:
    await three_requests(ledger)
    await ledger.write(lambda tx: tx.trail.record(Fact(type="policy.in-force"), subject="policy"))

    page = await ledger.read(lambda tx: tx.trail.entries(after=1, limit=2))
    about = await ledger.read(lambda tx: tx.trail.entries(subject="request/DEP-2"))

    assert [e.seq for e in page] == [2, 3]
    assert [e.seq for e in about] == [2]


@pytest.mark.requirement("P1")
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.lists(
            st.tuples(
                st.integers(1, 4),
                st.sampled_from(RequestState),
                st.text(st.characters(codec="utf-8"), max_size=40),
            ),
            max_size=4,
        ),
        max_size=6,
    )
)
async def test_no_sequence_of_changes_leaves_a_record_that_its_entries_do_not_tell(
    ledger: Ledger, steps: list[list[tuple[int, RequestState, str]]]
) -> None:
    before = (await verify(ledger)).entries
    for step in steps:

        def work(tx: Transaction, changes: list[tuple[int, RequestState, str]] = step) -> None:
            for number, state, reason in changes:
                tx.requests.put(
                    a.request(number, state=state, reason=reason), Fact(type="t", facts={"r": reason})
                )

        await ledger.write(work)

    report = await verify(ledger)
    assert report.problems == []
    assert report.entries == before + sum(len(step) for step in steps)


TAMPERINGS: dict[str, tuple[list[Any], str]] = {
    "an altered body": (
        [update(ENTRIES).where(ENTRIES.c.seq == 2).values(body=b'{"v":1}')],
        "entry 2: its bytes do not have its hash",
    ),
    "a body that is no JSON": (
        [update(ENTRIES).where(ENTRIES.c.seq == 2).values(body=b"\xff\x00")],
        "entry 2: its bytes are no entry",
    ),
    "an altered hash": (
        [update(ENTRIES).where(ENTRIES.c.seq == 2).values(hash="sha256:0")],
        "entry 2: its bytes do not have its hash",
    ),
    "an altered row": (
        [update(ENTRIES).where(ENTRIES.c.seq == 2).values(subject="request/DEP-9")],
        "entry 2: its row and its bytes differ",
    ),
    "a removed tail": ([delete(ENTRIES).where(ENTRIES.c.seq == 3)], "the head says 3 entries"),
    "a removed middle": ([delete(ENTRIES).where(ENTRIES.c.seq == 2)], "entry 2 is missing"),
    "a removed beginning": ([delete(ENTRIES).where(ENTRIES.c.seq == 1)], "entry 1 is missing"),
    "everything removed": ([delete(ENTRIES)], "the head says 3 entries"),
    "two swapped": (
        [
            update(ENTRIES).where(ENTRIES.c.seq == 2).values(seq=99),
            update(ENTRIES).where(ENTRIES.c.seq == 3).values(seq=2),
            update(ENTRIES).where(ENTRIES.c.seq == 99).values(seq=3),
        ],
        "entry 2: it does not continue the entry before it",
    ),
    "an entry before the first": (
        [insert(ENTRIES).values(seq=0, hash="sha256:0", subject="x", body=b"{}")],
        "entry 0: ",
    ),
    "an altered head": ([update(HEAD).values(seq=2)], "the head says 2 entries"),
    "a removed head": ([delete(HEAD)], "the head says nothing"),
    "a record changed behind its back": (
        [
            update(REQUESTS)
            .where(REQUESTS.c.id == "DEP-2")
            .values(document=select(REQUESTS.c.document).where(REQUESTS.c.id == "DEP-1").scalar_subquery())
        ],
        "request/DEP-2: the record is not what its last entry says",
    ),
    "a record that is no JSON": (
        [update(REQUESTS).where(REQUESTS.c.id == "DEP-2").values(document="{")],
        "request/DEP-2: the record is not what its last entry says",
    ),
    "a column changed behind its back": (
        [update(REQUESTS).where(REQUESTS.c.id == "DEP-2").values(state="live")],
        "request/DEP-2: the columns that find it do not fit the record",
    ),
    "a record deleted": (
        [delete(REQUESTS).where(REQUESTS.c.id == "DEP-2")],
        "request/DEP-2: its entries exist, the record is gone",
    ),
    "a record slipped in": (
        [
            insert(REQUESTS).values(
                id="DEP-9", number=9, service="s", environment="e", artifact="t", state="live", document="{}"
            )
        ],
        "request/DEP-9: no entry tells of it",
    ),
}


@pytest.mark.requirement("P1")
@pytest.mark.parametrize("what", TAMPERINGS)
async def test_verification_finds(ledger: Ledger, what: str) -> None:
    statements, problem = TAMPERINGS[what]
    await three_requests(ledger)
    assert (await verify(ledger)).intact

    await tamper(ledger, *statements)

    report = await verify(ledger)
    assert not report.intact
    assert any(found.startswith(problem) for found in report.problems), report.problems


@pytest.mark.requirement("P1")
async def test_without_its_head_nothing_can_be_written(ledger: Ledger) -> None:
    await three_requests(ledger)
    await ledger.bookkeep(lambda c: c.execute(delete(HEAD)))

    with pytest.raises(Exception, match="No row"):
        await three_requests(ledger)


@pytest.mark.requirement("P1")
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entries SET subject = 'x' WHERE seq = 2",
        "UPDATE audit_entries SET seq = 9 WHERE seq = 2",
        "DELETE FROM audit_entries WHERE seq = 3",
        "DELETE FROM audit_entries",
        COPY + " WHERE seq = 2 ON CONFLICT (seq) DO UPDATE SET subject = excluded.subject",
        COPY,
    ],
)
async def test_the_database_refuses_to_change_an_entry(ledger: Ledger, statement: str) -> None:
    await three_requests(ledger)

    with pytest.raises(DBAPIError):
        await ledger.bookkeep(lambda c: c.execute(text(statement)))

    assert (await verify(ledger)).intact


@pytest.mark.requirement("P1")
@pytest.mark.parametrize(
    ("database", "statement"),
    [
        (
            "sqlite",
            "INSERT OR REPLACE INTO audit_entries (seq, hash, subject, body) VALUES (2, 'h', 'x', x'00')",
        ),
        ("sqlite", "REPLACE INTO audit_entries (seq, hash, subject, body) VALUES (2, 'h', 'x', x'00')"),
        ("sqlite", "UPDATE OR REPLACE audit_entries SET seq = 3 WHERE seq = 2"),
        ("postgres", "TRUNCATE audit_entries"),
        ("postgres", "TRUNCATE audit_entries CASCADE"),
    ],
)
async def test_the_dialects_own_ways_around_the_guard_are_closed(
    ledger: Ledger, backend: str, database: str, statement: str
) -> None:
    if backend != database:
        return
    await three_requests(ledger)

    with pytest.raises(DBAPIError, match="append-only"):
        await ledger.bookkeep(lambda c: c.execute(text(statement)))

    assert (await verify(ledger)).intact


@pytest.mark.requirement("P1")
async def test_replacing_an_entry_is_refused_even_to_a_connection_without_our_settings(
    sqlite_url: str, clock: Any
) -> None:
    """recursive_triggers is a setting of each connection: the guard must not depend on it."""
    import sqlite3

    ledger = Ledger(sqlite_url, clock)
    await three_requests(ledger)
    await ledger.close()
    connection = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))
    try:
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute("INSERT OR REPLACE INTO audit_entries VALUES (2, 'h', 'x', x'00')")
    finally:
        connection.close()


async def test_a_rebuilt_state_is_the_record(ledger: Ledger) -> None:
    """The entries alone suffice: the last state of each subject restores to the record itself."""
    import json

    from storage.documents import Document

    moved = replace(a.full_request(), artifact=Artifact("moved"))
    await ledger.write(lambda tx: tx.requests.put(a.full_request(), a.BECAUSE))
    await ledger.write(lambda tx: tx.requests.put(moved, a.BECAUSE))

    entries = await ledger.read(lambda tx: tx.trail.entries(subject="request/DEP-42"))
    state = json.loads(entries[-1].body)["state"]
    assert Document(type(moved)).restore(json.dumps(state)) == moved
