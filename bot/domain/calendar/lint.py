"""What the author of a calendar may not have meant: rules without effect, gates that never open, clocks that change (P12)."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import chain
from typing import Final

from pydantic import JsonValue

from bot.domain.calendar.answers import HORIZON
from bot.domain.calendar.calendar import Calendar
from bot.domain.calendar.compiled import LATEST, TIMELINES_KEPT, block_of
from bot.domain.calendar.coverage import Coverage, coverage
from bot.domain.calendar.effects import Verdict
from bot.domain.calendar.finding import Finding, instant, names, wall
from bot.domain.calendar.lint_clocks import clock_findings, fixed_zones
from bot.domain.calendar.lint_cover import LOOKS, Budget, clipped, covered, shadowed
from bot.domain.calendar.rules import Rule, RuleKind
from bot.domain.calendar.spans import Fixed, Holidays, Recurring, utc
from bot.domain.crons import wall_times

__all__ = ["Coverage", "Finding", "coverage", "lint"]

_SHOWN: Final = 10
_YEARS_SEARCHED: Final = timedelta(days=28 * 366)  # every kind of year with every first weekday


def lint(
    calendar: Calendar,
    *,
    environments: Sequence[str],
    services: Sequence[str],
    now: datetime,
    looks: int = LOOKS,
) -> list[Finding]:
    """What there is to say about the 400 days from `now` on; environments first, then the rules in their order.

    `environments` and `services` are those of the policy; without services, any name may be one. `looks` bounds how
    often one rule is held against another: where that does not suffice, a finding `not-examined` says so.

    Raises:
        ValueError: for a naive instant, or one outside the calendar's range.

    """
    start = utc(now)
    end = start + min(HORIZON, LATEST - timedelta.resolution - start)  # no sum leads out of all years
    budget = Budget(looks)
    places = {rule.name: place for place, rule in reversed(list(enumerate(calendar.rules)))}
    about_rules = chain(
        chain.from_iterable(_homeless(rule, environments, services) for rule in calendar.rules),
        chain.from_iterable(_of_rule(calendar, rule, start, end) for rule in calendar.rules),
        shadowed(calendar, environments, services, start, end, budget),
        covered(calendar, start, end, budget),
    )
    return [
        *_closed(calendar, environments, services, start),
        *fixed_zones(calendar.rules),
        *sorted(about_rules, key=lambda found: places.get(found.rule or "", -1)),
        *([Finding("not-examined", None, None, {}, grave=False)] if budget.left <= 0 else []),
    ]


def _of_rule(calendar: Calendar, rule: Rule, now: datetime, end: datetime) -> Iterator[Finding]:
    if any(clipped(calendar.compiled.spans(block_of(now), rule), now, end)):
        yield from clock_findings(rule, now, end)
    else:
        yield from _silent(rule, now, end)
    if isinstance(rule.source, Holidays):
        yield from _holidays(rule.name, rule.source, now, end)


def _homeless(rule: Rule, environments: Sequence[str], services: Sequence[str]) -> Iterator[Finding]:
    """A rule none of whose environments, or none of whose services, exists."""
    for kind, named, known in (
        ("environments", rule.scope.environments, environments),
        ("services", rule.scope.services, services),
    ):
        if named is not None and known and not named & set(known):
            facts: dict[str, JsonValue] = {kind: names(sorted(named))}
            yield Finding("applies-to-nothing", rule.name, None, facts, grave=True)


def _silent(rule: Rule, now: datetime, end: datetime) -> Iterator[Finding]:
    """A rule without an occurrence in [now, end)."""
    source = rule.source
    if isinstance(source, Fixed):
        over = [span.end for span in source.known if span.end <= now]
        if source.known and len(over) == len(source.known):
            yield _past(rule, max(over))
        elif not source.known:
            yield Finding("never-fires", rule.name, None, {"next": None}, grave=True)
        return  # otherwise it lies further ahead than 400 days
    if rule.kind is RuleKind.FREEZE:
        before = source.spans(now - HORIZON, now)
        if before:
            yield _past(rule, max(span.end for span in before))
            return
    following = _next(source, end) if isinstance(source, Recurring) else None
    yield Finding(
        "never-fires", rule.name, None, {"next": None if following is None else wall(following)}, grave=True
    )


def _past(rule: Rule, ended: datetime) -> Finding:
    return Finding("freeze-past", rule.name, None, {"ended": instant(ended)}, grave=False)


def _next(source: Recurring, after: datetime) -> datetime | None:
    """The next wall-clock time at which the rule starts; beyond the years 1 to 9999 there is none."""
    first = after.astimezone(source.zone).date()
    last = min(first.toordinal() + _YEARS_SEARCHED.days, date.max.toordinal())
    return next(wall_times(source.cron, first, date.fromordinal(last)), None)


def _holidays(name: str, source: Holidays, now: datetime, end: datetime) -> Iterator[Finding]:
    """Years that a country's list does not reach, and days that it only estimates."""
    if source.country is None:
        return
    first, last = now.astimezone(source.zone).date(), end.astimezone(source.zone).date()
    years = range(first.year, last.year + 1)
    unknown: list[JsonValue] = [year for year in years if not source.public(year)]
    place: dict[str, JsonValue] = {"country": source.country, "subdivision": source.subdivision}
    if unknown:
        yield Finding("unknown-holiday", name, None, {**place, "years": unknown}, grave=True)
    days = [
        each for year in years for each in source.public(year) if each.estimated and first <= each.day <= last
    ]
    if days:
        shown: list[JsonValue] = [{"date": each.day.isoformat(), "name": each.name} for each in days[:_SHOWN]]
        yield Finding(
            "estimated-holiday", name, None, {**place, "days": shown, "count": len(days)}, grave=False
        )


