"""Keeps the policy in memory in the state that the project is in (K1), whoever changed it: this process or one beside."""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from bot.flows.reload_policy import PolicyHolder
from bot.jobs.work import Pulse
from bot.ports import Ledger

log = structlog.get_logger(__name__)

EVERY: Final = 1.0
"""Seconds between two looks; until the next one nothing is decided by the old rules, for each decision looks itself."""


class FollowState:
    """Looks every second, and only where the policy lets the state change by an approval. `changed` is called when
    another policy is in force, by this or by whoever evaluated the change."""

    def __init__(self, ledger: Ledger, holder: PolicyHolder, changed: Callable[[], None]) -> None:
        self._ledger = ledger
        self._holder = holder
        self._changed = changed
        self._seen = holder.policy.digest
        self.pulse = Pulse()

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            self.pulse.rounds += 1
            try:
                await self.look()
            except Exception:
                self.pulse.failed += 1
                log.exception("state.not-followed")
            await asyncio.sleep(EVERY)

    async def look(self) -> None:
        """Follow once. Raises what the ledger raises."""
        await self._holder.follow(self._ledger)
        now = self._holder.policy
        if now.digest == self._seen:
            return
        self._seen = now.digest
        self.pulse.done += 1
        log.info("policy.followed", state=now.state, policy=now.digest)
        self._changed()
