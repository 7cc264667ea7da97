"""A slow second opinion about the calendar, written from the words of the design and not from the compiled code.

Wall-clock times come from croniter's own stepping in naive time, instants from trying every offset that the zone
shows nearby, and verdicts from looking at every rule for every instant that matters.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import holidays
from croniter import croniter

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
HORIZON = timedelta(days=400)
RANK = {"prefer": 0, "allow": 1, "discourage": 2, "prohibit": 3}
VERDICT = {"prefer": "preferred", "allow": "allowed", "discourage": "discouraged", "prohibit": "prohibited"}
WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")


@dataclass(frozen=True)
class SlowRule:
    """A rule as the policy writes it."""

    name: str
    kind: str
    effect: str
    zone: str
    start: str
    until: str | None = None
    lasts: timedelta | None = None
    environments: frozenset[str] | None = None
    services: frozenset[str] | None = None
    break_glass: bool = False
    holds: bool = False
    days: tuple[tuple[date | tuple[int, int], str], ...] = ()
    """Of a holiday: own days, a date or a month and a day."""
    country: str | None = None
    spans: tuple[tuple[datetime, datetime], ...] = ()
    """Of a freeze: the instants."""


@dataclass
class SlowCalendar:
    rules: tuple[SlowRule, ...]
    outside: str
    kept: dict[tuple[SlowRule, int], list[tuple[datetime, datetime]]] = field(default_factory=dict)

    def scope(self, environment: str, service: str | None) -> list[SlowRule]:
        return [
            rule
            for rule in self.rules
            if (rule.environments is None or environment in rule.environments)
            and (rule.services is None or service in rule.services)
        ]

    def effect(self, at: datetime, rules: Iterable[SlowRule]) -> tuple[str, bool]:
        """The effect and whether break-glass passes."""
        rules = list(rules)
        active = [rule for rule in rules if self.active(rule, at)]
        windows = [rule for rule in rules if rule.kind == "window"]
        open_windows = [rule for rule in active if rule.kind == "window"]
        bad = [rule.effect for rule in active if rule.kind != "window"]
        if windows and not open_windows:
            bad.append(self.outside)
        passes = all(rule.break_glass for rule in active if rule.effect == "prohibit")
        if bad:
            return max(bad, key=RANK.__getitem__), passes
        return ("prefer" if any(rule.effect == "prefer" for rule in open_windows) else "allow"), passes

    def active(self, rule: SlowRule, at: datetime) -> bool:
        return any(start <= at < end for start, end in self.intervals(rule, at.year))

    def intervals(self, rule: SlowRule, year: int) -> list[tuple[datetime, datetime]]:
        if (rule, year) not in self.kept:
            low, high = datetime(year, 1, 1) - 12 * DAY, datetime(year + 1, 1, 1) + 3 * DAY  # noqa: DTZ001 - wall-clock times
            self.kept[rule, year] = list(occurrences(rule, low, high))
        return self.kept[rule, year]

    def at(self, at: datetime, environment: str, service: str | None) -> dict[str, object]:
        rules = self.scope(environment, service)
        effect, passes = self.effect(at, rules)
        edges = sorted(
            {
                edge
                for rule in rules
                for year in range(at.year, (at + HORIZON).year + 1)
                for interval in self.intervals(rule, year)
                for edge in interval
            }
        )
        ahead = [edge for edge in edges[bisect_right(edges, at) :] if edge <= at + HORIZON]
        found: dict[str, object] = {"next_change": None, "next_allowed": None, "next_preferred": None}
        for instant in [at, *ahead]:
            here, _ = self.effect(instant, rules)
            if here != effect and found["next_change"] is None:
                found["next_change"] = instant
            if RANK[here] <= RANK["allow"] and found["next_allowed"] is None:
                found["next_allowed"] = instant
            if here == "prefer" and found["next_preferred"] is None:
                found["next_preferred"] = instant
            if None not in found.values():
                break
        return {"verdict": VERDICT[effect], "break_glass": passes, **found}


def occurrences(rule: SlowRule, low: datetime, high: datetime) -> Iterable[tuple[datetime, datetime]]:
    if rule.kind == "freeze":
        yield from rule.spans
        return
    if rule.kind == "holiday":
        yield from whole_days(rule, low.date(), high.date())
        return
    zone = ZoneInfo(rule.zone)
    wildcard = "*" in rule.start.split()[1]
    stepper = croniter(rule.start, low - MINUTE)
    while (wall := stepper.get_next(datetime)) < high:
        shown = showings(wall, rule.zone)
        starts = shown if wildcard else [shown[0] if shown else after_gap(wall, rule.zone)]
        for start in starts:
            end = start + rule.lasts if rule.lasts else wall_end(end_wall(wall, rule.until or ""), zone)
            if start < end:
                yield start, end


def whole_days(rule: SlowRule, low: date, high: date) -> Iterable[tuple[datetime, datetime]]:
    while low < high:
        if names_of(rule, low):
            midnight, next_one = (datetime(day.year, day.month, day.day) for day in (low, low + DAY))  # noqa: DTZ001 - wall-clock times
            shown = showings(midnight, rule.zone)
            start = shown[0] if shown else after_gap(midnight, rule.zone)
            yield start, wall_end(next_one, ZoneInfo(rule.zone))
        low += DAY


def names_of(rule: SlowRule, day: date) -> list[str]:
    """What a holiday rule calls a local day; nothing on an ordinary one."""
    public = public_holidays(rule.country, day.year).get(day, "") if rule.country else ""
    found = public.split("; ") if public else []
    for when, name in rule.days:
        if when in (day, (day.month, day.day)) and name not in found:
            found.append(name)
    return found


@cache
def public_holidays(country: str, year: int) -> dict[date, str]:
    return dict(holidays.country_holidays(country, years=[year], expand=False, language="en_US"))


def end_wall(wall: datetime, until: str) -> datetime:
    """The first moment after the start, day by day, that the words name."""
    *weekday, clock = until.split()
    hours, minutes = map(int, clock.split(":"))
    day = wall.replace(hour=0, minute=0) - 2 * DAY
    while True:
        moment = day + timedelta(hours=hours, minutes=minutes)
        if moment > wall and (not weekday or WEEKDAYS[day.weekday()] == weekday[0]):
            return moment
        day += DAY


def wall_end(wall: datetime, zone: ZoneInfo) -> datetime:
    shown = showings(wall, zone.key)
    return shown[-1] if shown else after_gap(wall, zone.key)


@cache
def showings(wall: datetime, key: str) -> list[datetime]:
    """Every instant at which the zone shows this time: try each offset that it shows within two days."""
    zone, naive = ZoneInfo(key), wall.replace(tzinfo=UTC)
    offsets = {(naive + timedelta(hours=hours)).astimezone(zone).utcoffset() for hours in range(-48, 49, 4)}
    instants = [naive - offset for offset in offsets if offset is not None]
    return sorted(each for each in instants if each.astimezone(zone).replace(tzinfo=None) == wall)


@cache
def after_gap(wall: datetime, key: str) -> datetime:
    """The first minute at which the zone's clock has passed a time that it never shows."""
    zone, instant = ZoneInfo(key), wall.replace(tzinfo=UTC) - 30 * timedelta(hours=1)
    while instant.astimezone(zone).replace(tzinfo=None) < wall:
        instant += MINUTE
    return instant
