"""`portcullis audit verify|export`: recompute the chain, compare it with the records, hand it out."""

import argparse
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from storage.verification import Report

SHOWN = 50


def add_parser(verbs: Any) -> None:
    """Add the verb."""
    parser = verbs.add_parser("audit", help="verify or export the audit trail")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    verify = actions.add_parser(
        "verify", help="recompute every hash and rebuild every record from the entries: exit 1 if one differs"
    )
    verify.add_argument("--json", action="store_true", help="print one JSON object")
    verify.set_defaults(run=run_verify)
    export = actions.add_parser("export", help="print every entry's canonical bytes, one JSON line each")
    export.add_argument("--json", action="store_true", help="accepted, since entries are JSON anyway")
    export.set_defaults(run=run_export)


def run_verify(args: argparse.Namespace) -> int:
    """Exit status 0: intact; 1: it is not, and every difference is named; 2: there is none to verify."""
    import json

    from bot.cli.configured import database_url, finished

    report = finished(_verify(database_url()))
    if args.json:
        said = {
            "intact": report.intact,
            "entries": report.entries,
            "records": report.records,
            "head": report.head,
            "problems": report.problems,
        }
        print(json.dumps(said))
    elif report.intact:
        print(f"intact: {report.entries} entries, {report.records} records rebuilt from them and equal")
        print(f"head: {report.head}")
    else:
        found = len(report.problems)
        print(f"NOT intact: {found} problem{'' if found == 1 else 's'} in {report.entries} entries")
        for problem in report.problems[:SHOWN]:
            print(f"  {problem}")
        if found > SHOWN:
            print(f"  and {found - SHOWN} more; --json lists them all")
    return 0 if report.intact else 1


async def _verify(url: str) -> "Report":
    from bot.adapters.clock import SystemClock
    from bot.cli.configured import cause, need_ledger
    from storage.ledger import Ledger
    from storage.verification import Report, verify

    await need_ledger(url)
    ledger = Ledger(url, SystemClock())
    try:
        return await verify(ledger)
    except Exception as error:  # noqa: BLE001 -- a table or a page is gone: that is what was asked
        return Report(problems=[f"the database cannot be read: {cause(error)}"])
    finally:
        await ledger.close()


def run_export(_: argparse.Namespace) -> int:
    """Print the entries in their order, as the bytes that were hashed."""
    from bot.cli.configured import database_url, finished

    finished(_export(database_url()))
    return 0


async def _export(url: str) -> None:
    from bot.adapters.clock import SystemClock
    from bot.cli.configured import need_ledger
    from storage.ledger import Ledger

    await need_ledger(url)
    ledger = Ledger(url, SystemClock())
    after = 0

    def page(tx: Any) -> Any:
        return tx.trail.entries(after=after)

    try:
        while entries := await ledger.read(page):
            for entry in entries:
                sys.stdout.buffer.write(entry.body + b"\n")
            after = entries[-1].seq
        sys.stdout.buffer.flush()
    finally:
        await ledger.close()
