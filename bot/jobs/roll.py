"""Keeps the calendar compiled: after a start, a change of its rules and as time goes on, off the event loop."""

import asyncio
from datetime import datetime, timedelta
from typing import Final

import structlog

from bot.domain.calendar import Calendar
from bot.flows.living_calendar import living, recall
from bot.flows.request import LATEST_START
from bot.jobs.work import Pulse, look_again_and_again
from bot.ports import Ledger, PolicyInForce

log = structlog.get_logger(__name__)

LOOK_AGAIN: Final = 5.0  # seconds: a freeze may have been declared, or a feed have changed
PATIENCE: Final = 300.0  # seconds: thousands of rules take long to compile
ANEW: Final = timedelta(hours=1)
"""How often what did not change is rolled forward."""
AHEAD: Final = LATEST_START + timedelta(days=1)
"""So early the next stretch of the calendar is compiled: requests that name an instant so far ahead are judged by it."""


class Roll:
    """Compiles the calendar that decides before anybody has to wait for it."""

    def __init__(self, ledger: Ledger, in_force: PolicyInForce) -> None:
        self._ledger = ledger
        self._in_force = in_force
        self._warmed: tuple[Calendar, datetime] | None = None
        self.changed = asyncio.Event()
        self.pulse = Pulse(patience=PATIENCE)

    async def run(self) -> None:
        """Look again and again until cancelled."""
        await look_again_and_again(self.look, self.pulse, LOOK_AGAIN, self.changed, failed="roll.failed")

    async def look(self) -> bool:
        """Compile what is not compiled yet; whether there was anything. Raises what the ledger raises."""
        policy = self._in_force.policy
        await recall(self._ledger, policy)
        calendar, now = await self._ledger.read(lambda tx: (living(tx, policy).calendar, tx.now))
        if self._warmed is not None:
            known, since = self._warmed
            if known is calendar and now - since < ANEW:
                return False
        await asyncio.to_thread(_compile, calendar, now)
        self._warmed = (calendar, now)
        self.pulse.done += 1
        return True


def _compile(calendar: Calendar, now: datetime) -> None:
    calendar.warm(now)
    calendar.warm(now + AHEAD, ahead=True)
