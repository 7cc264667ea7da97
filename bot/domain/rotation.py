"""Who is on call: a list of people that takes turns at every hand-off of a cron in a zone."""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from bot.domain.crons import Cron, occurrences
from bot.domain.wall_clock import start_instant

EPOCH: Final = date(1970, 1, 5)
"""A Monday. A rotation without a `starts` of its own counts its hand-offs from here, in its zone."""

MOST_HANDOFFS_PER_DAY: Final = 24
_YEARS: Final = 8  # a hand-off of 29 February comes at least that often


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
        return _beginning(self.starts or EPOCH, self.zone)


def on_call_at(rotation: Rotation, instant: datetime) -> str | None:
    """The person on call at an aware instant; from the rotation's beginning on always exactly one, before it none."""
    at = instant.astimezone(UTC)
    if at < rotation.begins:
        return None
    passed = _before(rotation.handoff, rotation.zone, rotation.begins, at.year)
    passed += bisect_right(handoffs(rotation, at.year), at)
    return rotation.people[(passed - 1) % len(rotation.people)]


def next_handoff(rotation: Rotation, instant: datetime) -> datetime | None:
    """The first hand-off after an aware instant (UTC), None where there is none within eight years."""
    at = instant.astimezone(UTC)
    first = max(at, rotation.begins).year
    for year in range(first, first + _YEARS + 1):
        found = handoffs(rotation, year)
        place = bisect_right(found, at)
        if place < len(found):
            return found[place]
    return None


def handoffs(rotation: Rotation, year: int) -> tuple[datetime, ...]:
    """The hand-offs of one year of UTC, from the rotation's beginning on, ascending."""
    return _handoffs(rotation.handoff, rotation.zone, rotation.begins, year)


@lru_cache(maxsize=256)
def _handoffs(handoff: Cron, zone: ZoneInfo, begins: datetime, year: int) -> tuple[datetime, ...]:
    low, high = max(_new_year(year), begins), _new_year(year + 1)
    return tuple(occurrences(handoff, zone, low, high)) if low < high else ()


@lru_cache(maxsize=1024)
def _before(handoff: Cron, zone: ZoneInfo, begins: datetime, year: int) -> int:
    """How many hand-offs lie in [begins, the beginning of a year of UTC)."""
    return sum(_count(handoff, zone, begins, earlier) for earlier in range(begins.year, year))


@lru_cache(maxsize=4096)
def _count(handoff: Cron, zone: ZoneInfo, begins: datetime, year: int) -> int:
    """How many there are in one year: only the number is kept of those that are long past."""
    low, high = max(_new_year(year), begins), _new_year(year + 1)
    return len(occurrences(handoff, zone, low, high)) if low < high else 0


@lru_cache(maxsize=1024)
def _beginning(starts: date, zone: ZoneInfo) -> datetime:
    return start_instant(datetime.combine(starts, time.min), zone)


def _new_year(year: int) -> datetime:
    return datetime(year, 1, 1, tzinfo=UTC)