def _closed(
    calendar: Calendar, environments: Sequence[str], services: Sequence[str], now: datetime
) -> Iterator[Finding]:
    """Environments that are never allowed within 400 days, for some or all of their services."""
    for environment in environments:
        groups = _told_apart(calendar, environment, services)
        never = [
            group
            for group in groups
            if calendar.at(now, environment=environment, service=group[0]).next_allowed is None
        ]
        if never:
            everywhere = len(never) == len(groups)
            one = never[0][0]
            discouraged = any(_ever_discouraged(calendar, environment, group[0], now) for group in never)
            rules = calendar.at(now, environment=environment, service=one).rules
            facts: dict[str, JsonValue] = {
                "services": [] if everywhere else [each for group in never for each in group if each],
                "others": any(None in group for group in never),
                "windows": _has_windows(calendar, environment, one, now),
                "discouraged": discouraged,
                "rules": names(rule.name for rule in rules),
            }
            yield Finding("never-opens", None, environment, facts, grave=not discouraged)


def _told_apart(calendar: Calendar, environment: str, services: Sequence[str]) -> list[list[str | None]]:
    """The services by the rules that apply to them there, None for all that no rule names; as many as are kept."""
    scopes = {rule.scope for rule in calendar.rules if rule.scope.services is not None}
    named = frozenset[str]().union(*(scope.services or () for scope in scopes))
    groups: dict[tuple[bool, ...], list[str | None]] = {}
    for service in (None, *(each for each in services if each in named)):
        applying = tuple(scope.covers(environment, service) for scope in scopes)
        groups.setdefault(applying, []).append(service)
    return list(groups.values())[:TIMELINES_KEPT]


def _has_windows(calendar: Calendar, environment: str, service: str | None, now: datetime) -> bool:
    return calendar.compiled.timeline(block_of(now), environment, service).has_windows


def _ever_discouraged(calendar: Calendar, environment: str, service: str | None, now: datetime) -> bool:
    end = min(now + HORIZON, LATEST - timedelta.resolution)
    found = calendar.verdicts(now, end, environment=environment, service=service)
    return any(verdict is Verdict.DISCOURAGED for _, _, verdict in found)
