"""The zones of an iCalendar file: IANA names, and the VTIMEZONEs that a file brings along under names of its own."""

import io
import struct
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from bot.policy.ics_recurrence import LAST, Recurrence, parts_of, recurrence
from bot.policy.ics_text import Component, Property
from bot.policy.ics_values import Moment, Z, instant, moment, moments, offset
from bot.policy.types import zone as iana

MOST_TRANSITIONS: Final = 2_000
"""Of one zone between 1960 and 2100: two a year are 280."""
MOST_ZONES: Final = 50
MOST_OFFSETS: Final = 256
"""Of one zone: a file of the tz database counts them in a byte."""
_FIRST: Final = datetime(1960, 1, 1)  # noqa: DTZ001 - a wall-clock time
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EDGES: Final = (datetime(1, 1, 2), datetime(9999, 12, 30))  # noqa: DTZ001 - an offset leads out of neither
_RARE: Final = {"MONTHLY", "YEARLY"}
_Transition = tuple[
    datetime, timedelta, timedelta
]  # the instant, the offset before it, the offset from it on


class Zones:
    """Looks zones up by the TZIDs of one VCALENDAR; two calendars may mean different things by one name."""

    def __init__(self, definitions: Sequence[Component]) -> None:
        self._definitions = {name: each for each in definitions if (name := each.text("TZID"))}
        self._found: dict[str, ZoneInfo] = {}

    def __call__(self, name: str) -> ZoneInfo:
        """The zone of a TZID: the IANA zone of that name, else the file's own definition, else what a name that
        Windows uses, or a path that ends in an IANA name, stands for. Raises ValueError with a sentence."""
        found = self._found.get(name)
        if found is None:
            if len(self._found) >= MOST_ZONES:
                raise ValueError(f"it uses more than {MOST_ZONES} time zones")
            found = self._found[name] = self._zone(name)
        return found

    def _zone(self, name: str) -> ZoneInfo:
        known = _iana(name)
        if known is not None:
            return known
        definition = self._definitions.get(name)
        if definition is not None:
            return _defined(name, definition)
        known = _iana(_windows().get(name, "")) or _path(name)
        if known is None:
            raise ValueError(f"names the unknown time zone {name[:80]}")
        return known


def _iana(name: str) -> ZoneInfo | None:
    if name.upper() in {"UTC", "GMT", "Z"}:
        return Z
    try:
        return iana(name) if name and not name.startswith(("/", ".")) else None
    except ValueError:
        return None


def _path(name: str) -> ZoneInfo | None:
    """Some programs write `/vendor.example/20260101/America/New_York`."""
    parts = name.split("/")
    found = (_iana("/".join(parts[-count:])) for count in (3, 2) if len(parts) > count)
    return next((zone for zone in found if zone is not None), None)


def _windows() -> Mapping[str, str]:
    from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

    return WINDOWS_TO_OLSON


def _defined(name: str, definition: Component) -> ZoneInfo:
    transitions: list[_Transition] = []
    for part in definition.parts:
        if part.name in {"STANDARD", "DAYLIGHT"}:
            try:
                transitions += _onsets(part)
            except ValueError as error:
                raise ValueError(f"the time zone {name[:80]} (line {part.line}) {error}") from None
        if len(transitions) > MOST_TRANSITIONS:
            raise ValueError(f"the time zone {name[:80]} changes more than {MOST_TRANSITIONS} times")
    if not transitions:
        raise ValueError(f"names the time zone {name[:80]}, whose definition is empty")
    return _as_zone(name, sorted(transitions))


def _onsets(part: Component) -> list[_Transition]:
    """Every instant at which this half of a zone begins."""
    before, after = _offset(part, "TZOFFSETFROM"), _offset(part, "TZOFFSETTO")
    begins = part.one("DTSTART")
    if begins is None:
        raise ValueError("has no DTSTART")
    start = moment(begins, _no_zone)
    walls = {start.wall} | {each.wall for prop in part.all("RDATE") for each in moments(prop, _no_zone)}
    for rule in part.all("RRULE"):
        walls |= set(_recurring(rule, start, before).walls(max(start.wall, _FIRST), LAST))
        if len(walls) > MOST_TRANSITIONS:
            raise ValueError(f"changes more than {MOST_TRANSITIONS} times")
    ours = (wall for wall in walls if wall.year < LAST.year)
    return [(instant(_shifted(wall, -before), UTC), before, after) for wall in ours]


def _recurring(rule: Property, start: Moment, before: timedelta) -> Recurrence:
    parts = parts_of(rule.value)
    if parts.get("FREQ", "").strip().upper() not in _RARE:
        raise ValueError("changes more often than every month")
    if "COUNT" in parts:
        raise ValueError("counts its changes; UNTIL is how a zone ends them")
    until = None
    if "UNTIL" in parts:
        last = moment(Property("UNTIL", {}, parts["UNTIL"], rule.line), _no_zone)
        until = _shifted(last.wall, before) if last.zone is not None else last.wall
    return recurrence(rule.value, start.wall, until=until)


def _shifted(wall: datetime, by: timedelta) -> datetime:
    """The time moved by an offset; what stands for the beginning or the end of time goes on standing for it."""
    first, last = _EDGES
    return min(max(wall, first), last) + by


def _offset(part: Component, name: str) -> timedelta:
    found = part.one(name)
    if found is None:
        raise ValueError(f"has no {name}")
    return offset(found.value)


def _no_zone(_: str) -> ZoneInfo:
    return Z  # the times of a definition are in its own offset, whatever they say


def _as_zone(name: str, transitions: Sequence[_Transition]) -> ZoneInfo:
    """A zone of the standard library, read from the bytes that a file of the tz database would have (RFC 8536)."""
    offsets = sorted({each for _, before, after in transitions for each in (before, after)})
    if len(offsets) > MOST_OFFSETS:
        raise ValueError(f"the time zone {name[:80]} has more than {MOST_OFFSETS} offsets from UTC")
    first = offsets.index(transitions[0][1])
    offsets[0], offsets[first] = (
        offsets[first],
        offsets[0],
    )  # what holds before the first transition comes first
    times = [(at - _EPOCH) // timedelta(seconds=1) for at, _, _ in transitions]
    kept = [index for index, (one, next_) in enumerate(pairwise([*times, None])) if one != next_]
    body = b"".join(struct.pack(">q", times[index]) for index in kept)
    body += bytes(offsets.index(transitions[index][2]) for index in kept)
    body += b"".join(struct.pack(">iBB", each // timedelta(seconds=1), 0, 0) for each in offsets) + b"---\0"
    header = struct.pack(">4sc15x6I", b"TZif", b"2", 0, 0, 0, len(kept), len(offsets), 4)
    empty = (
        struct.pack(">4sc15x6I", b"TZif", b"2", 0, 0, 0, 0, 1, 4) + struct.pack(">iBB", 0, 0, 0) + b"---\0"
    )
    return ZoneInfo.from_file(io.BytesIO(empty + header + body + b"\n\n"), key=name)
