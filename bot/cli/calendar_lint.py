"""`portcullis calendar lint`: what is odd in the calendar, with the line it stands on, and how much it leaves open."""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from bot.cli.calendar_asked import Asked, asked
from bot.cli.calendar_times import instant_or_now, rfc3339, told

if TYPE_CHECKING:
    from pydantic import JsonValue

    from bot.domain.calendar.lint import Coverage, Finding
    from bot.policy import Policy
    from bot.policy.document import Document

YES, NO = 0, 1
WEEKS: Final = 52
_LISTS: Final = ("windows", "restrictions", "holidays", "freezes")


@dataclass(frozen=True, slots=True)
class _Placed:
    """A finding, where it stands, and what it means."""

    finding: "Finding"
    line: int | None  # None: it stands in no file, but was declared in Slack
    sentence: str


@dataclass(frozen=True, slots=True)
class _Covered:
    environment: str
    service: str | None
    coverage: "Coverage"


def linted(policy: "Policy", args: argparse.Namespace) -> int:
    """Print the findings and the coverage. 1 where a finding is grave. Raises ValueError for what is no instant."""
    now = instant_or_now(args.now)
    calendar = asked(policy, args, past=False)
    findings = list(_findings(policy, calendar, now))
    covered = list(_coverage(policy, calendar, now))
    missing = calendar.lacks(None, None)
    if args.json:
        print(json.dumps(_json(policy, now, findings, covered, missing)))
    else:
        for note in missing:
            print(f"note: {note}", file=sys.stderr)
        _print(policy, now, findings, covered)
    return NO if any(each.finding.grave for each in findings) else YES


def _findings(policy: "Policy", calendar: Asked, now: datetime) -> Iterator[_Placed]:
    """Every finding in the order of the lines."""
    from bot.domain.calendar.lint import lint
    from bot.policy.document import read
    from handlers.wording.calendar_sentences import DECLARED
    from handlers.wording.lint import sentence

    document = read(policy.source.read_text(encoding="utf-8-sig"), str(policy.source))
    lines = _lines(policy, document)
    services = list(policy.services) or _services(calendar)
    # What people declared ends by itself: beside it, every rule of the policy would look as if it changed nothing.
    beside = calendar.calendar.rules[len(policy.calendar.rules) :]
    lasting = policy.calendar.with_rules(rule for rule in beside if not DECLARED.fullmatch(rule.name))
    environments = list(policy.environments)
    whole = lint(calendar.calendar, environments=environments, services=services, now=now) if beside else []
    found = [
        *lint(lasting, environments=environments, services=services, now=now),
        *(each for each in whole if _of_declared(each)),
        *_unasked(policy),
    ]

    def when(moment: datetime) -> str:
        return told(moment, policy.zone)

    placed = [_Placed(each, _line(each, lines, document), sentence(each, when=when)) for each in found]
    yield from sorted(placed, key=lambda each: (each.line or sys.maxsize, each.finding.code, each.sentence))


def _of_declared(finding: "Finding") -> bool:
    """Whether it is about a freeze that people declared; that one is past needs nobody's hand."""
    from handlers.wording.calendar_sentences import DECLARED

    declared = finding.rule is not None and DECLARED.fullmatch(finding.rule) is not None
    return declared and finding.code != "freeze-past"


def _unasked(policy: "Policy") -> Iterator["Finding"]:
    """Environments that rules of the file name and whose gates never ask the calendar."""
    from bot.domain.calendar.lint import Finding

    written = [*policy.calendar.rules, *(feed.template for feed in policy.feeds)]
    for name, environment in policy.environments.items():
        rules: list[JsonValue] = [
            rule.name
            for rule in written
            if rule.scope.environments is not None and name in rule.scope.environments
        ]
        if rules and "calendar" not in environment.gates:
            yield Finding(code="no-gate", rule=None, environment=name, facts={"rules": rules}, grave=True)


def _lines(policy: "Policy", document: "Document") -> dict[str, int]:
    """The line of each rule, by its name."""
    section = policy.calendar_section
    lines: dict[str, int] = {}
    for kind in _LISTS:
        for index, rule in enumerate(getattr(section, kind)):
            name = rule.title if kind == "holidays" else rule.name
            lines.setdefault(name, document.line(("calendar", kind, index)))
    return lines


def _line(finding: "Finding", lines: dict[str, int], document: "Document") -> int | None:
    if finding.rule is not None:
        return lines.get(finding.rule)
    if finding.environment is not None:
        return document.line(("environments", finding.environment))
    return document.line(("calendar",))


def _services(calendar: Asked) -> list[str]:
    """The services that a rule names: to all others the same applies as to one that nobody names."""
    scopes = (rule.scope.services or frozenset() for rule in calendar.calendar.rules)
    return sorted(frozenset[str]().union(*scopes))


def _coverage(policy: "Policy", calendar: Asked, now: datetime) -> Iterator[_Covered]:
    """For each environment, and there for each service that rules of its own apply to."""
    from bot.domain.calendar.lint import coverage

    for environment in policy.environments:
        own = [
            service
            for service in _services(calendar)
            if any(
                rule.scope.services is not None and rule.scope.covers(environment, service)
                for rule in calendar.calendar.rules
            )
        ]
        for service in (None, *own):
            found = coverage(
                calendar.calendar,
                environment=environment,
                service=service,
                start=now,
                end=now + timedelta(weeks=WEEKS),
            )
            yield _Covered(environment, service, found)


def _print(policy: "Policy", now: datetime, findings: list[_Placed], covered: list[_Covered]) -> None:
    from handlers.wording.lint import covered as in_words

    for each in findings:
        place = "declared in Slack" if each.line is None else f"{policy.source}:{each.line}"
        print(f"{place}: {'grave: ' if each.finding.grave else ''}{each.sentence}")
    grave = sum(each.finding.grave for each in findings)
    count = f"{len(findings)} finding{'' if len(findings) == 1 else 's'}" if findings else "nothing odd"
    print(f"{count}{f', {grave} of them grave' if grave else ''}")
    print(f"\nAn average week of the {WEEKS} from {told(now, policy.zone, seconds=False)}:")
    for row in covered:
        place = row.environment if row.service is None else f"{row.service} in {row.environment}"
        asked_for = "calendar" in policy.environments[row.environment].gates
        print(f"  {in_words(place, row.coverage, weeks=WEEKS, asked=asked_for)}")


def _json(
    policy: "Policy",
    now: datetime,
    findings: list[_Placed],
    covered: list[_Covered],
    missing: list[str],
) -> dict[str, Any]:
    return {
        "ok": not any(each.finding.grave for each in findings),
        "file": str(policy.source),
        "now": rfc3339(now),
        "findings": [
            {
                "code": each.finding.code,
                "grave": each.finding.grave,
                "line": each.line,
                "rule": each.finding.rule,
                "environment": each.finding.environment,
                "facts": dict(each.finding.facts),
                "message": each.sentence,
            }
            for each in findings
        ],
        "coverage": [
            {
                "environment": row.environment,
                "service": row.service,
                "asked": "calendar" in policy.environments[row.environment].gates,
                "weeks": WEEKS,
                "hours_per_week": {
                    name: round(length / timedelta(hours=WEEKS), 2)
                    for name, length in (
                        ("preferred", row.coverage.preferred),
                        ("allowed", row.coverage.allowed),
                        ("discouraged", row.coverage.discouraged),
                        ("prohibited", row.coverage.prohibited),
                    )
                },
            }
            for row in covered
        ],
        "missing": missing,
    }
