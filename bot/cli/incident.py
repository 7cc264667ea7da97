"""`portcullis incident INC-7`: an incident and its post-mortem as one Markdown document (F9)."""

import argparse
from typing import Any


def add_parser(verbs: Any) -> None:
    """Add the verb."""
    parser = verbs.add_parser("incident", help="print an incident with its timeline and its post-mortem")
    parser.add_argument("incident", metavar="INC-7")
    parser.add_argument("--markdown", action="store_true", help="accepted, since it is Markdown anyway")
    parser.set_defaults(run=run_incident)


def run_incident(args: argparse.Namespace) -> int:
    """Exit status 0: printed; 1: there is none of that name; 2: nothing to read from."""
    from bot.cli.written import printed
    from bot.flows.timeline import account
    from handlers.wording.postmortem_markdown import document

    return printed(
        lambda ledger, policy: account(ledger, policy, args.incident.upper()),
        lambda found, policy, names: document(found, names, policy.zone),
    )
