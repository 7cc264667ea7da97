"""From wall-clock times in a zone to instants, where the clock jumps forward (gap) or back (fold)."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_SECOND = timedelta(seconds=1)


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
    before, after = _offsets(wall, zone)
    if before == after:
        return (wall - before).replace(tzinfo=UTC)
    if before > after:
        return (wall - (after if fold else before)).replace(tzinfo=UTC)
    return _first_after_gap((wall - after).replace(tzinfo=UTC), (wall - before).replace(tzinfo=UTC), zone)


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
