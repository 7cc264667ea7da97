"""Sends deliveries: one lane for each destination, so that a slow one delays no other."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final, Protocol

import structlog

from bot.domain.owed import Claimed, Delivery
from bot.jobs.work import Worker, backoff
from bot.ports import Announcer, Clock, Later, Owed, Undeliverable

log = structlog.get_logger(__name__)
NO_WAY: Final = "not-configured"
"""The code of a way to people that the settings do not set up."""

PACE = 1.0  # seconds between two messages to one channel, as Slack asks
SEND_LIMIT = 60.0  # seconds for one message
GIVE_UP_AFTER = timedelta(hours=24)
TRIES = 10  # at least, before it is given up: a bot that was away for a day has tried nothing yet
HOLD_TRIES = 5  # so often a lane waits for its first delivery; then the others overtake it
LONGEST_PAUSE = 3600.0  # seconds that a destination may ask for


class OwedDeliveries(Owed[Delivery], Protocol):
    """Deliveries can be given up, and a destination can ask for a pause."""

    async def give_up(self, claimed: Claimed[Delivery], code: str) -> None: ...
    async def hold_lane(self, claimed: Claimed[Delivery], *, until: datetime, code: str) -> None:
        """Nothing goes to this destination before `until`; then in the old order."""
        ...


class Pace:
    """Waits so that one lane sends no more than one message in `every` seconds, after a burst of a few."""

    def __init__(
        self,
        every: float = PACE,
        burst: int = 3,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._every = every
        self._burst = burst
        self._monotonic = monotonic
        self._sleep = sleep
        self._next: dict[str, float] = {}

    async def wait(self, lane: str) -> None:
        """Return when `lane` may send; a lane that was silent may send `burst` messages at once."""
        now = self._monotonic()
        slot = max(self._next.get(lane, -math.inf), now - self._every * (self._burst - 1))
        self._next[lane] = slot + self._every
        if len(self._next) > 10_000:  # noqa: PLR2004 -- lanes of long ago
            silent = now - self._every * self._burst
            self._next = {k: v for k, v in self._next.items() if v > silent}
        if slot > now:
            await self._sleep(slot - now)


def delivery_worker(
    owed: OwedDeliveries, clock: Clock, announcer: Announcer, pace: Pace, *, limit: float = SEND_LIMIT
) -> Worker[Delivery]:
    """A worker that announces each delivery, tries again what may work later, and keeps what cannot.

    `limit`: seconds that one announcement may take.
    """

    async def send(claimed: Claimed[Delivery]) -> None:
        delivery = claimed.item
        await pace.wait(delivery.destination)
        try:
            async with asyncio.timeout(limit):
                await announcer.announce(delivery)
        except Later as later:
            await _try_later(owed, clock, claimed, later)
        except Undeliverable as undeliverable:
            await _give_up(owed, claimed, undeliverable.code)
        except Exception as error:
            if not _worn_out(claimed, clock.now()):
                raise  # the worker puts it off, and the lane goes on
            await _give_up(owed, claimed, type(error).__name__)
        else:
            await owed.finish(claimed)

    return Worker("deliveries", owed, clock, lane=lambda d: d.destination, work=send)


async def _try_later(owed: OwedDeliveries, clock: Clock, claimed: Claimed[Delivery], later: Later) -> None:
    now = clock.now()
    if _worn_out(claimed, now):
        await _give_up(owed, claimed, later.code)
        return
    asked = timedelta(seconds=min(later.after_seconds or 0.0, LONGEST_PAUSE))
    until = now + max(backoff(claimed.attempts), asked)
    log.info("delivery.later", kind=claimed.item.kind, code=later.code, attempts=claimed.attempts)
    if claimed.attempts <= HOLD_TRIES:
        await owed.hold_lane(claimed, until=until, code=later.code)
    else:
        await owed.put_off(claimed, until=until, code=later.code)


def _worn_out(claimed: Claimed[Delivery], now: datetime) -> bool:
    return claimed.attempts >= TRIES and now - claimed.item.due_at > GIVE_UP_AFTER


async def _give_up(owed: OwedDeliveries, claimed: Claimed[Delivery], code: str) -> None:
    # a way that nobody set up is no fault: the page has others, and where it has none the chain goes on
    say = log.info if code == NO_WAY else log.error
    say("delivery.undeliverable", kind=claimed.item.kind, subject=claimed.item.subject, code=code)
    await owed.give_up(claimed, code)
