"""Freezes from an iCalendar file or address: read once into bounded parts of our own, and expanded on demand.

What a file may hold is bounded where it is read, so that whatever was accepted expands any stretch of time in
milliseconds and never fails. TRANSP is not looked at: calendars mark all-day events as transparent by themselves, and a
freeze is a freeze. X-WR-TIMEZONE is not looked at either: a time that names no zone is in the policy's.
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from bot.domain.calendar import Span
from bot.domain.canonical import sha256
from bot.policy.document import LARGEST
from bot.policy.ics_events import Event, Read, read_events


@dataclass(frozen=True, slots=True)
class IcsFile:
    """A checked calendar; `digest` names its bytes."""

    name: str
    digest: str
    events: int
    """How many events it has, those included that were called off."""
    skipped: int
    """How many were passed over because they have no length."""
    _read: Read = field(compare=False, repr=False)
    _sources: dict[str, "IcsSource"] = field(compare=False, repr=False, default_factory=dict)

    def in_zone(self, zone: ZoneInfo) -> "IcsSource":
        """The file as a source of spans for a calendar; `zone` is given to times that name none."""
        found = self._sources.get(zone.key)
        if found is None:
            found = self._sources[zone.key] = IcsSource.of(self._read, zone, self.digest)
        return found


@dataclass(frozen=True, slots=True)
class IcsSource:
    """The events of a file as spans of the calendar; two with the same digest and zone are equal."""

    digest: str
    zone: ZoneInfo
    _once: tuple[Span, ...] = field(compare=False, repr=False)
    """What happens once, ascending."""
    _longest: timedelta = field(compare=False, repr=False)
    _recurring: tuple[Event, ...] = field(compare=False, repr=False)

    @classmethod
    def of(cls, read: Read, zone: ZoneInfo, digest: str) -> "IcsSource":
        """The events as they fall in a zone."""
        once = sorted(span for event in read.once if (span := event.span(event.start.wall, zone)))
        longest = max((span.end - span.start for span in once), default=timedelta(0))
        return cls(digest, zone, tuple(once), longest, read.recurring)

    def spans(self, low: datetime, high: datetime) -> list[Span]:
        """The events that overlap [low, high); all-day ones are whole local days of the zone."""
        return sorted(span for span in self._near(low, high) if span.start < high and span.end > low)

    def _near(self, low: datetime, high: datetime) -> Iterator[Span]:
        try:
            first = bisect_left(self._once, Span(low - self._longest, low - self._longest))
        except OverflowError:  # one of them lasts from the beginning of time
            first = 0
        yield from self._once[first : bisect_left(self._once, Span(high, high))]
        for event in self._recurring:
            yield from event.spans(low, high, self.zone)


def load_ics(path: Path) -> IcsFile:
    """Read and check an iCalendar file of the policy: one odd event in it is an error.

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
    return parse_ics(content, path.name, strict=True)


def parse_ics(content: bytes, name: str, *, strict: bool = False) -> IcsFile:
    """Read the bytes of an iCalendar file; `name` stands for it in the sentence of an error.

    `strict` is for what the policy's own authors can mend: then an event without a length, one that recurs on days that
    do not exist and text that is not UTF-8 are errors. Of what others publish such an event is passed over
    and counted (it freezes nothing), and whatever could freeze something and cannot be understood refuses the whole.

    Raises:
        ValueError: with a sentence, for bytes that are no calendar that can be used.

    """
    if len(content) > LARGEST:
        raise ValueError(f"{name} has more than {LARGEST} bytes")
    try:
        read = read_events(content, strict=strict)
    except ValueError as error:
        raise ValueError(f"{name} is not a usable calendar: {error}") from error
    except OverflowError as error:
        raise ValueError(
            f"{name} is not a usable calendar: it has a time that lies outside the years 1 to 9999"
        ) from error
    return IcsFile(name, sha256(content), read.events, read.skipped, read)
