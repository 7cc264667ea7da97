"""What a change of the clocks does to a recurring rule: starts and ends that are skipped, doubled or moved."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from pydantic import JsonValue

from bot.domain.calendar.finding import Finding, instant, wall
from bot.domain.calendar.rules import Rule
from bot.domain.calendar.spans import Holidays, Recurring
from bot.domain.calendar.until import Elapsed, UntilTime, UntilWeekday
from bot.domain.crons import firings, wall_times
from bot.domain.wall_clock import local, real_instants, start_instant

_DAY: Final = timedelta(days=1)
_SECOND: Final = timedelta(seconds=1)
_PROBE: Final = timedelta(hours=12)  # no zone changes its offset twice within days
_FIRST_LOOK: Final = timedelta(days=2)
_SHOWN: Final = 2
_FIXED: Final = {"EST": ("America/New_York", "America/Panama"), "MST": ("America/Denver", "America/Phoenix")}
"""Old names of zones that never change their clocks, by the place that was probably meant and one that never does
either. HST is not among them: Hawaii never does."""
Case = tuple[str, Mapping[str, JsonValue]]


def fixed_zones(rules: Iterable[Rule]) -> Iterator[Finding]:
    """Each zone that people take for one with summer time, once, however many rules are in it."""
    zones = {rule.source.zone.key for rule in rules if isinstance(rule.source, Recurring | Holidays)}
    for zone in sorted(zones & _FIXED.keys()):
        place, like = _FIXED[zone]
        yield Finding("fixed-zone", None, None, {"zone": zone, "place": place, "like": like}, grave=False)


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a zone's clock. The local times [low, high) are skipped in a gap, and shown twice in a fold."""

    at: datetime
    low: datetime
    high: datetime
    gap: bool

    def touches(self, time: datetime) -> bool:
        """Whether a local time is one of those."""
        return self.low <= time < self.high


def clock_findings(rule: Rule, now: datetime, end: datetime) -> list[Finding]:
    """One finding per kind of trouble, with a case for each of the first two changes, and how many cases there are."""
    source = rule.source
    if not isinstance(source, Recurring):
        return []
    count: Counter[str] = Counter()
    shown: dict[str, dict[datetime, JsonValue]] = {}
    for change in changes(source.zone, now, end):
        for code, facts in _cases(source, change):
            count[code] += 1
            shown.setdefault(code, {}).setdefault(change.at, dict(facts))
    return [
        Finding(
            code=code.partition(":")[0],
            rule=rule.name,
            environment=None,
            facts={
                "zone": source.zone.key,
                "cases": [*cases.values()][:_SHOWN],
                "count": count[code],
            },
            grave=False,
        )
        for code, cases in shown.items()
    ]


@lru_cache(maxsize=1024)
def changes(zone: ZoneInfo, low: datetime, high: datetime) -> tuple[Change, ...]:
    """The changes of the zone's clock in (low, high)."""
    found = []
    at = low
    while at < high:
        following = min(at + _PROBE, high)
        if _offset(at, zone) != _offset(following, zone):
            found.append(_change(at, following, zone))
        at = following
    return tuple(found)


def _change(before: datetime, after: datetime, zone: ZoneInfo) -> Change:
    old = _offset(before, zone)
    while after - before > _SECOND:
        middle = (before + (after - before) / 2).replace(microsecond=0)
        middle = middle if middle > before else before + _SECOND
        if _offset(middle, zone) == old:
            before = middle
        else:
            after = middle
    at = after.replace(microsecond=0)
    shown = local(at, zone)
    would_be = shown - _offset(at, zone) + old
    return Change(at, min(shown, would_be), max(shown, would_be), gap=shown > would_be)


def _offset(at: datetime, zone: ZoneInfo) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta(0)


def _cases(source: Recurring, change: Change) -> Iterator[Case]:
    if source.cron.literal_hour or not source.cron.every_hour:
        yield from _starts(source, change)
    if isinstance(source.ending, Elapsed):
        yield from _elapsed(source, source.ending, change)
    else:
        yield from _ends(source, source.ending, change)


def _starts(source: Recurring, change: Change) -> Iterator[Case]:
    literal = source.cron.literal_hour
    for time in wall_times(source.cron, change.low.date(), change.high.date() + _DAY):
        if not change.touches(time):
            continue
        start = start_instant(time, source.zone)
        ending = source.ending.end(time, start, source.zone)
        if not change.gap:
            other = real_instants(time, source.zone)[-1]
            fires = "first" if literal else "twice"
            yield (
                "doubled-start",
                {"local": wall(time), "instant": instant(start), "other": instant(other), "fires": fires},
            )
        elif literal and ending <= start:
            yield "empty-occurrence", _empty(source, time, start)
        else:
            shown: dict[str, JsonValue] = {"local": wall(time), "instant": instant(start)}
            shown |= {"shown": wall(local(start, source.zone)), "fires": "after" if literal else "never"}
            yield "skipped-start", shown


def _empty(source: Recurring, time: datetime, start: datetime) -> dict[str, JsonValue]:
    facts: dict[str, JsonValue] = {"local": wall(time), "instant": instant(start)}
    if not isinstance(source.ending, Elapsed):
        facts["until"] = wall(source.ending.wall_end(time))
    return facts


def _ends(source: Recurring, ending: UntilTime | UntilWeekday, change: Change) -> Iterator[Case]:
    first = (change.low - ending.longest - _DAY).date()
    told = set[datetime]()
    for time, start in firings(source.cron, source.zone, first, change.high.date() + _DAY):
        stop = ending.wall_end(time)
        end = ending.end(time, start, source.zone)
        if not change.touches(stop) or end <= start or stop in told:
            continue
        told.add(stop)
        if change.gap:
            shown = wall(local(end, source.zone))
            yield "skipped-end", {"local": wall(stop), "instant": instant(end), "shown": shown}
        else:
            other = real_instants(stop, source.zone)[0]
            yield (
                "doubled-end",
                {"local": wall(stop), "instant": instant(end), "other": instant(other)},
            )


def _elapsed(source: Recurring, ending: Elapsed, change: Change) -> Iterator[Case]:
    for start in _starts_before(source, ending.length, change.at):
        end = start + ending.length
        begins, ends = local(start, source.zone), local(end, source.zone)
        usual = begins + ending.length
        skipped = not real_instants(usual, source.zone) and start_instant(usual, source.zone) == end
        if end >= change.at and ends != usual and not skipped:
            kind = "gap" if change.gap else "fold"
            yield (
                f"elapsed-across-transition:{kind}",
                {
                    "start": instant(start),
                    "end": instant(end),
                    "local_start": wall(begins),
                    "local_end": wall(ends),
                    "usual_end": wall(usual),
                    "change": instant(change.at),
                    "kind": kind,
                },
            )
            return


def _starts_before(source: Recurring, length: timedelta, at: datetime) -> Iterator[datetime]:
    """The starts in [at - length, at), the latest first; most rules have one close by, so the look back widens."""
    high, back = at, _FIRST_LOOK
    while high >= at - length:
        low = at - back
        first, last = (low - 2 * _DAY).date(), (high + 2 * _DAY).date()
        found = {start for _, start in firings(source.cron, source.zone, first, last)}
        yield from sorted((each for each in found if max(low, at - length) <= each < high), reverse=True)
        high, back = low, back * 4
