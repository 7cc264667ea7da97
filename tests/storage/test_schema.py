"""The schema: migrations up and down, the same as the tables in code, and no alembic where nothing is to be done."""

import asyncio
import subprocess
import sys
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from storage import schema
from storage.engines import migration_engine
from storage.ledger import Ledger
from storage.tables import metadata
from storage.verification import verify
from tests.conftest import FakeClock
from tests.postgres import in_thread
from tests.storage import builders as a


async def on(url: str, work: Any) -> Any:
    """Run `work` on a connection of its own."""
    engine = migration_engine(url)
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(work)
    finally:
        await engine.dispose()


def tables(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names())


def functions(connection: Connection) -> int:
    if connection.dialect.name == "sqlite":
        return 0
    count: int = connection.execute(
        text("SELECT count(*) FROM pg_proc WHERE proname = 'audit_entries_guard'")
    ).scalar_one()
    return count


async def test_migrations_go_up_down_to_nothing_and_up_again(empty_url: str, clock: FakeClock) -> None:
    for _ in range(2):
        in_thread(lambda: schema.upgrade(empty_url))
        assert await on(empty_url, tables) == {*metadata.tables, "alembic_version"}
        in_thread(lambda: schema.downgrade(empty_url, "base"))
        assert await on(empty_url, tables) == {"alembic_version"}
        assert await on(empty_url, functions) == 0

    in_thread(lambda: schema.upgrade(empty_url))
    ledger = Ledger(empty_url, clock)
    await ledger.write(lambda tx: tx.requests.put(a.request(), a.BECAUSE))
    assert (await verify(ledger)).intact
    await ledger.close()


async def test_the_migrated_schema_is_the_one_in_code(database_url: str) -> None:
    def differences(connection: Connection) -> Any:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        return compare_metadata(context, metadata)

    assert await on(database_url, differences) == []


def test_the_head_in_code_is_the_newest_migration() -> None:
    config: Config = schema._config("sqlite:///x.db")

    assert ScriptDirectory.from_config(config).get_current_head() == schema.HEAD


async def test_an_empty_database_is_brought_to_the_head_and_left_there(empty_url: str) -> None:
    assert await schema.revision(empty_url) is None

    await schema.ensure(empty_url)
    await schema.ensure(empty_url)

    assert await schema.revision(empty_url) == schema.HEAD


async def test_two_who_start_at_once_in_one_process_migrate_once(empty_url: str) -> None:
    await asyncio.gather(*(schema.ensure(empty_url) for _ in range(3)))

    assert await schema.revision(empty_url) == schema.HEAD


async def test_two_processes_that_start_at_once_migrate_once(empty_url: str) -> None:
    program = f"import asyncio; from storage import schema; asyncio.run(schema.ensure({empty_url!r}))"

    running = [subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE) for _ in range(3)]
    ended = await asyncio.gather(*(asyncio.to_thread(each.communicate, timeout=60) for each in running))

    assert [each.returncode for each in running] == [0, 0, 0], ended
    assert await schema.revision(empty_url) == schema.HEAD


async def test_a_newer_schema_is_refused_and_left_alone(database_url: str) -> None:
    await on(database_url, lambda c: c.execute(text("UPDATE alembic_version SET version_num = '0999'")))

    with pytest.raises(schema.NewerSchemaError, match=r"0999.*newer version"):
        await schema.ensure(database_url)

    assert await schema.revision(database_url) == "0999"


def test_at_the_head_alembic_is_not_even_imported(sqlite_url: str) -> None:
    program = (
        "import asyncio, sys\n"
        "from storage import schema\n"
        f"asyncio.run(schema.ensure({sqlite_url!r}))\n"
        "print('alembic' in sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stdout.strip() == "False"
