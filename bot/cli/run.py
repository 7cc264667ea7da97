"""`portcullis run`: the bot itself."""

import argparse
from typing import Any


def add_parser(verbs: Any) -> None:
    """Add the verb."""
    parser = verbs.add_parser("run", help="run the bot until it is told to stop")
    parser.set_defaults(run=run)


def run(_: argparse.Namespace) -> int:
    """Run until SIGTERM; SIGHUP reloads the policy. 2 where a setting or the policy is wrong."""
    import asyncio
    import sqlite3

    from bot import logs, wiring
    from bot.adapters.seal import WeakKey
    from bot.cli.configured import NotConfigured, policy_file, settings

    configured = settings()
    policy = policy_file(configured.policy)
    logs.configure()
    try:
        asyncio.run(wiring.run_until_stopped(configured, policy))
    except WeakKey as error:
        raise NotConfigured([f"PORTCULLIS_SECRET_KEY is too weak: {error}"]) from None
    except OSError as error:
        where = f"{configured.http_host}:{configured.http_port}"
        raise NotConfigured(
            [f"cannot listen at {where} or reach the database: {error.strerror or error}"]
        ) from None
    except sqlite3.Error as error:
        raise NotConfigured([f"PORTCULLIS_DATABASE_URL cannot be opened: {error}"]) from None
    return 0
