"""Sends each delivery by the way that its lane names, and tells of every page what became of it (promise 3)."""

import asyncio
from collections.abc import Mapping
from typing import Final

from bot.domain.owed import Delivery
from bot.flows import paging
from bot.jobs.deliveries import GIVE_UP_AFTER, NO_WAY, SEND_LIMIT
from bot.ports import Announcer, Later, Ledger, PolicyInForce, Undeliverable

PAGE: Final = "page"
LIMIT: Final = SEND_LIMIT * 0.75
"""Seconds for one page: the worker's own limit would end it before anybody could be told."""


class Lanes:
    """`bot.ports.Announcer` for every lane: `slack:…`, `pagerduty:…`, `email:…`, `webhook:…`.

    Of every page either one way arrives or, once none will, `paging.failed` is called, upon which the chain goes on. It
    is called before the delivery is given up: after a crash between the two it is given up again, and nothing is lost.
    """

    def __init__(
        self, ways: Mapping[str, Announcer], ledger: Ledger, in_force: PolicyInForce, *, limit: float = LIMIT
    ) -> None:
        """`ways`: the announcers by the first word of their lanes. `limit`: seconds for one page."""
        self._ways = ways
        self._ledger = ledger
        self._in_force = in_force
        self._limit = limit

    async def announce(self, delivery: Delivery) -> None:
        """Send it. Raises Later when it should be tried again, Undeliverable when that is pointless."""
        if delivery.kind != PAGE:
            await self._way(delivery).announce(delivery)
            return
        try:
            async with asyncio.timeout(self._limit):
                await self._way(delivery).announce(delivery)
        except Undeliverable as undeliverable:
            await paging.failed(self._ledger, self._in_force.policy, delivery, undeliverable.code)
            raise
        except Later as later:
            await self._give_up_if_old(delivery, later.code)
            raise
        except TimeoutError:
            await self._give_up_if_old(delivery, "timeout")
            raise Later("timeout") from None
        except Exception as error:
            await self._give_up_if_old(delivery, type(error).__name__)
            raise
        await paging.arrived(self._ledger, self._in_force.policy, delivery)

    def _way(self, delivery: Delivery) -> Announcer:
        way = self._ways.get(delivery.destination.partition(":")[0])
        if way is None:
            raise Undeliverable(NO_WAY)
        return way

    async def _give_up_if_old(self, delivery: Delivery, code: str) -> None:
        """A page of yesterday wakes nobody any more. The worker gives it up no sooner than this, and would tell nobody."""
        now = await self._ledger.read(lambda tx: tx.now)
        if now - delivery.due_at > GIVE_UP_AFTER:
            await paging.failed(self._ledger, self._in_force.policy, delivery, code)
            raise Undeliverable(code)
