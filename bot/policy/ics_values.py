"""The values of iCalendar properties: dates, times, durations and offsets from UTC."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from bot.domain.calendar import end_instant, start_instant
from bot.policy.ics_text import Property

_DATE: Final = re.compile(r"(\d{4})(\d\d)(\d\d)", re.ASCII)
_TIME: Final = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(Z?)", re.ASCII)
_DURATION: Final = re.compile(
    r"\+?P(?:(\d{1,6})W)?(?:(\d{1,6})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,8})M)?(?:(\d{1,10})S)?)?", re.ASCII
)
_OFFSET: Final = re.compile(r"([+-])(\d\d)(\d\d)(\d\d)?", re.ASCII)
_LAST_SECOND: Final = 59
_FIRST_YEAR, _LAST_YEAR = 1600, 9990
Z: Final = ZoneInfo("UTC")
Zones = Callable[[str], ZoneInfo]
"""From a TZID to its zone. Raises ValueError."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A point as the file writes it: a date, or a wall-clock time in a zone, or one that names no zone."""

    wall: datetime
    """Naive; a date's midnight."""
    zone: ZoneInfo | None = None
    """None for dates and for floating times, which take the zone of whoever reads them."""
    whole: bool = False
    """Whether it is a date."""

    @property
    def key(self) -> datetime:
        """What it is found by in a list of exceptions: its instant, or its wall-clock time where it has no zone."""
        return self.wall if self.zone is None else instant(self.wall, self.zone)

    def begins(self, zone: ZoneInfo) -> datetime:
        """The instant at which something begins that begins then; `zone` is given to what names none.

        A time that names its zone is read as RFC 5545 reads it (in a gap by the offset before it, in a fold the
        first); one that names none as the policy's own times are.
        """
        if self.zone is not None:
            return instant(self.wall, self.zone)
        return start_instant(self.wall, zone) if _sayable(self.wall) else self.wall.replace(tzinfo=UTC)

    def ends(self, zone: ZoneInfo) -> datetime:
        """The instant at which something ends that ends then."""
        if self.zone is not None:
            return instant(self.wall, self.zone)
        return end_instant(self.wall, zone) if _sayable(self.wall) else self.wall.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Length:
    """How long something lasts: by the calendar (a day may have 23 hours), and then by the clock."""

    nominal: timedelta = timedelta(0)
    exact: timedelta = timedelta(0)

    @property
    def about(self) -> timedelta:
        """Both together; zone transitions can add or take a few hours."""
        return self.nominal + self.exact


def instant(wall: datetime, zone: tzinfo) -> datetime:
    """The UTC instant of a wall-clock time; far from our days, where no zone matters, the time itself."""
    return wall.replace(tzinfo=zone).astimezone(UTC) if _sayable(wall) else wall.replace(tzinfo=UTC)


def _sayable(wall: datetime) -> bool:
    return _FIRST_YEAR < wall.year < _LAST_YEAR


def moment(prop: Property, zones: Zones) -> Moment:
    """The one value of a property. Raises ValueError with a sentence."""
    return _moment(prop.value, prop, zones)


def moments(prop: Property, zones: Zones) -> list[Moment]:
    """The values of a list. Raises ValueError with a sentence."""
    return [_moment(each, prop, zones) for each in prop.value.split(",")]


def periods(prop: Property, zones: Zones) -> list[tuple[Moment, Length]]:
    """The periods of a list, each written as a start and an end or a start and a duration. Raises ValueError."""
    found = []
    for each in prop.value.split(","):
        start, slash, end = each.partition("/")
        begins = _moment(start, prop, zones)
        if not slash or begins.whole:
            raise ValueError(f"{each[:40]!r} is not a period")
        if end.startswith(("P", "+P")):
            found.append((begins, duration(end)))
        else:
            found.append((begins, between(begins, _moment(end, prop, zones))))
    return found


def between(start: Moment, end: Moment) -> Length:
    """The length from one to the other: by the calendar within one zone, by the clock between two."""
    if start.whole != end.whole:
        raise ValueError("it begins with a date and ends with a time, or the other way round")
    if start.zone is None or end.zone is None or start.zone is end.zone:
        return Length(nominal=end.wall - start.wall)
    return Length(exact=instant(end.wall, end.zone) - instant(start.wall, start.zone))


def duration(text: str) -> Length:
    """Read `P1DT2H`. Raises ValueError for what is none, a negative one included."""
    match = _DURATION.fullmatch(text.strip().upper())
    if match is None or not any(match.groups()):
        raise ValueError(f"{text[:40]!r} is not a duration")
    weeks, days, hours, minutes, seconds = (int(group or 0) for group in match.groups())
    return Length(
        nominal=timedelta(weeks=weeks, days=days),
        exact=timedelta(hours=hours, minutes=minutes, seconds=seconds),
    )


def offset(text: str) -> timedelta:
    """Read `+0530`. Raises ValueError, also for one of a day and more."""
    match = _OFFSET.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text[:40]!r} is not an offset from UTC")
    length = timedelta(hours=int(match[2]), minutes=int(match[3]), seconds=int(match[4] or 0))
    if length >= timedelta(days=1):
        raise ValueError(f"{text!r} is no offset that any zone has")
    return -length if match[1] == "-" else length


def _moment(text: str, prop: Property, zones: Zones) -> Moment:
    text = text.strip().upper()
    try:
        if match := _DATE.fullmatch(text):
            return Moment(datetime.combine(date(*map(int, match.groups())), datetime.min.time()), whole=True)
        match = _TIME.fullmatch(text)
        if match is None:
            raise ValueError(text)  # noqa: TRY301 - one sentence for every way to be wrong
        year, month, day, hour, minute, second = (int(group) for group in match.groups()[:6])
        wall = datetime(year, month, day, hour, minute, min(second, _LAST_SECOND))  # noqa: DTZ001 - a wall-clock time
    except ValueError:
        raise ValueError(f"{prop.name} says {text[:40]!r}, which is no date and no time") from None
    if match[7]:
        return Moment(wall, Z)
    name = prop.parameters.get("TZID")
    return Moment(wall, zones(name) if name else None)
