"""The few statements that SQLite and PostgreSQL spell differently, or alike but outside SQLAlchemy's common part."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, TextClause, func, select
from sqlalchemy.dialects import postgresql, sqlite

from storage import tables

WRITERS = 0x506F727463756C  # the advisory lock that all writers of one PostgreSQL database share


class RolledBackError(RuntimeError):
    """The database ended the transaction by itself (disk full, I/O error): nothing of it is stored."""


def take_turn(connection: Connection) -> None:
    """Wait until no other writer is under way, for at most ten seconds, and keep the others out until the end.

    Writers run one after another on both databases: a step that finds no row knows that there is none, without
    having to lock what does not exist. SQLite does so by itself (BEGIN IMMEDIATE).
    """
    if connection.dialect.name == "postgresql":
        connection.execute(
            select(
                func.set_config("lock_timeout", "10s", True),
                # A writer that lost its network must not keep the others out for ever.
                func.set_config("idle_in_transaction_session_timeout", "30s", True),
                func.pg_advisory_xact_lock(WRITERS),
            )
        )


def check_under_way(connection: Connection) -> None:
    """Raise `RolledBackError` where the transaction is over already: sqlite3 would "commit" nothing, silently."""
    if connection.dialect.name == "sqlite":
        driver: Any = connection.connection.dbapi_connection
        if not driver.in_transaction:
            raise RolledBackError("SQLite rolled the transaction back by itself")


def insert(connection: Connection, table: Table) -> Any:
    """An INSERT that can say ON CONFLICT in the connection's dialect."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def upsert(
    connection: Connection,
    table: Table,
    row: Mapping[str, Any],
    *,
    key: Sequence[str],
    change: Mapping[str, Any] | None = None,
    where: TextClause | None = None,
) -> None:
    """Insert `row`, or apply `change` (default: the row itself) where `key` stands already."""
    statement = insert(connection, table).values(**row)
    changes = change if change is not None else {k: statement.excluded[k] for k in row if k not in key}
    connection.execute(
        statement.on_conflict_do_update(index_elements=list(key), index_where=where, set_=dict(changes))
    )


def next_number(connection: Connection, name: str) -> int:
    """Count one up; a rolled-back transaction gives its number back."""
    statement = insert(connection, tables.counters).values(name=name, value=1)
    query = statement.on_conflict_do_update(
        index_elements=["name"], set_={"value": tables.counters.c.value + 1}
    ).returning(tables.counters.c.value)
    return int(connection.execute(query).scalar_one())


def greatest(connection: Connection, *columns: ColumnElement[int]) -> ColumnElement[int]:
    """The largest of several columns of the same row."""
    largest = func.max if connection.dialect.name == "sqlite" else func.greatest
    return largest(*columns)
