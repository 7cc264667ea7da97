"""`portcullis db upgrade`: the schema of the database."""

import argparse
from typing import Any


def add_parser(verbs: Any) -> None:
    """Add the verb."""
    parser = verbs.add_parser("db", help="bring the database's schema up to date")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    upgrade = actions.add_parser("upgrade", help="make it, or migrate it to this version (`run` does so too)")
    upgrade.set_defaults(run=run_upgrade)


def run_upgrade(_: argparse.Namespace) -> int:
    """Migrate up; 2 where the database is newer than this version, or cannot be opened."""
    from bot.cli.configured import database_url, finished

    before = finished(_upgrade(url := database_url()))
    print(_said(before, url))
    return 0


async def _upgrade(url: str) -> str | None:
    from bot.cli.configured import prepare_ledger, revision

    before = await revision(url)
    await prepare_ledger(url)
    return before


def _said(before: str | None, url: str) -> str:
    from bot.cli.configured import sqlite_file
    from storage import schema

    if before == schema.HEAD:
        return f"the database is at schema {schema.HEAD} already"
    if before is None:
        return f"made {sqlite_file(url) or 'the tables'}, at schema {schema.HEAD}"
    return f"migrated the database from schema {before} to {schema.HEAD}"
