"""`portcullis audit verify|export`: recompute the chain, compare it with the records, hand it out."""

import argparse
from typing import Any


def add_parser(verbs: Any) -> None:
    """Add the verb."""
    parser = verbs.add_parser("audit", help="verify or export the audit trail")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    verify = actions.add_parser(
        "verify", help="recompute every hash and rebuild every record from the entries"
    )
    verify.add_argument("--json", action="store_true")
    verify.set_defaults(run=run_verify)
    export = actions.add_parser("export", help="print every entry's canonical bytes, one JSON line each")
    export.set_defaults(run=run_export)


def run_verify(args: argparse.Namespace) -> int:
    """Exit status 0: intact; 1: it is not, and every difference is named."""
    import asyncio
    import json

    from bot.cli.configured import database_url

    report = asyncio.run(_verify(database_url()))
    if args.json:
        print(
            json.dumps(
                {"intact": report.intact, "entries": report.entries, "problems": list(report.problems)}
            )
        )
    elif report.intact:
        print(f"intact: {report.entries} entries, {report.records} records rebuilt from them and equal")
        print(f"head: {report.head}")
    else:
        print(f"NOT intact: {len(report.problems)} problems in {report.entries} entries")
        for problem in report.problems[:50]:
            print(f"  {problem}")
    return 0 if report.intact else 1


async def _verify(url: str) -> Any:
    from bot.adapters.clock import SystemClock
    from storage.ledger import Ledger
    from storage.verification import verify

    ledger = Ledger(url, SystemClock())
    try:
        return await verify(ledger)
    finally:
        await ledger.close()


def run_export(_: argparse.Namespace) -> int:
    """Print the entries in their order."""
    import asyncio

    from bot.cli.configured import database_url

    asyncio.run(_export(database_url()))
    return 0


async def _export(url: str) -> None:
    from bot.adapters.clock import SystemClock
    from storage.ledger import Ledger

    ledger = Ledger(url, SystemClock())
    after = 0
    try:
        while entries := await ledger.read(lambda tx, after=after: tx.trail.entries(after=after)):
            for entry in entries:
                print(entry.body.decode())
            after = entries[-1].seq
    finally:
        await ledger.close()
