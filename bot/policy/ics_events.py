"""The events of an iCalendar file: what recurs, what happens once, and what was moved or called off."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from bot.domain.calendar import Span
from bot.policy.ics_recurrence import LAST, Recurrence, parts_of, recurrence
from bot.policy.ics_text import Component, Property, calendars
from bot.policy.ics_values import Length, Moment, Z, between, duration, moment, moments, periods
from bot.policy.ics_zones import Zones

MOST_EVENTS: Final = 5_000
"""Events of a file, each date of an RDATE counted as one."""
MOST_RECURRING: Final = 100
"""Recurrence rules of a file: each costs time at every expansion, ten milliseconds at most for 800 days."""
LONGEST_RECURRING: Final = timedelta(days=400)
_MOST_COUNTED: Final = 400_000  # days that are looked at to find where the COUNTs of a file end
_PROOF: Final = timedelta(days=28 * 366)  # every kind of year occurs within it
_MARGIN: Final = timedelta(days=3)  # a wall-clock time is never further from UTC than that
_DAY: Final = timedelta(days=1)
_MIDNIGHT: Final = datetime.min.time()


@dataclass(frozen=True, slots=True)
class Event:
    """One event with its recurrences."""

    label: str | None
    start: Moment
    length: Length
    rules: tuple[Recurrence, ...] = ()
    without: frozenset[datetime] = frozenset()
    """Keys of the instances that do not happen."""
    without_days: frozenset[date] = frozenset()

    def span(self, wall: datetime, zone: ZoneInfo) -> Span | None:
        """The instance that begins at a wall-clock time; None where the zone leaves nothing of it, or it is excepted."""
        begin = replace(self.start, wall=wall)
        if wall.date() in self.without_days or (self.without and begin.key in self.without):
            return None
        start = begin.begins(zone)
        try:
            end = (
                start
                if not self.length.nominal
                else replace(begin, wall=wall + self.length.nominal).ends(zone)
            )
            end += self.length.exact
        except OverflowError:  # until further notice
            end = datetime.max.replace(tzinfo=UTC)
        return Span(start, end, self.label) if start < end else None

    def spans(self, low: datetime, high: datetime, zone: ZoneInfo) -> Iterator[Span]:
        """The instances that may overlap [low, high)."""
        first = (low - self.length.about - _MARGIN).replace(tzinfo=None)
        last = (high + _MARGIN).replace(tzinfo=None)
        walls = {wall for rule in self.rules for wall in rule.walls(first, last)}
        for wall in walls | {self.start.wall}:  # RFC 5545: the beginning always counts
            span = self.span(wall, zone)
            if span is not None:
                yield span


@dataclass(frozen=True, slots=True)
class Read:
    """What a file holds."""

    once: tuple[Event, ...]
    recurring: tuple[Event, ...]
    events: int
    skipped: int


@dataclass(slots=True)
class _Reading:
    """What was found so far; it holds the bounds that count over the whole file."""

    strict: bool
    once: list[Event] = field(default_factory=list)
    recurring: list[Event] = field(default_factory=list)
    events: int = 0
    skipped: int = 0
    counted: int = 0
    rules: int = 0

    def note(self, number: int = 1) -> None:
        self.events += number
        if self.events > MOST_EVENTS:
            raise ValueError(f"it holds more than {MOST_EVENTS} events")

    def keep(self, event: Event) -> None:
        if not event.rules:
            self.once.append(event)
            return
        self.recurring.append(event)
        self.rules += len(event.rules)
        if self.rules > MOST_RECURRING:
            raise ValueError(f"it holds more than {MOST_RECURRING} recurring events")


def read_events(content: bytes, *, strict: bool) -> Read:
    """The events of a file. Raises ValueError with the end of a sentence about the file."""
    reading = _Reading(strict)
    for calendar in calendars(content, strict=strict):
        zones = Zones([part for part in calendar.parts if part.name == "VTIMEZONE"])
        titled = [_Titled(part) for part in calendar.parts if part.name == "VEVENT"]
        reading.note(len(titled))
        moved = _moved([each for each in titled if each.moves], zones)
        for each in titled:
            if not each.moves:
                with each.told():
                    _read(each, zones, moved.get(each.uid, {}), reading)
        for instances in moved.values():
            for each in instances.values():
                with each.told():
                    _read(each, zones, {}, reading)
    return Read(tuple(reading.once), tuple(reading.recurring), reading.events, reading.skipped)


class _Titled:
    """An event of the file, by the name that people know it under."""

    def __init__(self, part: Component) -> None:
        self.part = part
        self.label = part.text("SUMMARY") or None
        self.uid = part.text("UID", most=1000) or f"line {part.line}"

    @contextmanager
    def told(self) -> Iterator[None]:
        """What goes wrong in the block says which event it is about."""
        try:
            yield
        except (ValueError, OverflowError) as error:
            raise ValueError(f"event {self.title!r} (line {self.part.line}) {error}") from None

    @property
    def title(self) -> str:
        return self.label or self.part.text("UID") or "without a name"

    @property
    def edition(self) -> int:
        """Its SEQUENCE."""
        text = self.part.text("SEQUENCE", most=9)
        return int(text) if text.isdecimal() else 0

    @property
    def cancelled(self) -> bool:
        return self.part.text("STATUS").upper() == "CANCELLED"

    @property
    def moves(self) -> bool:
        """Whether it stands for one instance of a series."""
        return bool(self.part.all("RECURRENCE-ID"))


_Instances = Mapping[Moment, _Titled]  # by the instance of the series that the event stands for


def _moved(overrides: Sequence[_Titled], zones: Zones) -> dict[str, dict[Moment, _Titled]]:
    """By UID, the events that stand for an instance of a series; of two for the same one the later edition counts."""
    found: dict[str, dict[Moment, _Titled]] = {}
    for each in overrides:
        with each.told():
            original = _original(each.part, zones)
        instances = found.setdefault(each.uid, {})
        known = instances.get(original)
        if known is None or known.edition <= each.edition:
            instances[original] = each
    return found


def _original(part: Component, zones: Zones) -> Moment:
    prop = part.one("RECURRENCE-ID")
    if prop is None:
        raise ValueError("has no RECURRENCE-ID")
    if prop.parameters.get("RANGE"):
        raise ValueError("changes all later instances too (RANGE); end the series and begin another instead")
    original = moment(prop, zones)
    return original if original.zone is None else Moment(original.key.replace(tzinfo=None), Z)


def _read(titled: _Titled, zones: Zones, moved: _Instances, reading: _Reading) -> None:
    part = titled.part
    if titled.cancelled:
        return
    begins = part.one("DTSTART")
    if begins is None:
        raise ValueError("has no DTSTART")
    start = moment(begins, zones)
    length = _length(part, start, zones)
    if length.about <= timedelta(0):
        if reading.strict:
            raise ValueError("has no length; give it a DTEND or a DURATION")
        reading.skipped += 1
        return
    if part.all("EXRULE"):
        raise ValueError("has an EXRULE, which is obsolete; write EXDATE")
    without, days = _excepted(part, start, zones, moved)
    event = Event(titled.label, start, length, (), without, days)
    single = titled.moves  # an instance of a series does not recur itself
    rules = () if single else tuple(_rule(rule, start, reading) for rule in part.all("RRULE"))
    if rules and length.about > LONGEST_RECURRING:
        raise ValueError(f"recurs and lasts longer than {LONGEST_RECURRING.days} days")
    reading.keep(replace(event, rules=rules))
    for prop in () if single else part.all("RDATE"):
        further = _further(prop, length, zones)
        reading.note(len(further))
        for when, lasting in further:
            reading.keep(replace(event, start=when, length=lasting))


def _further(prop: Property, length: Length, zones: Zones) -> list[tuple[Moment, Length]]:
    if prop.parameters.get("VALUE", "").upper() == "PERIOD":
        return [(when, lasting) for when, lasting in periods(prop, zones) if lasting.about > timedelta(0)]
    return [(when, length) for when in moments(prop, zones)]


def _length(part: Component, start: Moment, zones: Zones) -> Length:
    """Of a date without an end it is the whole day; of one that ends on itself too, as calendars show it."""
    end, lasting = part.one("DTEND"), part.one("DURATION")
    if end is not None and lasting is not None:
        raise ValueError("has both a DTEND and a DURATION")
    if lasting is not None:
        return duration(lasting.value)
    if end is None:
        return Length(nominal=_DAY if start.whole else timedelta(0))
    length = between(start, moment(end, zones))
    return Length(nominal=_DAY) if start.whole and not length.nominal else length


def _excepted(
    part: Component, start: Moment, zones: Zones, moved: _Instances
) -> tuple[frozenset[datetime], frozenset[date]]:
    """The instances that do not happen as the series says: by their beginning, and by their day."""
    keys, days = set(), set()
    listed = [each for prop in part.all("EXDATE") for each in moments(prop, zones)]
    for each in (*listed, *moved):
        if each.whole:
            days.add(each.wall.date())
        elif (
            start.zone is None or each.zone is None
        ):  # one of them floats: what counts is what the clock shows
            keys.add(replace(start, wall=each.wall).key)
        else:
            keys.add(each.key)
    return frozenset(keys), frozenset(days)


def _rule(prop: Property, start: Moment, reading: _Reading) -> Recurrence:
    until = _until(prop, start)
    rule = recurrence(prop.value, start.wall, until=until)
    if rule.count is not None:
        rule, looked_at = _counted(rule, _MOST_COUNTED - reading.counted)
        reading.counted += looked_at
    elif reading.strict and until is None and not rule.ever(_PROOF):
        raise ValueError("recurs on days that do not exist")
    return rule


def _until(prop: Property, start: Moment) -> datetime | None:
    """The last moment of a rule, in the clock of its beginning; a date counts with all its day."""
    text = parts_of(prop.value).get("UNTIL")
    if text is None:
        return None
    until = moment(Property("UNTIL", {}, text, prop.line), lambda _: start.zone or Z)
    if until.whole:
        return until.wall if start.whole else until.wall + _DAY - timedelta(seconds=1)
    if start.whole:
        return datetime.combine(until.wall.date(), _MIDNIGHT)
    if until.zone is None or start.zone is None:
        return until.wall
    if until.wall.year > LAST.year:
        return LAST
    return until.key.astimezone(start.zone).replace(tzinfo=None)


def _counted(rule: Recurrence, most: int) -> tuple[Recurrence, int]:
    """The rule with its COUNT turned into an UNTIL, and how many days that took to find.

    The beginning is the first instance, whether the rule itself falls on it or not (RFC 5545).
    """
    left = rule.count or 0
    last, low = rule.start, rule.start
    looked_at = 0
    left -= next(rule.walls(rule.start, rule.start + _DAY), None) != rule.start
    while left > 0 and low < LAST:
        high = min(low + timedelta(days=1461), LAST)
        for wall in rule.walls(low, high):
            last, left = wall, left - 1
            if left == 0:
                break
        looked_at += (high - low).days + 1
        if looked_at > most:
            raise ValueError("counts too far; write UNTIL instead of COUNT")
        low = high
    until = LAST if left > 0 else last
    return replace(rule, until=min(rule.until, until), count=None), looked_at
