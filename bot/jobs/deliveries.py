"""Sends deliveries: one lane for each destination, so that a slow one delays no other."""

import asyncio
import time
from datetime import timedelta
from typing import Protocol

import structlog

from bot.domain.owed import Claimed, Delivery
from bot.jobs.work import Worker, backoff
from bot.ports import Announcer, Clock, Later, Owed, Undeliverable

log = structlog.get_logger(__name__)

PACE = 1.0  # seconds between two messages to one channel, as Slack asks
GIVE_UP_AFTER = timedelta(hours=24)


class OwedDeliveries(Owed[Delivery], Protocol):
    """Deliveries can be given up, too."""

    async def give_up(self, claimed: Claimed[Delivery], code: str) -> None: ...


class Pace:
    """Waits so that one lane sends no more than one message a second, after a burst of a few."""

    def __init__(self, every: float = PACE, burst: int = 3) -> None:
        self._every = every
        self._burst = burst
        self._next: dict[str, float] = {}

    async def wait(self, lane: str) -> None:
        """Return when `lane` may send; a lane that was silent may send a few at once."""
        now = time.monotonic()
        slot = max(self._next.get(lane, 0.0), now - self._every * self._burst)
        self._next[lane] = slot + self._every
        if slot > now:
            await asyncio.sleep(slot - now)
        if len(self._next) > 10_000:  # noqa: PLR2004 -- lanes of long ago
            self._next = {k: v for k, v in self._next.items() if v > now - 60}


def delivery_worker(owed: OwedDeliveries, clock: Clock, announcer: Announcer, pace: Pace) -> Worker[Delivery]:
    """A worker that announces each delivery, tries again what may work later, and keeps what cannot."""

    async def send(claimed: Claimed[Delivery]) -> None:
        delivery = claimed.item
        await pace.wait(delivery.destination)
        try:
            await announcer.announce(delivery)
        except Later as later:
            if clock.now() - delivery.due_at > GIVE_UP_AFTER:
                await _give_up(owed, claimed, later.code)
                return
            wait = max(backoff(claimed.attempts), timedelta(seconds=later.after_seconds or 0))
            log.info("delivery.later", kind=delivery.kind, code=later.code, attempts=claimed.attempts)
            await owed.put_off(claimed, until=clock.now() + wait, code=later.code)
        except Undeliverable as undeliverable:
            await _give_up(owed, claimed, undeliverable.code)
        else:
            await owed.finish(claimed)

    return Worker("deliveries", owed, clock, lane=lambda d: d.destination, work=send)


async def _give_up(owed: OwedDeliveries, claimed: Claimed[Delivery], code: str) -> None:
    log.error("delivery.undeliverable", kind=claimed.item.kind, subject=claimed.item.subject, code=code)
    await owed.give_up(claimed, code)
