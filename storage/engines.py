"""Database engines: how each database is opened so that a commit is durable and a writer never waits in vain."""

from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool, StaticPool

PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",  # a commit survives a power cut; NORMAL may lose the last ones
    "PRAGMA busy_timeout=10000",
    "PRAGMA foreign_keys=ON",
    "PRAGMA recursive_triggers=ON",  # or INSERT OR REPLACE would pass the append-only triggers by
)


class DatabaseUrlError(ValueError):
    """The database URL cannot be used; the text says why."""


def is_sqlite(url: str) -> bool:
    """Whether `url` names SQLite. Raises DatabaseUrlError for what is neither SQLite nor PostgreSQL."""
    try:
        backend = make_url(url).get_backend_name()
    except Exception as error:
        raise DatabaseUrlError("not a database URL; expected sqlite:///FILE or postgresql://…") from error
    if backend not in ("sqlite", "postgresql"):
        raise DatabaseUrlError(f"{backend} is not supported; expected sqlite:///FILE or postgresql://…")
    return backend == "sqlite"


def async_engine(url: str) -> AsyncEngine:
    """The engine for reads, and on PostgreSQL for writes too."""
    parsed = make_url(url)
    if not is_sqlite(url):
        return create_async_engine(
            parsed.set(drivername="postgresql+asyncpg"), pool_size=8, max_overflow=0, pool_pre_ping=True
        )
    engine = create_async_engine(parsed.set(drivername="sqlite+aiosqlite"), pool_size=4, max_overflow=0)
    event.listen(engine.sync_engine, "connect", _read_only)
    return engine


def writer_engine(url: str) -> Engine:
    """SQLite's one writing connection: BEGIN IMMEDIATE, so that a lock is waited for before anything is read."""
    engine = create_engine(
        make_url(url).set(drivername="sqlite+pysqlite"),
        poolclass=StaticPool,
        connect_args={"check_same_thread": False},
    )
    event.listen(engine, "connect", _durable)
    event.listen(engine, "begin", _begin_immediate)
    return engine


def migration_engine(url: str) -> AsyncEngine:
    """An engine for alembic, which opens one connection and closes it."""
    parsed = make_url(url)
    driver = "sqlite+aiosqlite" if is_sqlite(url) else "postgresql+asyncpg"
    engine = create_async_engine(parsed.set(drivername=driver), poolclass=NullPool)
    if is_sqlite(url):
        event.listen(engine.sync_engine, "connect", _durable)
        event.listen(engine.sync_engine, "begin", _begin_immediate)
    return engine


def _durable(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver must not open transactions of its own
    for pragma in PRAGMAS:
        cursor = connection.cursor()
        cursor.execute(pragma)
        cursor.close()


def _read_only(connection: Any, record: object) -> None:
    _durable(connection, record)
    cursor = connection.cursor()
    cursor.execute("PRAGMA query_only=ON")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
