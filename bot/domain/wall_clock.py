"""From wall-clock times in a zone to instants, where the clock jumps forward (gap) or back (fold)."""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

_SECOND: Final = timedelta(seconds=1)
_EPOCH: Final = datetime(2000, 1, 1)  # noqa: DTZ001 - a wall-clock time
_PROBES: Final = tuple(timedelta(hours=hours) for hours in range(-24, 49, 3))


def start_instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """The UTC instant at which something starts that starts at this naive wall-clock time.

    A time that the clock skips falls on the first instant after the gap, one that it shows twice on its first
    occurrence (P12, semantics of the design).
    """
    return _instant(wall, zone, fold=0)


def end_instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """The UTC instant at which something ends that ends at this naive wall-clock time.

    A time that the clock skips falls on the first instant after the gap, one that it shows twice on its last
    occurrence: what forbids lasts longer rather than shorter.
    """
    return _instant(wall, zone, fold=1)


def real_instants(wall: datetime, zone: ZoneInfo) -> tuple[datetime, ...]:
    """Every UTC instant at which the zone's clock shows this time: none in a gap, two in a fold, else one."""
    epoch = _steady(zone, wall.toordinal())
    if epoch is not None:
        return (epoch + (wall - _EPOCH),)
    before, after = _offsets(wall, zone)
    if before == after:
        return ((wall - before).replace(tzinfo=UTC),)
    if before > after:
        return ((wall - before).replace(tzinfo=UTC), (wall - after).replace(tzinfo=UTC))
    return ()


def local(instant: datetime, zone: ZoneInfo) -> datetime:
    """The naive wall-clock time that the zone's clock shows at an aware instant."""
    return instant.astimezone(zone).replace(tzinfo=None)


def _offsets(wall: datetime, zone: ZoneInfo) -> tuple[timedelta, timedelta]:
    """The offsets in force before and after the transition at this wall-clock time; equal where there is none."""
    before = zone.utcoffset(wall if not wall.fold else wall.replace(fold=0))
    after = zone.utcoffset(wall.replace(fold=1))
    if before is None or after is None:  # a ZoneInfo always knows its offset; the type alone does not say so
        raise ValueError(f"the zone {zone.key} has no offset at {wall}")
    return before, after


def _instant(wall: datetime, zone: ZoneInfo, *, fold: int) -> datetime:
    epoch = _steady(zone, wall.toordinal())
    if epoch is not None:
        return epoch + (wall - _EPOCH)
    before, after = _offsets(wall, zone)
    if before == after:
        return (wall - before).replace(tzinfo=UTC)
    if before > after:
        return (wall - (after if fold else before)).replace(tzinfo=UTC)
    return _first_after_gap((wall - after).replace(tzinfo=UTC), (wall - before).replace(tzinfo=UTC), zone)


@lru_cache(maxsize=16384)
def _steady(zone: ZoneInfo, ordinal: int) -> datetime | None:
    """For a day on which the zone's clock does not change, the UTC instant of the epoch by the day's offset.

    Compiling a year of rules asks for the same days over and over. A day counts as steady when the offset is the
    same throughout the day before and the day after as well; no zone goes to another offset and back so quickly.
    """
    day = datetime.combine(date.fromordinal(ordinal), time())
    offsets = {zone.utcoffset(day + probe) for probe in _PROBES}
    offset = offsets.pop()
    return None if offsets or offset is None else (_EPOCH - offset).replace(tzinfo=UTC)


def _first_after_gap(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    """The transition itself: the first whole second in (low, high] with the offset that holds at `high`."""
    offset = high.astimezone(zone).utcoffset()
    while high - low > _SECOND:
        middle = low + (high - low) // _SECOND // 2 * _SECOND
        if middle.astimezone(zone).utcoffset() == offset:
            high = middle
        else:
            low = middle
    return high
