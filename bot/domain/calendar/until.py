"""How an occurrence ends: at a time of day, at a moment of the week, or after a length of time."""

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from bot.domain.wall_clock import end_instant

_DAY: Final = timedelta(days=1)
_WEEK: Final = timedelta(days=7)
_MIDNIGHT: Final = time()
_WEEKDAYS: Final = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_SHAPE: Final = re.compile(r"(?:(?P<day>[A-Z]{3}) )?(?P<hour>\d{2}):(?P<minute>\d{2})", re.ASCII)
_ONE_DIGIT: Final = re.compile(r"(?:^|\s)\d:\d\d$", re.ASCII)
LONGEST_ELAPSED: Final = timedelta(days=366)
"""The longest `for` of a recurring rule."""


@dataclass(frozen=True, slots=True)
class UntilTime:
    """Ends at a time of day: the next one after the start, so an end at or before the start is the next day's."""

    past_midnight: timedelta

    @property
    def longest(self) -> timedelta:
        """An upper bound of the wall-clock length."""
        return _DAY

    def end(self, wall: datetime, start: datetime, zone: ZoneInfo) -> datetime:
        """The UTC instant of the end, for an occurrence whose nominal wall-clock start is `wall`."""
        del start
        return end_instant(self.wall_end(wall), zone)

    def wall_end(self, wall: datetime) -> datetime:
        """The naive wall-clock time of the end, which the zone's clock may skip or show twice."""
        end = _midnight(wall) + self.past_midnight
        return end if end > wall else end + _DAY


@dataclass(frozen=True, slots=True)
class UntilWeekday:
    """Ends at a moment of the week, such as Monday 00:00: the next one after the start."""

    weekday: int
    past_midnight: timedelta

    @property
    def longest(self) -> timedelta:
        """An upper bound of the wall-clock length."""
        return _WEEK + _DAY

    def end(self, wall: datetime, start: datetime, zone: ZoneInfo) -> datetime:
        """The UTC instant of the end, for an occurrence whose nominal wall-clock start is `wall`."""
        del start
        return end_instant(self.wall_end(wall), zone)

    def wall_end(self, wall: datetime) -> datetime:
        """The naive wall-clock time of the end, which the zone's clock may skip or show twice."""
        ahead = timedelta(days=(self.weekday - wall.weekday()) % 7)
        end = _midnight(wall) + ahead + self.past_midnight
        return end if end > wall else end + _WEEK


@dataclass(frozen=True, slots=True)
class Elapsed:
    """Ends a length of real time after the start, whatever the clocks do meanwhile."""

    length: timedelta

    def __post_init__(self) -> None:
        """Raise ValueError for a length that no occurrence can have."""
        if not timedelta(0) < self.length <= LONGEST_ELAPSED:
            raise ValueError(f"`for` must be longer than nothing and at most {LONGEST_ELAPSED.days} days")

    @property
    def longest(self) -> timedelta:
        """The length."""
        return self.length

    def end(self, wall: datetime, start: datetime, zone: ZoneInfo) -> datetime:
        """The UTC instant of the end, for an occurrence that starts at the instant `start`."""
        del wall, zone
        return start + self.length


Ending = UntilTime | UntilWeekday | Elapsed


def parse_until(text: str) -> UntilTime | UntilWeekday:
    """Read `14:00`, `24:00` (the next midnight) or `MON 00:00`.

    Raises:
        ValueError: with a sentence that says how an end is written.

    """
    match = _SHAPE.fullmatch(text.strip().upper())
    if match is None:
        hint = "; an hour has two digits, like 06:00" if _ONE_DIGIT.search(text) else ""
        raise ValueError(f"{text!r} is not an end; write it like 14:00, 24:00 or MON 00:00{hint}")
    past = timedelta(hours=int(match["hour"]), minutes=int(match["minute"]))
    if int(match["minute"]) > 59 or past > _DAY:  # noqa: PLR2004 - minutes of an hour
        raise ValueError(f"{text!r} is not a time of day, which runs from 00:00 to 24:00")
    if match["day"] is None:
        return UntilTime(past)
    if match["day"] not in _WEEKDAYS:
        raise ValueError(f"{match['day']!r} is not a weekday; write one of {', '.join(_WEEKDAYS)}")
    return UntilWeekday(_WEEKDAYS.index(match["day"]), past)


def _midnight(wall: datetime) -> datetime:
    return datetime.combine(wall, _MIDNIGHT)
