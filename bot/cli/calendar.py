"""`portcullis calendar at|list`: what the calendar says about an instant, and what lies ahead."""

import argparse
import json
import re
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final

from bot.cli.policy import add_policy_option, load_policy, tell

if TYPE_CHECKING:
    from bot.domain.calendar import CalendarVerdict, Occurrence
    from bot.policy import Policy

YES, NO, WRONG, NOT_YET = 0, 1, 2, 3
LONGEST_LIST_DAYS: Final = 800
_RFC3339: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?P<offset>[Zz]|[+-]\d\d:\d\d)?", re.ASCII
)
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb with its sub-verbs."""
    parser = subparsers.add_parser("calendar", help="ask the calendar of a policy")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="at|list")
    at = verbs.add_parser(
        "at",
        help="the verdict at an instant: exit 0 it may start, 3 later, 1 not within 400 days",
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
        help="RFC 3339 with Z or an offset; - reads instants from standard input and prints one JSON line each",
    )
    at.add_argument("--json", action="store_true", help="print one JSON object a line")
    listing = verbs.add_parser("list", help="every window, restriction, holiday and freeze in a range")
    add_policy_option(listing)
    listing.add_argument("--from", dest="start", required=True, metavar="T", help="a date, or RFC 3339")
    listing.add_argument(
        "--to", dest="end", required=True, metavar="T", help="exclusive; a date, or RFC 3339"
    )
    listing.add_argument("--environment", metavar="E")
    listing.add_argument("--service", metavar="S")
    listing.add_argument("--json", action="store_true", help="print a JSON list")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the sub-verb; the exit status is 0 yes, 1 no, 2 wrong usage or configuration, 3 not yet."""
    from bot.policy import PolicyError

    try:
        policy = load_policy(args.policy)
        _known(policy, args.environment, args.service)
        return _at(policy, args) if args.verb == "at" else _list(policy, args)
    except PolicyError as error:
        return tell(error)
    except ValueError as error:
        print(error, file=sys.stderr)
        return WRONG


def instant(text: str) -> datetime:
    """The instant that an RFC 3339 text names.

    Raises:
        ValueError: with a sentence, for any other text and for one without an offset.

    """
    match = _RFC3339.fullmatch(text)
    try:
        if match is None:
            raise ValueError(text)  # noqa: TRY301 - one sentence for both ways to be wrong
        found = datetime.fromisoformat(text.upper())
    except ValueError:
        raise ValueError(f"{text!r} is not a time; write it like 2026-07-04T14:00:00Z") from None
    if match["offset"] is None:
        raise ValueError(
            f"{text!r} has no offset, so which instant it means is unknown; add Z or one such as -04:00"
        )
    try:
        return found.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{text!r} lies outside the years of the calendar") from None


def rfc3339(moment: datetime | None) -> str | None:
    """An instant as RFC 3339 in UTC, null where there is none."""
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def verdict_json(found: "CalendarVerdict") -> dict[str, object]:
    """The contract's JSON form of a verdict."""
    return {
        "at": rfc3339(found.at),
        "environment": found.environment,
        "service": found.service,
        "verdict": found.verdict.value,
        "break_glass": found.break_glass,
        "rules": [
            {
                "name": rule.name,
                "kind": rule.kind.value,
                "effect": rule.effect.word,
                "until": rfc3339(rule.until),
            }
            for rule in found.rules
        ],
        "next_change": rfc3339(found.next_change),
        "next_allowed": rfc3339(found.next_allowed),
        "next_preferred": rfc3339(found.next_preferred),
    }


def _known(policy: "Policy", environment: str | None, service: str | None) -> None:
    from bot.policy.suggestions import meant

    if environment is not None and environment not in policy.environments:
        hint = meant(environment, policy.environments) or f"; there are {', '.join(policy.environments)}"
        raise ValueError(f"there is no environment {environment!r}{hint}")
    # A policy that names no services at all leaves them open.
    if service is not None and policy.services and service not in policy.services:
        hint = meant(service, policy.services) or f"; there are {', '.join(policy.services)}"
        raise ValueError(f"there is no service {service!r}{hint}")


