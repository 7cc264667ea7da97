"""Who is on call: a list of people that takes turns at every hand-off of a cron in a zone."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from bot.domain.crons import Cron, occurrences
from bot.domain.wall_clock import local, start_instant

EPOCH: Final = date(1970, 1, 5)
"""A Monday. A rotation without a `starts` of its own counts its hand-offs from here, in its zone."""

MOST_HANDOFFS_PER_DAY: Final = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """People who hand over to each other, in order and in turn.

    The first hand-off at or after the beginning of `starts` (or of the epoch) hands over to the first person,
    and each later one to the next. Until that first hand-off the last person of the list holds the fort.
    """

    people: tuple[str, ...]
    handoff: Cron
    zone: ZoneInfo
    starts: date | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for a rotation that nobody could be on call in, or that could not be counted."""
        if not self.people:
            raise ValueError("a rotation needs at least one person")
        if self.handoff.firings_per_day > MOST_HANDOFFS_PER_DAY:
            raise ValueError(f"the hand-off {self.handoff.text!r} fires more than hourly")
        if self.starts is not None and self.starts < EPOCH:
            raise ValueError(f"a rotation cannot start before {EPOCH.isoformat()}")

    @property
    def begins(self) -> datetime:
        """The UTC instant from which somebody is on call: the first of the local day `starts`."""
        return start_instant(datetime.combine(self.starts or EPOCH, time.min), self.zone)


def on_call_at(rotation: Rotation, instant: datetime) -> str | None:
    """The person on call at an aware instant; from the rotation's beginning on always exactly one, before it none."""
    at = instant.astimezone(UTC)
    if at < rotation.begins:
        return None
    return rotation.people[(_handoffs(rotation, at) - 1) % len(rotation.people)]


def next_handoff(rotation: Rotation, instant: datetime) -> datetime | None:
    """The first hand-off after an aware instant (UTC), None where there is none within eight years."""
    after = max(instant.astimezone(UTC) + timedelta(microseconds=1), rotation.begins)
    length = timedelta(days=2)
    while length < timedelta(days=8 * 366):  # widening steps: most hand-offs are daily or weekly
        found = occurrences(rotation.handoff, rotation.zone, after, after + length)
        if found:
            return found[0]
        length *= 4
    return None


def _handoffs(rotation: Rotation, at: datetime) -> int:
    """How many hand-offs lie in [begins, at]."""
    year = local(at, rotation.zone).year
    newest = max(_new_year(rotation, year), rotation.begins)
    whole = sum(
        _handoffs_in_year(rotation.handoff, rotation.zone, rotation.begins, earlier)
        for earlier in range((rotation.starts or EPOCH).year, year)
    )
    return whole + len(occurrences(rotation.handoff, rotation.zone, newest, at + timedelta(microseconds=1)))


def _new_year(rotation: Rotation, year: int) -> datetime:
    return start_instant(datetime(year, 1, 1), rotation.zone)  # noqa: DTZ001 - a wall-clock time


@lru_cache(maxsize=4096)
def _handoffs_in_year(handoff: Cron, zone: ZoneInfo, begins: datetime, year: int) -> int:
    low = max(start_instant(datetime(year, 1, 1), zone), begins)  # noqa: DTZ001 - a wall-clock time
    high = start_instant(datetime(year + 1, 1, 1), zone)  # noqa: DTZ001 - a wall-clock time
    return len(occurrences(handoff, zone, low, high)) if low < high else 0
