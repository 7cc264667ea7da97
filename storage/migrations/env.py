"""How alembic reaches the database: over the same drivers as the product."""

import asyncio

from alembic import context
from sqlalchemy import Connection

from storage.engines import migration_engine
from storage.statements import take_turn
from storage.tables import metadata


def run(connection: Connection) -> None:
    """Run the migrations in one transaction. Of two processes that start at once, the second finds it done."""
    take_turn(connection)
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


async def online() -> None:
    """Connect, migrate, let go."""
    engine = migration_engine(context.config.attributes["url"])
    async with engine.begin() as connection:
        await connection.run_sync(run)
    await engine.dispose()


asyncio.run(online())