def _at(policy: "Policy", args: argparse.Namespace) -> int:
    streamed = "-" in args.at
    texts = list(args.at)
    instants = _streamed(texts) if streamed else iter([instant(text) for text in texts])
    codes = []
    for moment in instants:
        found = policy.calendar.at(moment, environment=args.environment, service=args.service)
        codes.append(_exit_status(found))
        if args.json or streamed:
            print(json.dumps(verdict_json(found)), flush=streamed)
        else:
            print("\n".join(_told(found, policy)))
    return codes[0] if len(codes) == 1 else YES


def _streamed(texts: Iterable[str]) -> Iterator[datetime]:
    for text in texts:
        if text != "-":
            yield instant(text)
            continue
        for number, line in enumerate(sys.stdin, start=1):
            if line.strip():
                try:
                    yield instant(line.strip())
                except ValueError as error:
                    raise ValueError(f"standard input, line {number}: {error}") from None


def _exit_status(found: "CalendarVerdict") -> int:
    from bot.domain.calendar import Verdict

    if found.verdict is not Verdict.PROHIBITED:
        return YES
    return NO if found.next_change is None else NOT_YET


def _told(found: "CalendarVerdict", policy: "Policy") -> Iterator[str]:
    place = found.environment if found.service is None else f"{found.service} in {found.environment}"
    yield f"{place}, {_local(found.at, policy)}: {found.verdict.value}"
    for rule in found.rules:
        reason = f" ({rule.reason})" if rule.reason else ""
        yield f"  {rule.kind.value} {rule.name}{reason}: {rule.effect.word}, until {_local(rule.until, policy)}"
    if found.verdict.value == "prohibited":
        yield f"  break-glass: {'possible' if found.break_glass else 'not possible'}"
    yield f"  next change: {_local(found.next_change, policy)}"
    yield f"  next allowed: {_local(found.next_allowed, policy)}"
    yield f"  next preferred: {_local(found.next_preferred, policy)}"


def _local(moment: datetime | None, policy: "Policy") -> str:
    if moment is None:
        return "none within 400 days"
    return moment.astimezone(policy.zone).strftime("%a %Y-%m-%d %H:%M:%S %Z")


def _list(policy: "Policy", args: argparse.Namespace) -> int:
    start, end = _edge(args.start, policy), _edge(args.end, policy)
    if (end - start).days > LONGEST_LIST_DAYS:
        raise ValueError(f"the range is longer than {LONGEST_LIST_DAYS} days")
    found = policy.calendar.occurrences(start, end, environment=args.environment, service=args.service)
    if args.json:
        print(json.dumps([_occurrence_json(each) for each in found]))
        return YES
    for each in found:
        reason = each.label or each.rule.reason
        print(
            f"{_local(each.start, policy)} – {_local(each.end, policy)}  "
            f"{each.rule.effect.word:<10} {each.rule.kind.value} {each.rule.name}"
            + (f" ({reason})" if reason else "")
        )
    return YES


def _edge(text: str, policy: "Policy") -> datetime:
    """The beginning of a local day of the policy's zone, or an instant."""
    from bot.domain.calendar import whole_days

    if not _DATE.fullmatch(text):
        return instant(text)
    try:
        day = date.fromisoformat(text)
        return whole_days(day, day, policy.zone)[0]
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is not a date") from None


def _occurrence_json(each: "Occurrence") -> dict[str, object]:
    scope = each.rule.scope
    return {
        "name": each.rule.name,
        "kind": each.rule.kind.value,
        "effect": each.rule.effect.word,
        "start": rfc3339(each.start),
        "end": rfc3339(each.end),
        "environments": None if scope.environments is None else sorted(scope.environments),
        "services": None if scope.services is None else sorted(scope.services),
        "break_glass": each.rule.break_glass,
        "reason": each.label or each.rule.reason,
    }
