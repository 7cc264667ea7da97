"""`portcullis db upgrade|downgrade`: the schema of the database."""

import argparse
from typing import Any


def add_parser(verbs: Any) -> None:
    """Add the verb."""
    parser = verbs.add_parser("db", help="bring the database's schema up to date")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    upgrade = actions.add_parser("upgrade", help="to the schema of this version (`run` does it too)")
    upgrade.set_defaults(run=run_upgrade)


def run_upgrade(_: argparse.Namespace) -> int:
    """Migrate up; 2 where the database is newer than this version."""
    import asyncio

    from bot.cli.configured import NotConfigured, database_url
    from storage import schema

    url = database_url()
    try:
        asyncio.run(schema.ensure(url))
    except schema.NewerSchemaError as error:
        raise NotConfigured([str(error)]) from None
    print(f"the database is at schema {schema.HEAD}")
    return 0
