"""That a person resolved an incident is looked at again: what is RED all the same must not stay unheard for ever."""

from datetime import timedelta
from typing import Final

from bot.domain.incident import Cause, Incident
from bot.domain.owed import Timer
from bot.ports import Transaction

TIMER: Final = "still-red"
"""The kind of the timer; the subject is the incident."""
REMINDED: Final = timedelta(minutes=30)
"""What is still RED so long after a person's *Resolve*: whoever resolved it and whoever is on call are reminded."""
OPENED: Final = timedelta(hours=1)
"""And so long after it, its next incident opens."""


def look_again(tx: Transaction, incident: Incident) -> None:
    """A person just resolved what the monitors opened."""
    if incident.cause is Cause.MONITORS:
        tx.unschedule(TIMER, incident.id)
        tx.schedule(Timer(kind=TIMER, subject=incident.id, due_at=tx.now + REMINDED))
