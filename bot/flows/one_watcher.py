"""One watcher: of several processes on one ledger one reads the monitors, by a lease; the others stand by (F14)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bot.ports import Ledger, Transaction

_SUBJECT, _SURFACE = "watch", "lease"
LEASE: Final = timedelta(seconds=20)
"""A watcher that says nothing for so long has lost its place."""
IMPOSSIBLE: Final = timedelta(minutes=5)
"""A lease that would last for longer than this was written by a clock that was wrong."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who watches now, and whether that is who asked."""

    name: str
    mine: bool


async def take_or_keep(ledger: Ledger, me: str, *, gone: Callable[[str], bool] = lambda _: False) -> Holder:
    """Take the place where nobody holds it, or keep it; else stand by. `gone` knows a holder that is certainly dead."""

    def step(tx: Transaction) -> Holder:
        kept = tx.place(_SUBJECT, _SURFACE) or {}
        holder, until = kept.get("holder"), _instant(kept.get("until"))
        if isinstance(holder, str) and holder != me and until is not None:
            lasts = tx.now < until <= tx.now + IMPOSSIBLE
            if lasts and not gone(holder):
                return Holder(holder, mine=False)
        tx.put_place(_SUBJECT, _SURFACE, {"holder": me, "until": (tx.now + LEASE).isoformat()})
        return Holder(me, mine=True)

    return await ledger.write(step)


async def give_up(ledger: Ledger, me: str) -> None:
    """Let somebody else watch at once; nothing where somebody else does."""

    def step(tx: Transaction) -> None:
        if (tx.place(_SUBJECT, _SURFACE) or {}).get("holder") == me:
            tx.put_place(_SUBJECT, _SURFACE, {})

    await ledger.write(step)


def _instant(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
