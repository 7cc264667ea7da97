"""Half-open stretches of time and where they come from: recurring rules, dated freezes, public holidays."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from operator import itemgetter
from typing import Final, NamedTuple, Protocol
from zoneinfo import ZoneInfo

from bot.domain.calendar.public_holidays import PublicHoliday, check_country, public_holidays
from bot.domain.calendar.until import Ending
from bot.domain.crons import Cron, firings
from bot.domain.wall_clock import end_instant, start_instant

MOST_STARTS_PER_DAY: Final = 288
"""Every five minutes."""
_START_AND_END: Final = itemgetter(0, 1)
_DAY: Final = timedelta(days=1)
_LEAP_YEAR: Final = 2024
_MARGIN: Final = timedelta(days=2)  # a local date is never further from the UTC date than that


class Span(NamedTuple):
    """A half-open stretch [start, end) between two UTC instants, and what it is called, if anything."""

    start: datetime
    end: datetime
    label: str | None = None

    def __lt__(self, other: tuple[object, ...], /) -> bool:
        """By start, then end, then label, of which none comes first: a tuple could not compare it with a text."""
        return isinstance(other, Span) and self._order < other._order

    @property
    def _order(self) -> tuple[datetime, datetime, str]:
        return self.start, self.end, self.label or ""


class Source(Protocol):
    """Whatever can name its spans between two instants. Hashable; equal sources name equal spans."""

    def spans(self, low: datetime, high: datetime) -> list[Span]:
        """The spans that overlap [low, high), unclipped, ascending by start; they may overlap each other."""
        ...


@dataclass(frozen=True, slots=True)
class Recurring:
    """Starts whenever a cron fires in a zone, and ends at a wall-clock time or after a length of time."""

    cron: Cron
    ending: Ending
    zone: ZoneInfo

    def __post_init__(self) -> None:
        """Raise ValueError for a cron that fires so often that its years could not be compiled at once."""
        if self.cron.firings_per_day > MOST_STARTS_PER_DAY:
            raise ValueError(
                f"cron {self.cron.text!r} starts a rule more than {MOST_STARTS_PER_DAY} times a day"
            )

    def spans(self, low: datetime, high: datetime) -> list[Span]:
        """The occurrences that overlap [low, high); one that daylight saving leaves empty does not occur."""
        first = (low - self.ending.longest - _MARGIN).date()
        found = {
            Span(start, self.ending.end(wall, start, self.zone))
            for wall, start in firings(self.cron, self.zone, first, (high + _MARGIN).date())
        }
        return sorted(
            (span for span in found if span.start < span.end and span.start < high and span.end > low),
            key=_START_AND_END,
        )


@dataclass(frozen=True, slots=True)
class Fixed:
    """Known spans, such as a freeze between two dates."""

    known: tuple[Span, ...]

    def spans(self, low: datetime, high: datetime) -> list[Span]:
        """Those that overlap [low, high)."""
        return sorted(span for span in self.known if low < span.end > span.start < high)


@dataclass(frozen=True, slots=True)
class DayOfYear:
    """A day that comes back every year; 29 February only in leap years."""

    month: int
    day: int

    def __post_init__(self) -> None:
        """Raise ValueError for a day that no year has."""
        date(_LEAP_YEAR, self.month, self.day)

    @classmethod
    def parse(cls, text: str) -> "DayOfYear":
        """Read `12-24`. Raises ValueError."""
        month, dash, day = text.partition("-")
        if not (dash and month.isdecimal() and day.isdecimal()):
            raise ValueError(f"{text!r} is not a day of the year")
        return cls(int(month), int(day))

    def within(self, year: int) -> date | None:
        """The date in a year; None where that year has no such day."""
        try:
            return date(year, self.month, self.day)
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Holidays:
    """The public holidays of a country or one of its subdivisions, observed days included, and own days beside
    them; each a whole local day."""

    country: str | None
    subdivision: str | None
    zone: ZoneInfo
    own: tuple[tuple[date | DayOfYear, str], ...] = ()

    def __post_init__(self) -> None:
        """Raise ValueError for a country or subdivision that nobody has a list of holidays for."""
        if self.country is None:
            if self.subdivision is not None:
                raise ValueError("a subdivision needs its country")
            return
        check_country(self.country, self.subdivision)

    def spans(self, low: datetime, high: datetime) -> list[Span]:
        """The holidays that overlap [low, high), one span a day, labelled with all its names."""
        first, last = (low - _MARGIN).date(), (high + _MARGIN).date()
        found = (
            Span(*whole_days(day, day + _DAY, self.zone), "; ".join(names))
            for year in range(first.year, last.year + 1)
            for day, names in sorted(self.days(year).items())
        )
        return [span for span in found if span.start < span.end and span.start < high and span.end > low]

    def days(self, year: int) -> dict[date, list[str]]:
        """The local days of a year with their names: the public ones first, each name once."""
        found: dict[date, list[str]] = {}
        public = ((each.day, each.name) for each in self.public(year))
        for day, name in (*public, *self._own(year)):
            names = found.setdefault(day, [])
            if name not in "; ".join(names).split("; "):  # the list joins several names of a day itself
                names.append(name)
        return found

    def public(self, year: int) -> tuple[PublicHoliday, ...]:
        """The days of the country's list in a year; none where the list does not reach that year."""
        return () if self.country is None else public_holidays(self.country, self.subdivision, year)

    def _own(self, year: int) -> Iterator[tuple[date, str]]:
        for when, name in self.own:
            day = when.within(year) if isinstance(when, DayOfYear) else when
            if day is not None and day.year == year:
                yield day, name


def whole_days(first: date, end: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The UTC instants at which the local days [first, end) begin and end."""
    return (
        start_instant(datetime.combine(first, datetime.min.time()), zone),
        end_instant(datetime.combine(end, datetime.min.time()), zone),
    )


def utc(instant: datetime) -> datetime:
    """An aware instant in UTC.

    Raises:
        ValueError: for a naive one; which instant it means nobody knows.

    """
    if instant.utcoffset() is None:
        raise ValueError(f"{instant.isoformat()} has no offset; an instant needs one, such as Z or +02:00")
    return instant.astimezone(UTC)
