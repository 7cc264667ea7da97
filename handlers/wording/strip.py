"""A week of the calendar as lines of a fixed-width font: a row a day, a sign an hour. Pure.

Slack's phones show some 36 columns before they wrap, so an hour is one column. What is full is open, what is empty is
closed, in light and in dark themes; and every sign is one that fixed-width fonts themselves have (Latin-1, and of the
blocks the few of WGL4), because a sign that another font has to lend is wider or narrower than the letters above it.
"""

import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from bot.domain.calendar import ActiveRule, Effect, RuleKind, Stretch, Verdict

WIDTH: Final = 36
"""Columns of the widest line."""
MARGIN: Final = 7
"""Columns before the first hour: `Wed 11 `."""
NOTES_A_DAY: Final = 2
NOT_THERE: Final = " "
"""Stands for an hour that the clock skips."""
_TICKS: Final = (0, 6, 12, 18)
_MARKS: Final = frozenset("+-")
_DAY: Final = timedelta(days=1)
_HOUR: Final = timedelta(hours=1)
_SECOND: Final = timedelta(seconds=1)


class Sign(StrEnum):
    """What one hour shows, the best first. An hour of two kinds shows the worse."""

    PREFERRED = "█"
    ALLOWED = "▒"
    DISCOURAGED = "!"
    CLOSED = "·"
    FROZEN = "×"


