"""Times as people type them at `/oncall`: one instant, or a refusal that says how it is written; never another instant."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from bot.domain.durations import parse as parse_duration
from bot.domain.refusal import Refusal
from bot.domain.wall_clock import end_instant, local, start_instant

_CLOCK: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)|(24):(00)", re.ASCII)
_HALF_DAY: Final = re.compile(r"(0?[1-9]|1[0-2])(?::([0-5]\d))?([ap])\.?m\.?", re.ASCII | re.IGNORECASE)
_AM_PM: Final = frozenset({"am", "pm", "a.m.", "p.m.", "a.m", "p.m"})
_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SHORTEST_DAY: Final = len("mon")
_DATE: Final = len("2026-12-01")
_PARTS: Final = frozenset((
    "noon", "midday", "midnight", "morning", "evening", "afternoon", "night", "tonight", "early", "late", "lunch",
    "lunchtime", "eod", "cob", "end", "at",
))  # fmt: skip
"""Words that tell a time of day to people, to each another one."""
_ASIDE: Final = frozenset({"today", "tomorrow", "tonight", "yesterday"})
_BEFORE_A_DAY: Final = frozenset({"on", "next", "this"})
_AREA: Final = re.compile(
    r"(?:Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Europe|Indian|Pacific|Etc)/[\w+/-]{1,40}",
    re.ASCII | re.IGNORECASE,
)
_OFFSET: Final = re.compile(r"(?:UTC|GMT|Z)?[+-]\d{1,2}(?::?\d\d)?", re.ASCII | re.IGNORECASE)
_SURE: Final = frozenset({"UTC", "GMT"})
_SHORT: Final = frozenset((
    "Z", "ET", "CT", "MT", "PT", "EST", "EDT", "CST", "CDT", "MST", "MDT", "PST", "PDT", "AKST", "AKDT", "HST", "BST",
    "IST", "WET", "WEST", "CET", "CEST", "EET", "EEST", "MSK", "SAST", "JST", "KST", "SGT", "HKT", "AEST", "AEDT",
    "ACST", "ACDT", "AWST", "NZST", "NZDT",
))  # fmt: skip
"""Some of these are called the same in several zones, and most hold for half of the year only."""
_TWO: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """An instant as it was typed. `later` is how the same is written a week on, where it was today by its name."""

    at: datetime | None  # None: now
    weekday: str | None = None
    later: str | None = None


def read(left: list[str], key: str, zone: ZoneInfo, after: datetime, *, end: bool) -> Said:
    """`now`, a span after `after`, a time of day, a day, or both, by `zone` unless another one is named behind it.

    Takes the words it understands away from `left`. Raises Refusal `bad-on-call-time` or `on-call-zone`.
    """
    return _Reader(left=left, key=key, zone=zone, after=after, end=end).read()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reader:
    left: list[str]
    key: str
    zone: ZoneInfo
    after: datetime
    end: bool

    def read(self) -> Said:
        words = tuple(self.left)
        try:
            said = self._moment()
        except (ValueError, OverflowError):
            raise self._bad(words[:1]) from None
        if self.left and (_HALF_DAY.fullmatch(self.left[0]) or _CLOCK.fullmatch(self.left[0])):
            raise self._bad(words[: len(words) - len(self.left) + 1])
        return said

    def _moment(self) -> Said:
        word = self.left[0] if self.left else ""
        day = _day(word)
        if day is not None:
            self.left.pop(0)
            return self._wall(day, self._clock_of(word))
        clock = self._clock()
        if clock is not None:
            return self._wall(None, clock)
        self.left[:1] = []
        if word.lower() == "now" and not self.end:
            return self._no_zone(word, Said(at=None))
        if not (word[:4].isdigit() and "-" in word):
            at = self.after + parse_duration(word)
            if self.left and self.left[0][:1].isdigit():
                raise self._bad((word, self.left[0]))
            return self._no_zone(word, Said(at=at))
        said = datetime.fromisoformat(word)
        if said.tzinfo:
            return self._no_zone(word, Said(at=said.astimezone(UTC)))
        return Said(at=self._instant(said, self._own_zone()))

    def _wall(self, day: date | int | None, clock: timedelta | None) -> Said:
        """A day, a time of day, or both, by the zone that is named behind them or the rotation's."""
        if day is None and self.left and (self._aside() or _day(self.left[0]) is not None):
            raise self._bad((_written(clock), *self.left[:1]))
        zone = self._own_zone()
        today = local(self.after, zone).date()
        if day is None:
            at = self._instant(_at(today, clock), zone)
            ahead = at if at > self.after else self._instant(_at(today + timedelta(days=1), clock), zone)
            return Said(at=ahead)
        if isinstance(day, date):
            return Said(at=self._instant(_at(day, clock), zone))
        first = today + timedelta(days=(day - today.weekday()) % 7)
        at = self._instant(_at(first, clock), zone)
        if first != today:
            return Said(at=at)
        week = (first + timedelta(days=7)).isoformat()
        parts = (week, _written(clock), "" if zone.key == self.zone.key else zone.key)
        return Said(at=at, weekday=_DAYS[day].capitalize(), later=" ".join(p for p in parts if p))

    def _aside(self) -> bool:
        """Whether a day follows its time of day: it is not guessed whether that belongs to it."""
        first = self.left[0].lower()
        if first in _BEFORE_A_DAY:
            return len(self.left) > 1 and (_day(self.left[1]) is not None or self.left[1].lower() in _ASIDE)
        return first in _ASIDE

    def _instant(self, wall: datetime, zone: ZoneInfo) -> datetime:
        return end_instant(wall, zone) if self.end else start_instant(wall, zone)

    def _clock_of(self, day: str) -> timedelta | None:
        """The time of day behind a day. What only looks like one is refused, for without it the day would begin."""
        if len(self.left) > 1 and self.left[0].lower() == "at":
            self.left.pop(0)
            clock = self._clock()
            if clock is None:
                raise self._bad((day, "at", *self.left[:1]))
            return clock
        clock = self._clock()
        if clock is None and self.left:
            word, then = self.left[0].lower(), self.left[1].lower() if len(self.left) > 1 else ""
            if word in _PARTS | _AM_PM or then in _AM_PM or word.lstrip("@~(–-")[:1].isdigit():
                raise self._bad((day, self.left[0]))
        return clock

    def _clock(self) -> timedelta | None:
        """`09:00`, `9am`, `9:30pm` or `9 pm`; taken away where it is one. Raises ValueError for `17:00 pm`."""
        if not self.left:
            return None
        first = self.left[0]
        if len(self.left) > 1 and self.left[1].lower() in _AM_PM and first[:1].isdigit():
            found = _HALF_DAY.fullmatch(first + self.left[1])
            if found is None:
                raise self._bad(self.left[:2])
            self.left[:2] = []
            return _half_day(found)
        clock, half = _CLOCK.fullmatch(first), _HALF_DAY.fullmatch(first)
        if clock is None and half is None:
            return None
        self.left.pop(0)
        if half is not None:
            return _half_day(half)
        assert clock is not None  # noqa: S101 - one of both it is
        return timedelta(hours=int(clock[1] or clock[3]), minutes=int(clock[2] or clock[4]))

    def _own_zone(self) -> ZoneInfo:
        """The zone that is named behind a time, else the rotation's."""
        place = self._zone_place()
        if place is None:
            return self.zone
        word = _bare(self.left[place])
        found = None if word.upper() in _SHORT else _zone(word)
        if found is None:
            raise self._no_such_zone(word)
        del self.left[: place + 1]
        return found

    def _no_zone(self, word: str, said: Said) -> Said:
        """The same, where no zone follows: a length of time, and an instant, need none."""
        place = self._zone_place()
        if place is not None:
            raise self._bad((word, *self.left[: place + 1]))
        return said

    def _zone_place(self) -> int | None:
        """Where the next words name a zone, the place of its name."""
        place = 1 if len(self.left) > 1 and self.left[0].lower() == "in" else 0
        if place >= len(self.left):
            return None
        word = _bare(self.left[place])
        upper = word.upper()
        short = upper in _SHORT and (word.isupper() or (len(word) > _TWO and word != "west"))
        named = upper in _SURE or short or _AREA.fullmatch(word) or _OFFSET.fullmatch(word)
        return place if named else None

    def _bad(self, words: "tuple[str, ...] | list[str]") -> Refusal:
        name = " ".join(words)[:40]
        return Refusal("bad-on-call-time", {"key": self.key, "name": name, "zone": self.zone.key})

    def _no_such_zone(self, word: str) -> Refusal:
        return Refusal("on-call-zone", {"key": self.key, "name": word[:40], "zone": self.zone.key})


