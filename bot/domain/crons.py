"""Cron expressions as wall-clock rules: validated strictly, and turned into occurrences in a zone.

croniter reads the fields; the walk over the days is ours, because croniter fires a literal hour twice in the
autumn fold, and because a year of windows has to be compiled in milliseconds.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from croniter import CroniterError, croniter

from bot.domain.wall_clock import real_instants, start_instant

_ALIASES: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_FIELDS: Final = ("minute", "hour", "day of the month", "month", "day of the week")
_BOUNDS: Final = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS: Final = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_NAMED: Final[dict[int, dict[str, int]]] = {
    3: {name: number for number, name in enumerate(_MONTHS, start=1)},
    4: {name: number for number, name in enumerate(_WEEKDAYS)},
}
_ITEM: Final = re.compile(r"(?P<first>\*|[A-Z]+|\d+)(?:-(?P<last>[A-Z]+|\d+))?(?:/(?P<step>\d+))?", re.ASCII)
_NTH: Final = re.compile(r"(?:[0-7]|SUN|MON|TUE|WED|THU|FRI|SAT)#[1-5]|L[0-7]", re.ASCII)
_HOUR, _DAY, _WEEKDAY = 1, 2, 4
_SUNDAY: Final = 7
_HOURS: Final = 24
_LONGEST_TEXT: Final = 200
_GREGORIAN_CYCLE: Final = (date(2000, 1, 1), date(2028, 1, 1))  # every kind of year with every first weekday


@dataclass(frozen=True, slots=True)
class Cron:
    """A five-field cron expression, proved valid and able to fire. Equal texts are equal crons."""

    text: str

    def __post_init__(self) -> None:
        """Raise ValueError with a sentence when the expression is malformed or can never fire."""
        fields = _compile(self.text)
        first, end = _GREGORIAN_CYCLE
        if next(fields.days(first, end), None) is None:
            raise ValueError(f"cron {self.text!r} never fires: no month has such a day")

    @property
    def literal_hour(self) -> bool:
        """Whether the hour field holds numbers, lists and ranges only: it then fires once per wall-clock time."""
        return _compile(self.text).literal_hour

    @property
    def every_hour(self) -> bool:
        """Whether it fires in each hour of a day on which it fires."""
        return len({moment.hour for moment in _compile(self.text).times}) == _HOURS

    @property
    def firings_per_day(self) -> int:
        """How often it fires on a day on which it fires, daylight saving aside."""
        return len(_compile(self.text).times)


@dataclass(frozen=True, slots=True)
class _Compiled:
    """The fields as sets of numbers, ready for a walk over dates."""

    times: tuple[time, ...]
    literal_hour: bool
    month_days: frozenset[int] | None
    last_month_day: bool
    months: frozenset[int] | None
    weekdays: frozenset[int] | None
    nth: frozenset[tuple[int, int]]  # (weekday with Sunday 0, its place in the month; 0 stands for the last)

    def days(self, first: date, end: date) -> Iterator[date]:
        """The dates in [first, end) on which it fires."""
        for ordinal in range(first.toordinal(), end.toordinal()):
            day = date.fromordinal(ordinal)
            if (self.months is None or day.month in self.months) and self._matches(day):
                yield day

    def _matches(self, day: date) -> bool:
        any_day = self.month_days is None and not self.last_month_day
        any_weekday = self.weekdays is None and not self.nth
        if any_day and any_weekday:
            return True
        # As in every cron: where both day fields are restricted, either of them suffices.
        return (not any_day and self._in_month(day)) or (not any_weekday and self._in_week(day))

    def _in_month(self, day: date) -> bool:
        if self.month_days is not None and day.day in self.month_days:
            return True
        return self.last_month_day and _is_last_week(day, 1)

    def _in_week(self, day: date) -> bool:
        weekday = day.isoweekday() % 7
        if self.weekdays is not None and weekday in self.weekdays:
            return True
        place = (day.day - 1) // 7 + 1
        return (weekday, place) in self.nth or ((weekday, 0) in self.nth and _is_last_week(day, 7))


def wall_times(cron: Cron, first: date, end: date) -> Iterator[datetime]:
    """The naive wall-clock times in the dates [first, end) at which the expression fires, in order."""
    fields = _compile(cron.text)
    for day in fields.days(first, end):
        for moment in fields.times:
            yield datetime.combine(day, moment)


def firings(cron: Cron, zone: ZoneInfo, first: date, end: date) -> Iterator[tuple[datetime, datetime]]:
    """The firings whose local date lies in [first, end), as pairs of wall-clock time and UTC instant.

    A literal hour fires once per wall-clock time: one that the clock skips fires at the first instant after the
    gap, one that it shows twice fires the first time. An hour of `*` or `*/n` fires at each real instant whose
    wall clock matches: twice in the fold, never in the gap.
    """
    literal = cron.literal_hour
    for wall in wall_times(cron, first, end):
        if literal:
            yield wall, start_instant(wall, zone)
        else:
            for instant in real_instants(wall, zone):
                yield wall, instant


def occurrences(cron: Cron, zone: ZoneInfo, start: datetime, end: datetime) -> list[datetime]:
    """The distinct UTC instants in [start, end) at which the expression fires in the zone, ascending."""
    day = timedelta(days=1)  # a wall clock may differ from UTC by almost a day in either direction
    first, last = start.astimezone(UTC).date() - day, end.astimezone(UTC).date() + 2 * day
    return sorted({instant for _, instant in firings(cron, zone, first, last) if start <= instant < end})


def _is_last_week(day: date, length: int) -> bool:
    return (day + timedelta(days=length)).month != day.month


@lru_cache(maxsize=4096)
def _compile(text: str) -> _Compiled:
    normal = _normalise(text)
    try:
        fields, nth = croniter.expand(normal)
    except CroniterError as error:
        raise ValueError(f"cron {text!r} is not valid: {error}") from error
    minutes = _numbers(fields[0]) or frozenset(range(60))
    hours = _numbers(fields[_HOUR]) or frozenset(range(24))
    if nth and fields[_DAY] != ["*"]:
        raise ValueError(
            f"cron {text!r} restricts the day of the month and counts weekdays; write two rules instead"
        )
    places = frozenset(
        (int(day), 0 if at == "l" else int(at)) for day, all_at in nth.items() for at in all_at
    )
    return _Compiled(
        times=tuple(time(hour, minute) for hour in sorted(hours) for minute in sorted(minutes)),
        literal_hour="*" not in normal.split()[_HOUR],
        month_days=_numbers(fields[_DAY]),
        last_month_day="l" in fields[_DAY],
        months=_numbers(fields[3]),
        weekdays=None if places else _numbers(fields[_WEEKDAY]),
        nth=places,
    )


def _numbers(field: list[int | str]) -> frozenset[int] | None:
    """The numbers of an expanded field; None where it is unrestricted."""
    if "*" in field:
        return None
    return frozenset(value for value in field if isinstance(value, int)) or None


def _normalise(text: str) -> str:
    """Check what croniter lets pass, and return the five fields in the form it reads without surprise."""
    if len(text) > _LONGEST_TEXT:
        raise ValueError(f"a cron expression may have {_LONGEST_TEXT} characters; this one has {len(text)}")
    fields = _ALIASES.get(text.strip().lower(), text).upper().split()
    if len(fields) in {len(_FIELDS) + 1, len(_FIELDS) + 2}:
        raise ValueError(
            f"cron {text!r} has {len(fields)} fields; write five (minute hour day month weekday), without seconds or year"
        )
    if len(fields) != len(_FIELDS):
        raise ValueError(
            f"cron {text!r} has {len(fields)} field{'' if len(fields) == 1 else 's'}; write five: minute hour day month weekday"
        )
    return " ".join(_field(text, index, field) for index, field in enumerate(fields))


def _field(text: str, index: int, field: str) -> str:
    return ",".join(_item(text, index, item) for item in field.split(","))


def _item(text: str, index: int, item: str) -> str:
    if (index == _WEEKDAY and _NTH.fullmatch(item)) or (index == _DAY and item == "L"):
        return item
    match = _ITEM.fullmatch(item)
    if match is None:
        raise ValueError(f"cron {text!r}: {item!r} is not {_article(index)}")
    first, last, step = match["first"], match["last"], match["step"]
    if step is not None and int(step) == 0:
        raise ValueError(f"cron {text!r}: the step in {item!r} is zero")
    if first == "*":
        if last is not None:
            raise ValueError(f"cron {text!r}: {item!r} is not {_article(index)}")
        return item
    if step is not None and last is None:
        raise ValueError(
            f"cron {text!r}: {item!r} steps from a single value; write a range, as in {first}-{_BOUNDS[index][1]}/{step}"
        )
    low = _value(text, index, first)
    if last is None:
        return str(low)
    high = _value(text, index, last)
    if index == _WEEKDAY and high == 0 and low > 0:
        high = _SUNDAY  # FRI-SUN: the week may end on Sunday
    if low > high:
        raise ValueError(f"cron {text!r}: the range {item!r} runs backwards; write it as two ranges")
    return f"{low}-{high}" + (f"/{step}" if step else "")


def _value(text: str, index: int, token: str) -> int:
    names = _NAMED.get(index, {})
    if token in names:
        return names[token]
    low, high = _BOUNDS[index]
    if not token.isdigit():
        raise ValueError(f"cron {text!r}: {token!r} is not {_article(index)}{_abbreviated(index, token)}")
    if not low <= int(token) <= high:
        raise ValueError(f"cron {text!r}: {token} is not {_article(index)}, which runs from {low} to {high}")
    return int(token)


def _article(index: int) -> str:
    return f"{'an' if _FIELDS[index] == 'hour' else 'a'} {_FIELDS[index]}"


def _abbreviated(index: int, token: str) -> str:
    """How names are written, for a field that has names."""
    names = list(_NAMED.get(index, {}))
    if not names:
        return ""
    near = [name for name in names if token.startswith(name[:2])]
    return f"; write {near[0]}" if len(near) == 1 else f"; write one of {', '.join(names)}, or a number"
