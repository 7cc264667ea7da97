"""Recurrence rules of iCalendar (RFC 5545, 3.3.10), expanded between two instants with work that is bounded by the
days between them: no rule, however it is written, is searched to the end of time."""

import re
from calendar import isleap, monthrange
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Final

LAST: Final = datetime(2101, 1, 1)  # noqa: DTZ001 - a wall-clock time
"""Nothing is expanded beyond it: the calendar's own years end before."""

_FREQUENCIES: Final = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_WEEKDAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_PART: Final = re.compile(r"([A-Za-z0-9-]{1,40})=(.*)", re.DOTALL)
_NTH: Final = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)", re.ASCII)
_RANGES: Final = {
    "BYMONTH": (1, 12), "BYMONTHDAY": (1, 31), "BYYEARDAY": (1, 366), "BYWEEKNO": (1, 53), "BYSETPOS": (1, 366),
    "BYHOUR": (0, 23), "BYMINUTE": (0, 59), "BYSECOND": (0, 59),
}  # fmt: skip
_NEGATIVE: Final = {"BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYSETPOS"}
_KNOWN: Final = {"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYDAY", *_RANGES}
_MOST_DIGITS: Final = 12
_WEEK: Final = 7
_DAY: Final = timedelta(days=1)
_DECEMBER: Final = 12
Numbers = frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recurrence:
    """One rule with its beginning. Times are wall-clock, whatever the zone is."""

    frequency: str
    start: datetime
    interval: int = 1
    until: datetime = LAST
    """The last instance there may be."""
    count: int | None = None
    at: time
    week_starts: int = 0
    months: Numbers = frozenset()
    weeks: Numbers = frozenset()
    year_days: Numbers = frozenset()
    month_days: Numbers = frozenset()
    weekdays: Numbers = frozenset()
    nth: frozenset[tuple[int, int]] = frozenset()
    """Pairs such as (-1, 4) for the last Friday."""
    positions: Numbers = frozenset()

    def walls(self, low: datetime, high: datetime) -> Iterator[datetime]:
        """The instances in [low, high), ascending; `count` is not looked at."""
        end = min(high, self.until + timedelta(microseconds=1), LAST)
        for days in self._periods(max(low, self.start), end):
            found = [datetime.combine(day, self.at) for day in days if self._fits(day)]
            if self.positions:
                found = self._picked(found)
            yield from (wall for wall in found if wall >= self.start and low <= wall < end)

    def ever(self, within: timedelta) -> bool:
        """Whether it has an instance at all so long after its beginning."""
        return next(self.walls(self.start, self.start + within), None) is not None

    def _picked(self, found: list[datetime]) -> list[datetime]:
        total = len(found)
        indexes = {p - 1 if p > 0 else total + p for p in self.positions}
        return [found[index] for index in sorted(indexes) if 0 <= index < total]

    def _periods(self, low: datetime, high: datetime) -> Iterator[list[date]]:
        """The days of each day, week, month or year that counts and that may reach into [low, high)."""
        if low >= high:
            return
        first, last = low.date(), high.date()
        number = self._number(self.start.date())
        skipped = max(0, self._number(first) - number)
        number += -(-skipped // self.interval) * self.interval
        while number <= self._number(last):
            yield self._days(number)
            number += self.interval

    def _number(self, day: date) -> int:
        """Which day, week, month or year since the beginning of time this is."""
        if self.frequency == "YEARLY":
            return day.year
        if self.frequency == "MONTHLY":
            return day.year * 12 + day.month - 1
        if self.frequency == "WEEKLY":
            return (day.toordinal() - 1 - self.week_starts) // _WEEK
        return day.toordinal()

    def _days(self, number: int) -> list[date]:
        if self.frequency == "YEARLY":
            months = sorted(self.months) or range(1, _DECEMBER + 1)
            return [day for month in months for day in _month(number, month)]
        if self.frequency == "MONTHLY":
            return _month(number // 12, number % 12 + 1)
        if self.frequency == "WEEKLY":
            first = number * _WEEK + self.week_starts + 1
            return [date.fromordinal(each) for each in range(max(first, 1), first + _WEEK)]
        return [date.fromordinal(number)]

    def _fits(self, day: date) -> bool:
        return (
            (not self.months or day.month in self.months)
            and (not self.month_days or _either(day.day, monthrange(day.year, day.month)[1], self.month_days))
            and (not (self.weekdays or self.nth) or day.weekday() in self.weekdays or self._is_nth(day))
            and (
                not self.year_days or _either(day.timetuple().tm_yday, _year_length(day.year), self.year_days)
            )
            and (not self.weeks or self.frequency != "YEARLY" or self._in_week(day))
        )

    def _is_nth(self, day: date) -> bool:
        """Whether it is, say, the last Friday: of the month, or of the year where no month is named."""
        if not self.nth:
            return False
        if self.frequency == "YEARLY" and not self.months:
            place, length = day.timetuple().tm_yday, _year_length(day.year)
        else:
            place, length = day.day, monthrange(day.year, day.month)[1]
        forward, backward = (place - 1) // _WEEK + 1, -((length - place) // _WEEK + 1)
        return (forward, day.weekday()) in self.nth or (backward, day.weekday()) in self.nth

    def _in_week(self, day: date) -> bool:
        """Weeks belong to the year that has most of their days, as ISO 8601 counts, from any weekday on."""
        shifted = (day.weekday() - self.week_starts) % _WEEK
        middle = day - timedelta(days=shifted - 3)  # its year is the week's year
        week = (middle.timetuple().tm_yday - 1) // _WEEK + 1
        last = date(middle.year, 12, 31)
        fourth = last - timedelta(days=((last.weekday() - self.week_starts) % _WEEK - 3) % _WEEK)
        weeks = (fourth.timetuple().tm_yday - 1) // _WEEK + 1
        return _either(week, weeks, self.weeks)


def recurrence(text: str, start: datetime, *, until: datetime | None) -> Recurrence:
    """Read a rule that begins at a wall-clock time; `until` is its UNTIL in the same clock, where it has one.

    Raises:
        ValueError: with the end of a sentence that begins with what recurs.

    """
    parts = parts_of(text)
    frequency = parts.get("FREQ", "").strip().upper()
    if frequency not in _FREQUENCIES:
        raise ValueError(f"recurs {frequency[:20] or 'without FREQ'}; DAILY is the most there may be")
    if any("," in parts.get(part, "") for part in ("BYHOUR", "BYMINUTE", "BYSECOND")):
        raise ValueError("recurs several times a day; write one event for each")
    weekdays, nth = _weekdays(parts.get("BYDAY", ""))
    if frequency in {"DAILY", "WEEKLY"}:  # there is no third Friday of a week
        weekdays, nth = weekdays | {day for _, day in nth}, frozenset()
    made = Recurrence(
        frequency=frequency,
        start=start,
        interval=_positive(parts, "INTERVAL") or 1,
        until=LAST if until is None else min(until, LAST),
        count=_positive(parts, "COUNT"),
        at=_at(parts, start),
        week_starts=_weekday(parts.get("WKST", "MO")),
        months=_numbers(parts, "BYMONTH"),
        weeks=_numbers(parts, "BYWEEKNO"),
        year_days=_numbers(parts, "BYYEARDAY"),
        month_days=_numbers(parts, "BYMONTHDAY"),
        weekdays=weekdays,
        nth=nth,
        positions=_numbers(parts, "BYSETPOS"),
    )
    return _completed(made)


def parts_of(text: str) -> Mapping[str, str]:
    """The parts of a rule by name. Raises ValueError for one that is unknown, or said twice."""
    found: dict[str, str] = {}
    for part in filter(None, text.strip().split(";")):
        match = _PART.fullmatch(part.strip())
        name = match[1].upper() if match else ""
        if match is None or (name not in _KNOWN and not name.startswith("X-")):
            raise ValueError(f"recurs by {part[:40]!r}, which is not known")
        if name in found:
            raise ValueError(f"recurs with two {name}")
        found[name] = match[2]
    return found


def _completed(made: Recurrence) -> Recurrence:
    """What a rule leaves out comes from its beginning."""
    if made.year_days or made.month_days or made.weekdays or made.nth:
        return made
    if made.frequency == "WEEKLY" or made.weeks:
        return replace(made, weekdays=frozenset({made.start.weekday()}))
    if made.frequency == "MONTHLY":
        return replace(made, month_days=frozenset({made.start.day}))
    if made.frequency == "YEARLY":
        months = made.months or frozenset({made.start.month})
        return replace(made, months=months, month_days=frozenset({made.start.day}))
    return made


def _at(parts: Mapping[str, str], start: datetime) -> time:
    hour, minute, second = (_numbers(parts, f"BY{unit}") for unit in ("HOUR", "MINUTE", "SECOND"))
    return time(
        next(iter(hour), start.hour), next(iter(minute), start.minute), next(iter(second), start.second)
    )


def _positive(parts: Mapping[str, str], name: str) -> int | None:
    text = parts.get(name)
    if text is None:
        return None
    number = _number(text, name)
    if number < 1:
        raise ValueError(f"recurs with {name}={text[:20]}, which must be 1 or more")
    return number


def _numbers(parts: Mapping[str, str], name: str) -> Numbers:
    text = parts.get(name)
    if text is None:
        return frozenset()
    low, high = _RANGES[name]
    found = frozenset(_number(each, name) for each in text.split(","))
    for each in found:
        if not (low <= each <= high or (name in _NEGATIVE and low <= -each <= high)):
            raise ValueError(f"recurs with {name}={each}, which does not exist")
    return found


def _number(text: str, name: str) -> int:
    text = text.strip()
    if not re.fullmatch(r"[+-]?\d{1,12}", text, re.ASCII) or len(text) > _MOST_DIGITS:
        raise ValueError(f"recurs with {name}={text[:20]!r}, which is no number")
    return int(text)


def _weekday(text: str) -> int:
    try:
        return _WEEKDAYS.index(text.strip().upper())
    except ValueError:
        raise ValueError(f"recurs with the weekday {text[:20]!r}, which does not exist") from None


def _weekdays(text: str) -> tuple[Numbers, frozenset[tuple[int, int]]]:
    plain, nth = set(), set()
    for each in filter(None, text.split(",")):
        match = _NTH.fullmatch(each.strip().upper())
        if match is None or (match[1] and int(match[1]) == 0):
            raise ValueError(f"recurs with the weekday {each[:20]!r}, which does not exist")
        if match[1]:
            nth.add((int(match[1]), _weekday(match[2])))
        else:
            plain.add(_weekday(match[2]))
    return frozenset(plain), frozenset(nth)


def _either(number: int, length: int, wanted: Numbers) -> bool:
    """Whether a place is wanted, counted from the front or from the back."""
    return number in wanted or number - length - 1 in wanted


def _month(year: int, month: int) -> list[date]:
    return [date(year, month, day) for day in range(1, monthrange(year, month)[1] + 1)]


def _year_length(year: int) -> int:
    return 366 if isleap(year) else 365
