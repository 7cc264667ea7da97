"""Database engines: how each database is opened so that a commit is durable and a writer never waits in vain."""

import sqlite3
import time
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

PRAGMAS = (
    "PRAGMA busy_timeout=10000",  # first: the next one may have to wait
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",  # a commit survives a power cut; NORMAL may lose the last ones
    "PRAGMA foreign_keys=ON",
    "PRAGMA recursive_triggers=ON",  # or INSERT OR REPLACE would pass the append-only triggers by
)


_TRIES = 20
_BETWEEN = 0.025  # seconds


class DatabaseUrlError(ValueError):
    """The database URL cannot be used; the text says why."""


def is_sqlite(url: str) -> bool:
    """Whether `url` names SQLite. Raises DatabaseUrlError for what is neither a SQLite file nor PostgreSQL."""
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except Exception as error:
        raise DatabaseUrlError("not a database URL; expected sqlite:///FILE or postgresql://…") from error
    if backend not in ("sqlite", "postgresql"):
        raise DatabaseUrlError(f"{backend} is not supported; expected sqlite:///FILE or postgresql://…")
    if backend == "sqlite":
        _check_file(parsed)
    return backend == "sqlite"


def _check_file(parsed: URL) -> None:
    if parsed.database in (None, "", ":memory:"):
        raise DatabaseUrlError("SQLite in memory would forget everything; expected sqlite:///FILE")
    folder = Path(parsed.database or "").absolute().parent
    if not folder.is_dir():
        raise DatabaseUrlError(f"the database's folder does not exist: {folder}")


def async_engine(url: str) -> AsyncEngine:
    """PostgreSQL's engine; on SQLite, whose reads and writes have threads of their own, for a look at the schema."""
    if not is_sqlite(url):
        return create_async_engine(
            _asyncpg(url), pool_size=8, max_overflow=0, pool_pre_ping=True, hide_parameters=True
        )
    engine = create_async_engine(
        make_url(url).set(drivername="sqlite+aiosqlite"), pool_size=4, max_overflow=0, hide_parameters=True
    )
    event.listen(engine.sync_engine, "connect", _read_only)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


def reader_engine(url: str, connections: int) -> Engine:
    """SQLite's reading connections: each transaction sees one instant and can write nothing."""
    engine = create_engine(
        make_url(url).set(drivername="sqlite+pysqlite"),
        pool_size=connections,
        max_overflow=0,
        hide_parameters=True,
    )
    event.listen(engine, "connect", _read_only)
    event.listen(engine, "begin", _begin)
    return engine


def writer_engine(url: str) -> Engine:
    """SQLite's one writing connection: BEGIN IMMEDIATE, so that a lock is waited for before anything is read."""
    engine = create_engine(
        make_url(url).set(drivername="sqlite+pysqlite"), poolclass=NullPool, hide_parameters=True
    )
    event.listen(engine, "connect", _durable)
    event.listen(engine, "begin", _begin_immediate)
    return engine


def migration_engine(url: str) -> AsyncEngine:
    """An engine for alembic, which opens one connection and closes it."""
    if not is_sqlite(url):
        return create_async_engine(_asyncpg(url), poolclass=NullPool, hide_parameters=True)
    engine = create_async_engine(
        make_url(url).set(drivername="sqlite+aiosqlite"), poolclass=NullPool, hide_parameters=True
    )
    event.listen(engine.sync_engine, "connect", _durable)
    event.listen(engine.sync_engine, "begin", _begin_immediate)
    return engine


def _asyncpg(url: str) -> URL:
    """libpq writes `sslmode`, asyncpg's parameter of the same meaning is called `ssl`."""
    parsed = make_url(url).set(drivername="postgresql+asyncpg")
    mode = parsed.query.get("sslmode")
    if mode is None:
        return parsed
    return parsed.difference_update_query(["sslmode"]).update_query_dict({"ssl": mode})


def _durable(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver must not open transactions of its own
    for pragma in PRAGMAS:
        answer = _answer(connection, pragma)
        if "journal_mode" in pragma and answer != ("wal",):
            # Some network file systems cannot, and say so only here.
            raise DatabaseUrlError("the database's file system does not allow write-ahead logging (WAL)")


def _answer(connection: Any, pragma: str) -> Any:
    """What the database says to a pragma. The very first switch to WAL of a new file does not wait for its lock,
    whatever busy_timeout says: whoever comes second in that instant tries again."""
    for left in range(_TRIES, -1, -1):
        cursor = connection.cursor()
        try:
            cursor.execute(pragma)
            return cursor.fetchone()
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or not left:
                raise
            time.sleep(_BETWEEN)
        finally:
            cursor.close()
    raise AssertionError  # unreachable: the last try returned or raised


def _read_only(connection: Any, record: object) -> None:
    _durable(connection, record)
    cursor = connection.cursor()
    cursor.execute("PRAGMA query_only=ON")
    cursor.close()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