_BADNESS: Final = {sign: rank for rank, sign in enumerate(Sign)}
WORDS: Final = MappingProxyType(
    {
        Sign.PREFERRED: "preferred",
        Sign.ALLOWED: "allowed",
        Sign.DISCOURAGED: "only with a reason",
        Sign.CLOSED: "closed",
        Sign.FROZEN: "frozen",
    }
)
"""The legend."""
_OF_VERDICT: Final = {
    Verdict.PREFERRED: Sign.PREFERRED,
    Verdict.ALLOWED: Sign.ALLOWED,
    Verdict.DISCOURAGED: Sign.DISCOURAGED,
}
_NAMED: Final = (RuleKind.HOLIDAY, RuleKind.FREEZE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """The lines, which signs stand in them, whether an hour had two kinds, and whether the reader's hours are beside."""

    lines: tuple[str, ...]
    signs: tuple[Sign, ...]
    mixed: bool
    marks: frozenset[str]
    """`+` and `-`, where the reader's hours are of the next or of the previous day."""
    two_zones: bool


class _Piece(NamedTuple):
    """A stretch of real time throughout which the zone keeps one offset from UTC."""

    start: datetime
    end: datetime
    offset: timedelta


def strip(
    week: Sequence[Stretch],
    *,
    zone: ZoneInfo,
    first: date,
    days: int,
    now: datetime,
    reader: ZoneInfo | None = None,
    say: Callable[[str], str] = str,
) -> Strip:
    """The days [first, first + days) of `zone`, whose clock decides (P12), with the hours of `reader` beside.

    `week` are gapless stretches of the calendar; `now` is marked above its hour of the first day. Names, which people
    wrote, go through `say` after they were cut.
    """
    drawing = _Drawing(week, zone, first, days)
    dates = [first + n * _DAY for n in range(days)]
    axes = [_reader_ticks(day, zone, reader) for day in dates] if reader is not None else []
    two = any(ticks != _own_ticks() for ticks in axes)
    lines = [_axis("policy" if two else "", _own_ticks())]
    shown: list[str] = []
    before: frozenset[str] = frozenset()
    for index, day in enumerate(dates):
        if two and axes[index] != shown:
            shown = axes[index]
            lines.append(_axis("yours", shown))
        if index == 0:
            lines += _now_mark(day, now, zone)
        lines.append(f"{day:%a} {day.day:2d} {drawing.row(day)}".rstrip())
        names = drawing.names(day)
        lines += _notes([*drawing.clock_notes(day), *(n for n in names if n not in before)], say)
        before = frozenset(names)
    signs = tuple(sign for sign in Sign if any(sign in line[MARGIN:] for line in drawing.rows))
    marks = frozenset(tick[-1] for ticks in axes for tick in ticks) & _MARKS
    return Strip(lines=tuple(lines), signs=signs, mixed=drawing.mixed, marks=marks, two_zones=two)


class _Drawing:
    """The week, ready to be asked what holds during an hour that a clock on the wall shows."""

    def __init__(self, week: Sequence[Stretch], zone: ZoneInfo, first: date, days: int) -> None:
        self._week = week
        self._starts = [each.start for each in week]
        # A local day begins and ends within a day and a bit of the UTC day of the same date.
        low = datetime.combine(first - 2 * _DAY, time(), UTC)
        self._pieces = _pieces(zone, low, low + (days + 4) * _DAY)
        self.rows: list[str] = []
        self.mixed = False

    def row(self, day: date) -> str:
        """The 24 hours of a day."""
        row = "".join(self._cell(datetime.combine(day, time(hour))) for hour in range(24))
        self.rows.append(" " * MARGIN + row)
        return row

    def names(self, day: date) -> list[str]:
        """The freezes and holidays of a day, in their order."""
        begins = datetime.combine(day, time())
        found = [rule for each in self._during(begins, begins + _DAY) for rule in each.rules]
        return list(dict.fromkeys(rule_name(rule) for rule in found if rule.kind in _NAMED))

    def clock_notes(self, day: date) -> Iterator[str]:
        """What the clock does on a day when it is put on or back."""
        for earlier, later in zip(self._pieces, self._pieces[1:], strict=False):
            old, new = (later.start + piece.offset for piece in (earlier, later))
            if min(old, new).date() != day:
                continue
            if new > old:
                yield f"clocks on: no {_clock(old)}–{_clock(new)}"
            else:
                yield f"clocks back: {_clock(new)}–{_clock(old)} twice"

    def _cell(self, wall: datetime) -> str:
        signs = {sign_of(each.verdict, each.rules) for each in self._during(wall, wall + _HOUR)}
        if not signs:
            return NOT_THERE
        self.mixed = self.mixed or len(signs) > 1
        return max(signs, key=_BADNESS.__getitem__)

    def _during(self, begins: datetime, ends: datetime) -> Iterator[Stretch]:
        """What holds at any instant at which the wall shows [begins, ends): both times where it is shown twice."""
        begins, ends = begins.replace(tzinfo=UTC), ends.replace(tzinfo=UTC)
        for piece in self._pieces:
            start, end = max(begins - piece.offset, piece.start), min(ends - piece.offset, piece.end)
            if start < end:
                yield from self._between(start, end)

    def _between(self, start: datetime, end: datetime) -> Iterator[Stretch]:
        index = max(bisect_right(self._starts, start) - 1, 0)
        while index < len(self._week) and self._week[index].start < end:
            if self._week[index].end > start:
                yield self._week[index]
            index += 1


def sign_of(verdict: Verdict, rules: Sequence[ActiveRule]) -> Sign:
    """Frozen is what a freeze or a holiday prohibits; what another rule, or no open window, prohibits is closed."""
    if verdict is not Verdict.PROHIBITED:
        return _OF_VERDICT[verdict]
    frozen = any(rule.kind in _NAMED and rule.effect is Effect.PROHIBIT for rule in rules)
    return Sign.FROZEN if frozen else Sign.CLOSED


def rule_name(rule: ActiveRule) -> str:
    """A freeze or holiday as people call it: `Veterans Day (holiday)`, `FRZ-3: Database move`."""
    if rule.kind is RuleKind.HOLIDAY:
        return f"{rule.reason or rule.name} (holiday)"
    return f"{rule.name}: {rule.reason}" if rule.reason else f"{rule.name} (freeze)"


def fitted(text: str, columns: int) -> str:
    """Text cut to so many columns of a fixed-width font, in which wide characters take two and marks none."""
    text = " ".join(text.split())
    if sum(map(_columns, text)) <= columns:
        return text
    taken = 0
    for kept, char in enumerate(text):
        taken += _columns(char)
        if taken > columns - 1:  # one is for the ellipsis
            return text[:kept].rstrip() + "…"
    return text


def _columns(char: str) -> int:
    return 0 if unicodedata.combining(char) else 1 + (unicodedata.east_asian_width(char) in "WF")


def _notes(notes: Sequence[str], say: Callable[[str], str]) -> list[str]:
    """What stands below a day's row; more than a few are counted."""
    shown = [say(fitted(note, WIDTH - MARGIN)) for note in notes[:NOTES_A_DAY]]
    if len(notes) > NOTES_A_DAY:
        shown.append(f"and {len(notes) - NOTES_A_DAY} more")
    return [" " * MARGIN + note for note in shown]


def _axis(name: str, ticks: Sequence[str]) -> str:
    """The ticks above their hours; one that the tick before it would run into is left out."""
    line = name
    for hour, tick in zip(_TICKS, ticks, strict=True):
        column = MARGIN + hour
        if len(line) < column:
            line = line.ljust(column) + tick
    return line


def _own_ticks() -> list[str]:
    return [str(hour) for hour in _TICKS]


def _reader_ticks(day: date, zone: ZoneInfo, reader: ZoneInfo) -> list[str]:
    """The reader's clock at the axis' hours of a day; + and - where it is the next or the previous day there."""
    ticks = []
    for hour in _TICKS:
        there = datetime.combine(day, time(hour), zone).astimezone(UTC).astimezone(reader)
        mark = "+" if there.date() > day else "-" if there.date() < day else ""
        ticks.append(f"{there.hour}{f':{there.minute:02d}' if there.minute else ''}{mark}")
    return ticks


def _now_mark(day: date, now: datetime, zone: ZoneInfo) -> list[str]:
    local = now.astimezone(zone)
    if local.date() != day:
        return []
    return [" " * (MARGIN + local.hour) + "▼ now"]


def _clock(wall: datetime) -> str:
    return f"{wall.hour}:{wall.minute:02d}"


def _pieces(zone: ZoneInfo, low: datetime, high: datetime) -> list[_Piece]:
    """[low, high) cut wherever the zone's offset changes."""
    cuts = [low]
    at = low
    while at < high:
        following = at + _HOUR
        if _offset(at, zone) != _offset(following, zone):
            cuts.append(_turn(at, following, zone))
        at = following
    return [
        _Piece(start, end, _offset(start, zone)) for start, end in zip(cuts, [*cuts[1:], high], strict=True)
    ]


def _turn(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    """The first whole second in (low, high] with the offset that holds at `high`."""
    offset = _offset(high, zone)
    while high - low > _SECOND:
        middle = low + (high - low) // _SECOND // 2 * _SECOND
        if _offset(middle, zone) == offset:
            high = middle
        else:
            low = middle
    return high


def _offset(at: datetime, zone: ZoneInfo) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta(0)
