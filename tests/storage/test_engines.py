"""How the databases are opened: what is refused, and which settings are really in force."""

from pathlib import Path

import pytest
from sqlalchemy import text

from storage.engines import DatabaseUrlError, async_engine, is_sqlite
from storage.ledger import Ledger
from tests.conftest import FakeClock


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("nonsense", "not a database URL"),
        ("", "not a database URL"),
        ("mysql://localhost/x", "mysql is not supported"),
        ("oracle://localhost/x", "oracle is not supported"),
        ("sqlite://", "in memory would forget"),
        ("sqlite:///:memory:", "in memory would forget"),
        ("sqlite:////no/such/folder/x.db", "folder does not exist: /no/such/folder"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_with_a_sentence(url: str, problem: str) -> None:
    with pytest.raises(DatabaseUrlError, match=problem):
        is_sqlite(url)


@pytest.mark.parametrize(
    "url",
    ["postgresql://u@h/d", "postgresql+asyncpg://u@h/d", "postgresql://u:p%40@h:5433/d?sslmode=require"],
)
def test_postgresql_is_told_from_sqlite(url: str) -> None:
    assert not is_sqlite(url)


def test_libpqs_name_for_encryption_is_understood() -> None:
    url = async_engine("postgresql://u@h/d?sslmode=require&application_name=x").url

    assert dict(url.query) == {"ssl": "require", "application_name": "x"}
    assert url.drivername == "postgresql+asyncpg"


@pytest.mark.requirement("P1")
async def test_the_writer_is_durable_and_guards_the_trail(sqlite_url: str, clock: FakeClock) -> None:
    ledger = Ledger(sqlite_url, clock)
    names = ("journal_mode", "synchronous", "recursive_triggers", "foreign_keys", "busy_timeout")

    found = await ledger.bookkeep(lambda c: [c.execute(text(f"PRAGMA {name}")).scalar() for name in names])

    assert found == ["wal", 2, 1, 1, 10000]
    await ledger.close()


async def test_the_readers_cannot_write(sqlite_url: str, clock: FakeClock) -> None:
    ledger = Ledger(sqlite_url, clock)

    assert await ledger.look(lambda c: c.execute(text("PRAGMA query_only")).scalar()) == 1
    await ledger.close()


async def test_a_file_that_is_no_database_is_not_overwritten(tmp_path: Path, clock: FakeClock) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("these are my notes, and they are longer than a header of a database would be\n" * 20)
    before = file.read_bytes()
    ledger = Ledger(f"sqlite:///{file}", clock)

    with pytest.raises(Exception, match="not a database"):
        await ledger.write(lambda tx: tx.requests.next_number())

    await ledger.close()
    assert file.read_bytes() == before
