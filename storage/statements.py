"""The few statements that SQLite and PostgreSQL spell differently, or alike but outside SQLAlchemy's common part."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, bindparam, case, func, not_, select, true
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


def insert(dialect: str, table: Table) -> Any:
    """An INSERT that can say ON CONFLICT in this dialect."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


def upsert(connection: Connection, table: Table, row: Mapping[str, Any], *, key: tuple[str, ...]) -> None:
    """Insert `row`, or make the row that stands under `key` equal to it."""
    connection.execute(_upsert(connection.dialect.name, table, tuple(row), key), row)


# Building a statement takes several times as long as SQLite takes to run it, so the frequent ones are built once.


@cache
def _upsert(dialect: str, table: Table, columns: tuple[str, ...], key: tuple[str, ...]) -> Any:
    statement = insert(dialect, table)
    changes = {name: statement.excluded[name] for name in columns if name not in key}
    return statement.on_conflict_do_update(index_elements=list(key), set_=changes)


def set_again(connection: Connection, table: Table, row: Mapping[str, Any], *, now: int) -> None:
    """Owe `row`; where its key is owed already, make that one current and have it run again, at the earlier instant."""
    values = {f"new_{name}": value for name, value in row.items()}
    connection.execute(_set_again(connection.dialect.name, table, tuple(row)), {**values, "now": now})


@cache
def _set_again(dialect: str, table: Table, columns: tuple[str, ...]) -> Any:
    c = table.c
    statement = insert(dialect, table).values({name: bindparam(f"new_{name}") for name in columns})
    new = statement.excluded
    # While somebody works on it, its instant is the one being served: the first new one replaces it, and the
    # earliest of the new ones wins.
    served = and_(c.lease_until > bindparam("now"), not_(c.again))
    changes: dict[str, Any] = {
        "due_at": case((served, new.due_at), (c.due_at < new.due_at, c.due_at), else_=new.due_at),
        "again": true(),
    }
    if table is tables.timers:
        changes |= {"attempts": 0, "not_before": 0}
        return statement.on_conflict_do_update(index_elements=["key"], set_=changes)
    # A reload may have moved the channel. What was put off keeps its distance.
    changes |= {"facts": new.facts, "destination": new.destination}
    return statement.on_conflict_do_update(index_elements=["key"], index_where=tables.PENDING, set_=changes)


def next_number(connection: Connection, name: str) -> int:
    """Count one up; a rolled-back transaction gives its number back."""
    statement = _next_number(connection.dialect.name)
    return int(connection.execute(statement, {"name": name, "value": 1}).scalar_one())


@cache
def _next_number(dialect: str) -> Any:
    value = tables.counters.c.value
    statement = insert(dialect, tables.counters)
    return statement.on_conflict_do_update(index_elements=["name"], set_={"value": value + 1}).returning(
        value
    )


def greatest(dialect: str, *columns: ColumnElement[int]) -> ColumnElement[int]:
    """The largest of several columns of the same row."""
    largest = func.max if dialect == "sqlite" else func.greatest
    return largest(*columns)
