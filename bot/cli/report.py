"""`portcullis report DEP-42`: the incident report of a deployment, with the last lines that it printed (D5)."""

import argparse
from typing import Any


def add_parser(verbs: Any) -> None:
    """Add the verb."""
    parser = verbs.add_parser("report", help="print what became of a deployment, with what it printed last")
    parser.add_argument("request", metavar="DEP-42")
    parser.add_argument("--markdown", action="store_true", help="accepted, since it is Markdown anyway")
    parser.set_defaults(run=run_report)


def run_report(args: argparse.Namespace) -> int:
    """Exit status 0: printed; 1: there is none of that name, or it was never rolled out; 2: nothing to read from."""
    from bot.cli.written import printed
    from bot.flows.report import report
    from handlers.wording.report import document

    return printed(
        lambda ledger, _: report(ledger, args.request.upper()),
        lambda found, policy, names: document(found, names, policy.zone),
    )
