"""`portcullis calendar list`: every stretch in a range during which a rule is in force, as a table or as JSON."""

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from bot.cli.calendar_asked import NOT_DECLARED, asked
from bot.cli.calendar_times import day_or_instant, rfc3339, told

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from bot.domain.calendar import Calendar, Occurrence
    from bot.policy import Policy

YES = 0
LONGEST_DAYS: Final = 800
UNTIL_LIFTED: Final = "until lifted"


def listed(policy: "Policy", args: argparse.Namespace) -> int:
    """Print the occurrences. Raises ValueError with a sentence for a range that cannot be listed."""
    start, end = day_or_instant(args.start, policy.zone), day_or_instant(args.end, policy.zone)
    if (end - start).days > LONGEST_DAYS:
        raise ValueError(f"the range is longer than {LONGEST_DAYS} days")
    calendar = asked(policy, args)
    found = _found(calendar.calendar, start, end, args)
    notes = [*calendar.lacks(args.environment, args.service)]
    if not calendar.declared and not args.json:
        notes.append(NOT_DECLARED)
    if not found:
        notes.append(f"nothing is in force from {told(start, policy.zone)} to {told(end, policy.zone)}")
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    if args.json:
        print(json.dumps([_json(each) for each in found]))
    else:
        for line in _table(found, policy.zone, everywhere=args.environment is None):
            print(line)
    return YES


def _found(
    calendar: "Calendar", start: datetime, end: datetime, args: argparse.Namespace
) -> list["Occurrence"]:
    found = calendar.occurrences(start, end, environment=args.environment, service=args.service)
    return [
        each
        for each in found
        if (args.kind is None or each.rule.kind.value in args.kind)
        and (
            args.service is None
            or each.rule.scope.services is None
            or args.service in each.rule.scope.services
        )
    ]


def _end(each: "Occurrence") -> datetime | None:
    """When it ends; None where nobody knows: the calendar holds an instant beyond its own years for that."""
    from bot.domain.calendar import LATEST

    return None if each.end >= LATEST else each.end


def _json(each: "Occurrence") -> dict[str, object]:
    scope = each.rule.scope
    return {
        "name": each.rule.name,
        "kind": each.rule.kind.value,
        "effect": each.rule.effect.word,
        "start": rfc3339(each.start),
        "end": rfc3339(_end(each)),
        "environments": None if scope.environments is None else sorted(scope.environments),
        "services": None if scope.services is None else sorted(scope.services),
        "break_glass": each.rule.break_glass,
        "reason": each.label or each.rule.reason,
    }


def _table(found: Sequence["Occurrence"], zone: "ZoneInfo", *, everywhere: bool) -> Iterable[str]:
    """Aligned columns: from, to, effect, kind, name, where, why."""
    seconds = any(each.start.second or (_end(each) or each.start).second for each in found)

    def when(moment: datetime | None) -> str:
        return UNTIL_LIFTED if moment is None else told(moment, zone, seconds=seconds)

    rows = [
        (
            when(each.start),
            when(_end(each)),
            each.rule.effect.word,
            each.rule.kind.value,
            each.rule.name,
            *([_where(each)] if everywhere else []),
            each.label or each.rule.reason or "",
        )
        for each in found
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        yield f"{cells[0]} – {'  '.join(cells[1:])}".rstrip()


def _where(each: "Occurrence") -> str:
    scope = each.rule.scope
    environments = "everywhere" if scope.environments is None else ", ".join(sorted(scope.environments))
    return (
        environments if scope.services is None else f"{', '.join(sorted(scope.services))} in {environments}"
    )
