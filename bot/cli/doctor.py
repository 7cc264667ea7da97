"""`portcullis doctor`: try everything the bot needs, and say what is missing before it matters (C1, D4)."""

import argparse
from collections.abc import Awaitable, Callable
from typing import Any

Probe = Callable[[], Awaitable[str]]


def add_parser(verbs: Any) -> None:
    """Add the verb."""
    parser = verbs.add_parser("doctor", help="try settings, policy, database and Slack; say what is wrong")
    parser.set_defaults(run=run)


def run(_: argparse.Namespace) -> int:
    """Exit status 0: all good; 1: something is not; 2: settings or policy cannot be read."""
    import asyncio

    from bot.cli.configured import policy_file, settings

    configured = settings()
    policy = policy_file(configured.policy)
    print(f"ok    settings, and policy {policy.digest[:19]} with {len(policy.environments)} environments")
    return asyncio.run(_probes(configured, policy))


async def _probes(configured: Any, policy: Any) -> int:
    failed = 0
    for name, probe in (
        ("database", lambda: _database(configured.database_url)),
        ("secret key", lambda: _key(configured)),
        ("Slack", lambda: _slack(configured)),
        ("second factors", lambda: _factors(configured, policy)),
    ):
        try:
            print(f"ok    {name}: {await probe()}")
        except Exception as error:  # noqa: BLE001 -- the doctor reports whatever it finds
            failed += 1
            print(f"WRONG {name}: {type(error).__name__}: {str(error)[:200]}")
    return 1 if failed else 0


async def _database(url: str) -> str:
    from storage import schema

    found = await schema.revision(url)
    if found is None:
        return f"empty; `run` will create schema {schema.HEAD}"
    if found != schema.HEAD:
        return f"schema {found}; `run` will migrate it to {schema.HEAD}"
    return f"schema {found}"


async def _key(configured: Any) -> str:
    from bot.adapters.seal import KeySeal

    KeySeal(configured.secret_key)
    return "long enough"


async def _slack(configured: Any) -> str:
    from slack_sdk.web.async_client import AsyncWebClient

    client = AsyncWebClient(configured.slack_bot_token.get_secret_value(), base_url=configured.slack_api_url)
    answer = await client.auth_test()
    return f"workspace {answer['team']}, as {answer['user']}"


async def _factors(configured: Any, policy: Any) -> str:
    from bot.adapters.clock import SystemClock
    from storage.ledger import Ledger

    ledger = Ledger(configured.database_url, SystemClock())
    try:
        enrolled = await ledger.read(lambda tx: [p for p in policy.people if tx.credentials.of(p)])
    finally:
        await ledger.close()
    missing = sorted(set(policy.people) - set(enrolled))
    return f"{len(enrolled)} people enrolled" + (f"; not yet: {', '.join(missing)}" if missing else "")
