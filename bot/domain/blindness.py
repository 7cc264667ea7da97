"""How long the watch was blind within the last hour: many short spells are as bad as a long one."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

Spell = tuple[datetime, datetime]
"""From when until when."""

LASTS: Final = timedelta(minutes=5)
"""So much blindness within WITHIN pages people: whatever is RED meanwhile, nobody would hear of it."""
WITHIN: Final = timedelta(hours=1)
MOST_KEPT: Final = 100
"""Spells that are remembered; a network that comes and goes more often than this is paged for long before."""
_NONE: Final = timedelta(0)


def blind_for(since: datetime, earlier: Iterable[Spell], now: datetime) -> timedelta:
    """For how long it was blind within the last hour, blind since `since` and before that in `earlier`. A clock that
    was wrong counts for nothing."""
    begins = now - WITHIN
    spells = [*earlier, (since, now)]
    return sum((max(_NONE, min(until, now) - max(start, begins)) for start, until in spells), start=_NONE)


def pages_at(since: datetime, earlier: Iterable[Spell], now: datetime) -> datetime:
    """When it comes to LASTS if it stays blind: `now` where it does already. What leaves the hour meanwhile is not
    taken off, so look again then."""
    return now + max(_NONE, LASTS - blind_for(since, earlier, now))


def kept(earlier: Sequence[Spell], now: datetime) -> tuple[Spell, ...]:
    """The spells that still count, the newest of them where there are too many."""
    return tuple(spell for spell in earlier if now - WITHIN < spell[1] <= now)[-MOST_KEPT:]