def _day(word: str) -> date | int | None:
    """A date, or the number of a day of the week; None for another word. Raises ValueError for a date that is none."""
    if len(word) == _DATE and word[4:5] == "-":
        return date.fromisoformat(word)
    name = "wednesday" if word.lower() == "weds" else word.lower()
    if len(name) < _SHORTEST_DAY:
        return None
    return next((number for number, day in enumerate(_DAYS) if day.startswith(name)), None)


def _zone(name: str) -> ZoneInfo | None:
    """A zone by its full name, however its letters are written."""
    for spelt in (name, name.title(), name.upper()):
        try:
            return ZoneInfo(spelt)
        except (ValueError, OSError, KeyError):
            continue
    return None


def _bare(word: str) -> str:
    return word.strip("(),.;")


def _at(day: date, clock: timedelta | None) -> datetime:
    return datetime.combine(day, time()) + (clock or timedelta(0))


def _half_day(found: re.Match[str]) -> timedelta:
    hour = int(found[1]) % 12 + (12 if found[3].lower() == "p" else 0)
    return timedelta(hours=hour, minutes=int(found[2] or 0))


def _written(clock: timedelta | None) -> str:
    """A time of day as it is written best: `09:00`."""
    if clock is None:
        return ""
    minutes = int(clock.total_seconds()) // 60
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
