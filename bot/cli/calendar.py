"""`portcullis calendar at|list|lint`: what the calendar says about an instant, what lies ahead, what is odd in it."""

import argparse
import sys
from typing import TYPE_CHECKING

from bot.cli.policy import add_policy_option, load_policy, tell

if TYPE_CHECKING:
    from bot.policy import Policy

WRONG = 2
KINDS = ("window", "restriction", "holiday", "freeze")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb with its sub-verbs."""
    parser = subparsers.add_parser("calendar", help="ask the calendar of a policy")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="at|list|lint")
    _add_at(verbs)
    _add_list(verbs)
    _add_lint(verbs)
    parser.set_defaults(run=run)


def _add_at(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    at = verbs.add_parser(
        "at", help="the verdict at an instant: exit 0 it may start, 3 later, 1 not within 400 days"
    )
    add_policy_option(at)
    at.add_argument("--environment", required=True, metavar="E")
    at.add_argument("--service", metavar="S", help="without it, only rules that name no service apply")
    at.add_argument(
        "--at",
        required=True,
        nargs="+",
        action="extend",
        metavar="T",
        help="RFC 3339 with Z or an offset, or now; - reads instants from standard input and prints one JSON line each",
    )
    _add_sources(at)
    at.add_argument("--json", action="store_true", help="print one JSON object a line")


def _add_list(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    listing = verbs.add_parser("list", help="every window, restriction, holiday and freeze in a range")
    add_policy_option(listing)
    edge = "a date, RFC 3339 with Z or an offset, or now"
    listing.add_argument("--from", dest="start", required=True, metavar="T", help=edge)
    listing.add_argument("--to", dest="end", required=True, metavar="T", help=f"exclusive; {edge}")
    listing.add_argument("--environment", metavar="E", help="only what applies there")
    listing.add_argument(
        "--service",
        metavar="S",
        help="only what applies to it; with an environment and no service, only rules that name no service",
    )
    listing.add_argument(
        "--kind", action="append", choices=KINDS, help="only this kind; may be given several times"
    )
    _add_sources(listing)
    listing.add_argument("--json", action="store_true", help="print a JSON list")


def _add_lint(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    lint = verbs.add_parser(
        "lint", help="what is odd in the calendar, line by line, and how much it leaves open: exit 1 if grave"
    )
    add_policy_option(lint)
    lint.add_argument("--now", default="now", metavar="T", help="judge as of this instant (default: now)")
    _add_sources(lint)
    lint.add_argument("--json", action="store_true", help="print one JSON object")


def _add_sources(parser: argparse.ArgumentParser) -> None:
    """Add `--ledger` and `--fetch`: which calendar is asked (bot/cli/calendar_asked.py)."""
    more = parser.add_mutually_exclusive_group()
    more.add_argument(
        "--ledger",
        action="store_true",
        help="with the freezes declared in Slack and the copies of fetched calendars, from PORTCULLIS_DATABASE_URL",
    )
    more.add_argument(
        "--fetch", action="store_true", help="fetch the calendars that the policy names by address, once, now"
    )


def run(args: argparse.Namespace) -> int:
    """Run the sub-verb; the exit status is 0 yes, 1 no, 2 wrong usage or configuration, 3 not yet."""
    from bot.policy import PolicyError

    try:
        policy = load_policy(args.policy)
        match args.verb:
            case "at":
                from bot.cli.calendar_at import answer

                _known(policy, args.environment, args.service)
                return answer(policy, args)
            case "list":
                from bot.cli.calendar_list import listed

                _known(policy, args.environment, args.service)
                return listed(policy, args)
            case _:
                from bot.cli.calendar_lint import linted

                return linted(policy, args)
    except PolicyError as error:
        return tell(error)
    except ValueError as error:
        print(error, file=sys.stderr)
        return WRONG


def _known(policy: "Policy", environment: str | None, service: str | None) -> None:
    from bot.policy.suggestions import meant

    if environment is not None and environment not in policy.environments:
        hint = meant(environment, policy.environments) or f"; there are {', '.join(policy.environments)}"
        raise ValueError(f"there is no environment {environment!r}{hint}")
    # A policy that names no services at all leaves them open.
    if service is not None and policy.services and service not in policy.services:
        hint = meant(service, policy.services) or f"; there are {', '.join(policy.services)}"
        raise ValueError(f"there is no service {service!r}{hint}")
