"""How long an environment had each colour, and on which days: what nobody knows is told apart and is not uptime."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from bot.domain.environment import Colour, Turn, worst

_NONE: Final = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """How long each colour lasted within a stretch; what came before the first known colour belongs to none."""

    green: timedelta = _NONE
    yellow: timedelta = _NONE
    unknown: timedelta = _NONE
    red: timedelta = _NONE

    @property
    def up(self) -> timedelta:
        """D6: YELLOW is operational."""
        return self.green + self.yellow

    @property
    def total(self) -> timedelta:
        return self.up + self.unknown + self.red

    @property
    def share(self) -> float | None:
        """The part of the time, from 0 to 1, that it was known to be operational (F12); None: nothing is known."""
        return self.up / self.total if self.total else None

    @property
    def blind(self) -> float:
        """The part of the time that nobody knew."""
        return self.unknown / self.total if self.total else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Uptime:
    """The last so many days; `since` is where what is known begins, where that is later."""

    days: int
    spent: Spent
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """One calendar day: its worst colour, None before anything was known."""

    date: date
    colour: Colour | None


def spent(turns: Sequence[Turn], start: datetime, end: datetime) -> Spent:
    """How long each colour lasted in [start, end). `turns` oldest first, each lasting until the next one."""
    lengths = dict.fromkeys(Colour, _NONE)
    for colour, began, over in _stretches(turns, start, end):
        lengths[colour] += over - began
    return Spent(
        green=lengths[Colour.GREEN],
        yellow=lengths[Colour.YELLOW],
        unknown=lengths[Colour.UNKNOWN],
        red=lengths[Colour.RED],
    )


def uptime(turns: Sequence[Turn], now: datetime, days: int) -> Uptime:
    """The last `days` times 24 hours before `now`."""
    start = now - timedelta(days=days)
    first = turns[0].since if turns else None
    return Uptime(
        days=days,
        spent=spent(turns, start, now),
        since=first if first is not None and start < first < now else None,
    )


def by_day(turns: Sequence[Turn], now: datetime, days: int, zone: ZoneInfo) -> tuple[Day, ...]:
    """The last `days` calendar days of `zone`, oldest first, today included as far as it went."""
    today = now.astimezone(zone).date()
    dates = [today - timedelta(days=n) for n in reversed(range(days))]
    return tuple(Day(each, _worst_of(turns, each, now, zone)) for each in dates)


def _worst_of(turns: Sequence[Turn], day: date, now: datetime, zone: ZoneInfo) -> Colour | None:
    start = datetime.combine(day, time(), zone)
    end = datetime.combine(day + timedelta(days=1), time(), zone)
    found = {colour for colour, _, _ in _stretches(turns, start, min(end, now, key=datetime.timestamp))}
    return worst(found) if found else None


def _stretches(
    turns: Sequence[Turn], start: datetime, end: datetime
) -> Iterator[tuple[Colour, datetime, datetime]]:
    """The colours within [start, end), each with its part of it."""
    # Differences of two instants in one zone are wall-clock arithmetic: elapsed time is measured in UTC.
    start, end = _utc(start), _utc(end)
    at = max(bisect_right(turns, start, key=lambda turn: turn.since) - 1, 0)
    while at < len(turns) and turns[at].since < end:
        over = turns[at + 1].since if at + 1 < len(turns) else end
        began, over = max(_utc(turns[at].since), start), min(_utc(over), end)
        if began < over:
            yield turns[at].colour, began, over
        at += 1


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC)
