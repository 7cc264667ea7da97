"""Freezes from an iCalendar file or address: checked once, bounded, and expanded on demand."""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import icalendar
import recurring_ical_events

from bot.domain.calendar import Span, end_instant, start_instant, whole_days
from bot.policy.document import LARGEST

MOST_EVENTS: Final = 2_000
MOST_RECURRING: Final = 50
"""Recurring events cost time at every expansion; with these bounds a whole file takes seconds at most."""

_RARE: Final = {"DAILY", "WEEKLY", "MONTHLY", "YEARLY"}
_MARGIN: Final = timedelta(days=2)
_LONGEST_INTERVAL: Final = 400
_PROOF: Final = timedelta(days=28 * 366)  # every kind of year occurs within it


@dataclass(frozen=True, slots=True)
class IcsFile:
    """A checked calendar; `digest` names its bytes."""

    name: str
    digest: str
    calendar: icalendar.Calendar = field(compare=False, repr=False)

    def in_zone(self, zone: ZoneInfo) -> "IcsSource":
        """The file as a source of spans for a calendar; `zone` is given to times that name none."""
        return IcsSource(self.calendar, zone, self.digest)


@dataclass(frozen=True, slots=True)
class IcsSource:
    """The events of a file as spans of the calendar."""

    calendar: icalendar.Calendar = field(compare=False, repr=False)
    zone: ZoneInfo
    digest: str
    """Of the bytes that `calendar` was read from: two sources with the same one are equal."""

    def spans(self, low: datetime, high: datetime) -> list[Span]:
        """The events that overlap [low, high); all-day ones are whole local days of the policy's zone."""
        events = recurring_ical_events.of(self.calendar).between(low - _MARGIN, high + _MARGIN)
        found = (_span(event, self.zone) for event in events if not _cancelled(event))
        return sorted(
            span for span in found if span.start < span.end and span.start < high and span.end > low
        )


def load_ics(path: Path) -> IcsFile:
    """Read and check an iCalendar file.

    Raises:
        ValueError: with a sentence, for a file that cannot be read or used.

    """
    try:
        if not path.is_file():
            raise ValueError(f"there is no file {path.name}")
        with path.open("rb") as opened:
            content = opened.read(LARGEST + 1)
    except OSError as error:
        raise ValueError(f"{path.name} cannot be read: {error.strerror}") from error
    return parse_ics(content, path.name)


def parse_ics(content: bytes, name: str) -> IcsFile:
    """Check the bytes of an iCalendar file; `name` stands for it in the sentence of an error.

    Raises:
        ValueError: with a sentence, for bytes that are no calendar that can be used.

    """
    if len(content) > LARGEST:
        raise ValueError(f"{name} has more than {LARGEST} bytes")
    try:
        calendar = icalendar.Calendar.from_ical(content)
        if not isinstance(calendar, icalendar.Calendar):
            raise ValueError("it holds something other than one calendar")  # noqa: TRY004, TRY301
        _check(calendar)
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        IndexError,
        OverflowError,
        RecursionError,
    ) as error:
        raise ValueError(f"{name} is not a usable calendar: {error}") from error
    return IcsFile(name, "sha256:" + hashlib.sha256(content).hexdigest(), calendar)


def _check(calendar: icalendar.Calendar) -> None:
    events = [event for event in calendar.walk("VEVENT") if isinstance(event, icalendar.Event)]
    if len(events) > MOST_EVENTS:
        raise ValueError(f"it holds more than {MOST_EVENTS} events")
    recurring = [event for event in events if "RRULE" in event]
    if len(recurring) > MOST_RECURRING:
        raise ValueError(f"it holds more than {MOST_RECURRING} recurring events")
    for event in events:
        _check_event(event)
    for event in events[:1]:  # once for good: what cannot be expanded fails now, not when somebody deploys
        first = datetime.combine(event.start, datetime.min.time(), UTC)
        recurring_ical_events.of(calendar).between(first, first + _MARGIN)


def _check_event(event: icalendar.Event) -> None:
    title = str(event.get("SUMMARY", event.get("UID", "without a name")))
    if event.errors:
        raise ValueError(f"event {title!r}: {'; '.join(f'{name} {why}' for name, why in event.errors)}")
    start = event.start
    if not isinstance(start, datetime) or start.tzinfo is not None:
        pass
    elif event["DTSTART"].params.get("TZID"):
        raise ValueError(f"event {title!r} names the unknown time zone {event['DTSTART'].params['TZID']}")
    if not event.end > start:
        raise ValueError(f"event {title!r} has no length; give it a DTEND or a DURATION")
    if "EXRULE" in event:
        raise ValueError(f"event {title!r} has an EXRULE, which is obsolete; write EXDATE")
    rules = event.get("RRULE", [])
    for rule in rules if isinstance(rules, list) else [rules]:
        _check_rule(rule, title, start)


def _check_rule(rule: icalendar.vRecur, title: str, start: date) -> None:
    frequency = str(rule.get("FREQ", [""])[0]).upper()
    if frequency not in _RARE:
        raise ValueError(
            f"event {title!r} recurs {frequency or 'without FREQ'}; DAILY is the most there may be"
        )
    if any(part in rule for part in ("BYSECOND", "BYMINUTE", "BYHOUR")):
        raise ValueError(f"event {title!r} recurs several times a day; write one event for each")
    if any(int(interval) > _LONGEST_INTERVAL for interval in rule.get("INTERVAL", [])):
        raise ValueError(f"event {title!r} has an INTERVAL of more than {_LONGEST_INTERVAL}")
    if not _ever(rule, start):
        raise ValueError(f"event {title!r} recurs on days that do not exist")


def _ever(rule: icalendar.vRecur, start: date) -> bool:
    """Whether the rule fires at all. A rule that never does would be searched for up to the year 9999."""
    from dateutil.rrule import rrulestr  # type: ignore[import-untyped]  # comes with icalendar, without types

    begin = datetime(start.year, start.month, start.day)  # noqa: DTZ001 - a local date
    bounded = {part: value for part, value in rule.items() if part not in {"UNTIL", "COUNT"}}
    parts = icalendar.vRecur(bounded).to_ical().decode()  # type: ignore[no-untyped-call]
    text = f"{parts};UNTIL={begin + _PROOF:%Y%m%dT%H%M%S}"
    return next(iter(rrulestr(text, dtstart=begin)), None) is not None


def _cancelled(event: icalendar.Event) -> bool:
    return str(event.get("STATUS", "")).upper() == "CANCELLED"


def _span(event: icalendar.Event, zone: ZoneInfo) -> Span:
    label = str(event.get("SUMMARY", "")) or None
    start, end = event.start, event.end
    if not isinstance(start, datetime) or not isinstance(end, datetime):
        return Span(*whole_days(start, end, zone), label)
    return Span(
        start.astimezone(UTC) if start.tzinfo else start_instant(start, zone),
        end.astimezone(UTC) if end.tzinfo else end_instant(end, zone),
        label,
    )
