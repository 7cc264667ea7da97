"""The database's schema revision: what it is, and bringing it up or down with alembic."""

import asyncio
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from storage.engines import async_engine

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0004"
_ONE_AT_A_TIME = threading.Lock()  # alembic keeps what it is doing in global variables


async def revision(url: str) -> str | None:
    """The revision of the database, without importing alembic (half a second at every start); None: empty."""

    def look(connection: Connection) -> str | None:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        return found

    engine = async_engine(url)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(look)
    finally:
        await engine.dispose()


async def ensure(url: str) -> None:
    """Upgrade an older or empty database to HEAD. Raises `NewerSchemaError` for one from a later version of us."""
    found = await revision(url)
    if found == HEAD:
        return
    if found is not None and found > HEAD:
        raise NewerSchemaError(found)
    await asyncio.to_thread(upgrade, url)


class NewerSchemaError(RuntimeError):
    """The database was made by a newer Portcullis."""

    def __init__(self, found: str) -> None:
        super().__init__(
            f"the database is at schema {found}, this version knows {HEAD}: install the newer version"
        )


def upgrade(url: str, to: str = "head") -> None:
    """Migrate up. Runs its own event loop: call it from a thread or a program without one."""
    from alembic import command

    with _ONE_AT_A_TIME:
        command.upgrade(_config(url), to)


def downgrade(url: str, to: str) -> None:
    """Migrate down, which loses what the older schema cannot hold."""
    from alembic import command

    with _ONE_AT_A_TIME:
        command.downgrade(_config(url), to)


def _config(url: str) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.attributes["url"] = url
    return config
