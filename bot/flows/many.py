"""What one message in the channel tells of many incidents that opened within a minute."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.domain.incident import Incident
from bot.domain.refusal import Refusal
from bot.flows.together import WINDOW
from bot.ports import Ledger, Place, Transaction

_MOST: Final = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ManyView:
    """The incidents that share a message, oldest first, open or not."""

    incidents: tuple[Incident, ...]
    place: Place | None
    now: datetime


async def many_view(ledger: Ledger, first_id: str) -> ManyView:
    """Those that share the message of this one. Raises Refusal `unknown-incident`."""

    def query(tx: Transaction) -> ManyView:
        first = tx.incidents.get(first_id)
        if first is None:
            raise Refusal("unknown-incident", {"incident": first_id[:40]})
        since = tx.incidents.newest(limit=_MOST, since=first.opened_at)
        within = [i for i in since if i.summary == first.id and i.opened_at <= first.opened_at + WINDOW]
        return ManyView(
            incidents=tuple(reversed(within)) or (first,),
            place=tx.place(place_of(first.id), "card"),
            now=tx.now,
        )

    return await ledger.read(query)


def place_of(first_id: str) -> str:
    """The subject under which the message is remembered: the first one may get a card of its own."""
    return f"many/{first_id}"
