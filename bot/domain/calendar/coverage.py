"""How much of a range of time a calendar leaves to deployments (P12)."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.calendar.calendar import Calendar
from bot.domain.calendar.effects import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How long each verdict holds within a range, in real time."""

    preferred: timedelta
    allowed: timedelta
    discouraged: timedelta
    prohibited: timedelta
    weekly: timedelta
    """The time per seven days that is allowed or preferred."""


def coverage(
    calendar: Calendar, *, environment: str, service: str | None, start: datetime, end: datetime
) -> Coverage:
    """How much of [start, end) has which verdict for a service in an environment.

    Raises:
        ValueError: for naive instants, ones out of the calendar's range, or a range that ends before it starts.

    """
    lasted: Counter[Verdict] = Counter()  # microseconds, since a Counter adds whole numbers
    for begin, until, verdict in calendar.verdicts(start, end, environment=environment, service=service):
        lasted[verdict] += (until - begin) // timedelta.resolution
    whole = (end - start) // timedelta.resolution
    friendly = lasted[Verdict.PREFERRED] + lasted[Verdict.ALLOWED]
    week = timedelta(days=7) // timedelta.resolution
    return Coverage(
        preferred=timedelta(microseconds=lasted[Verdict.PREFERRED]),
        allowed=timedelta(microseconds=lasted[Verdict.ALLOWED]),
        discouraged=timedelta(microseconds=lasted[Verdict.DISCOURAGED]),
        prohibited=timedelta(microseconds=lasted[Verdict.PROHIBITED]),
        weekly=timedelta(microseconds=friendly * week // whole if whole else 0),
    )
