"""Since when the bot hears what it is told, and when it did not: silence while nobody listened is nobody's alarm."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pydantic import JsonValue

from bot.ports import Ledger, Place, Transaction

_SUBJECT, _SURFACE = "told-monitors", "listening"
GAP: Final = timedelta(minutes=1)
"""A bot that was away for longer than this may have missed a report."""
MOST_GAPS: Final = 200
"""So many gaps are remembered; of older ones nothing is known, and what fell silent then alarms the sooner."""
TWICE: Final = 2
_KEEP_EVERY: Final = timedelta(seconds=10)
_NONE: Final = timedelta(0)
Gap = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Listening:
    """Since when it has listened without a break, and the gaps before that, oldest first."""

    since: datetime
    gaps: tuple[Gap, ...] = ()

    def alarm_at(self, read_at: datetime, limit: timedelta, now: datetime) -> datetime:
        """When silence since `read_at` is an alarm: after `limit`, counted anew where nobody listened meanwhile, for the
        report may have come then. That is believed once: who was not heard for twice the limit, the gaps left out, is
        silent, however often nobody listened for a moment."""
        deaf = sum((max(_NONE, min(end, now) - max(begin, read_at)) for begin, end in self.gaps), _NONE)
        return min(max(read_at, self.since) + limit, read_at + TWICE * limit + deaf)


async def listen(ledger: Ledger) -> None:
    """Say that the bot listens from now on; called once, when it starts. A restart within a minute missed nothing."""

    def step(tx: Transaction) -> None:
        kept = tx.place(_SUBJECT, _SURFACE) or {}
        seen, since, gaps = _instant(kept.get("seen")), _instant(kept.get("since")), _gaps(kept)
        if since is None or seen is None or not _NONE <= tx.now - seen <= GAP:
            since = tx.now
            if seen is not None and seen < tx.now:
                gaps = [*gaps, (seen, tx.now)]
        _keep(tx, since, gaps)

    await ledger.write(step)


async def hear_nothing(ledger: Ledger) -> None:
    """Say that nothing can be heard at this moment, because our own network is down; called as long as that lasts."""

    def step(tx: Transaction) -> None:
        gaps = _gaps(tx.place(_SUBJECT, _SURFACE) or {})
        begin, end = gaps[-1] if gaps else (tx.now, tx.now)
        if gaps and _NONE <= tx.now - end <= GAP:
            gaps = [*gaps[:-1], (begin, tx.now)]
        else:
            gaps = [*gaps, (tx.now, tx.now)]
        _keep(tx, tx.now, gaps)

    await ledger.write(step)


def keep_listening(tx: Transaction) -> None:
    """Note that it still listens, so that the next start knows how long nobody did."""
    kept = tx.place(_SUBJECT, _SURFACE)
    if kept is None:  # nobody said that it began: then nothing is known of a time without anybody
        return
    seen = _instant(kept.get("seen"))
    if seen is None or not _NONE <= tx.now - seen < _KEEP_EVERY:
        tx.put_place(_SUBJECT, _SURFACE, {**kept, "seen": tx.now.isoformat()})


def listening_of(tx: Transaction) -> Listening | None:
    """Since when it listens, and when it did not; None where nobody said so."""
    kept = tx.place(_SUBJECT, _SURFACE) or {}
    since = _instant(kept.get("since"))
    return None if since is None else Listening(since, tuple(_gaps(kept)))


def _keep(tx: Transaction, since: datetime, gaps: Sequence[Gap]) -> None:
    kept: list[JsonValue] = [[begin.isoformat(), end.isoformat()] for begin, end in _apart(gaps)[-MOST_GAPS:]]
    tx.put_place(_SUBJECT, _SURFACE, {"since": since.isoformat(), "seen": tx.now.isoformat(), "gaps": kept})


def _apart(gaps: Sequence[Gap]) -> list[Gap]:
    """The gaps in their order, none within another: a clock that was put back counts nothing twice."""
    apart: list[Gap] = []
    for begin, end in sorted(gaps):
        if apart and begin <= apart[-1][1]:
            apart[-1] = (apart[-1][0], max(apart[-1][1], end))
        else:
            apart.append((begin, end))
    return apart


def _gaps(place: Place) -> list[Gap]:
    kept = place.get("gaps")
    found = []
    for each in kept if isinstance(kept, list) else ():
        begin, end = (_instant(one) for one in each) if isinstance(each, list) else (None, None)
        if begin is not None and end is not None:
            found.append((begin, end))
    return found


def _instant(value: object) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else None
