"""The few statements that SQLite and PostgreSQL spell alike but SQLAlchemy keeps in their dialects."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, TextClause
from sqlalchemy.dialects import postgresql, sqlite

from storage import tables


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
