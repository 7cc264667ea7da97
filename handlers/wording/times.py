"""Spans, ages and instants as people say them. How an instant looks is the reader's surface's business: `When`."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

When = Callable[[datetime], str]
"""Shows an instant: Slack in the reader's own zone, the command line in the policy's."""

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_SPEAKS_OF_SECONDS: Final = 2 * _MINUTE


def utc(at: datetime) -> str:
    """An instant in RFC 3339, in UTC: the `When` of machines."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def in_zone(zone: ZoneInfo) -> When:
    """A `When` that shows wall-clock time in `zone`, named: `Tue 10 Nov 10:00 EST`."""
    return lambda at: at.astimezone(zone).strftime("%a %-d %b %H:%M %Z")


def clock_time(at: datetime, zone: ZoneInfo) -> str:
    """Only the time of day, with the zone's abbreviation: `10:00 EST`."""
    return at.astimezone(zone).strftime("%H:%M %Z")


def span(length: timedelta) -> str:
    """A length of time in two units at most: `45 s`, `38 min`, `3 h 10 min`, `2 d 4 h`. Never negative."""
    seconds = max(0, int(length.total_seconds()))
    if seconds < _SPEAKS_OF_SECONDS:
        return f"{seconds} s"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE} min"
    large, small, unit = (
        (seconds // _HOUR, seconds % _HOUR // _MINUTE, ("h", "min"))
        if seconds < _DAY
        else (seconds // _DAY, seconds % _DAY // _HOUR, ("d", "h"))
    )
    return f"{large} {unit[0]} {small} {unit[1]}" if small else f"{large} {unit[0]}"


def old(at: datetime, now: datetime) -> str:
    """How old something is: `40 min old`, or `brand-new`."""
    return f"{span(now - at)} old" if now - at >= timedelta(seconds=1) else "brand-new"


def ago(at: datetime, now: datetime) -> str:
    """When something was: `3 h 10 min ago`, or `just now`."""
    return f"{span(now - at)} ago" if now - at >= timedelta(seconds=1) else "just now"


def ahead(at: datetime, now: datetime) -> str:
    """How far off something is: `in 38 min`, or `now` once it is there."""
    return f"in {span(at - now)}" if at > now else "now"
