"""Writes readings together: what came within a twentieth of a second is one transaction, and one fsync."""

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog

from bot.flows.observe import Seen, observe_all
from bot.jobs.work import Pulse, rest
from bot.policy import Policy
from bot.ports import Ledger, PolicyInForce

log = structlog.get_logger(__name__)

TOGETHER: Final = 0.05
"""Seconds that a reading which may change a colour waits for others, at most."""
LAZILY: Final = 1.0
"""Seconds that any other waits: it says only that somebody is well, or still as before."""
LAZIEST: Final = 5.0
"""Seconds that any other waits at most where writing itself takes long: then fewer writings do more each."""


class Batch:
    """Readings that wait to be counted in."""

    def __init__(self, ledger: Ledger, in_force: PolicyInForce) -> None:
        self._ledger = ledger
        self._in_force = in_force
        self._seen: list[Seen] = []
        self._due: float | None = None
        self._cost = 0.0  # seconds that the last writing took
        self._bell = asyncio.Event()
        self.pulse = Pulse()

    def add(self, seen: Seen, *, urgent: bool) -> None:
        """One more; `urgent`: it may change a colour."""
        lazily = min(max(LAZILY, 4 * self._cost), LAZIEST)
        due = asyncio.get_running_loop().time() + (TOGETHER if urgent else lazily)
        self._seen.append(seen)
        if self._due is None or due < self._due:
            self._due = due
            self._bell.set()

    async def run(self) -> None:
        """Write until cancelled. Nothing that fails ends it: what was not written is found again at the next reading."""
        loop = asyncio.get_running_loop()
        while True:
            if self._due is None or (wait := self._due - loop.time()) > 0:
                await self._ring(None if self._due is None else wait)
                continue
            seen, self._seen, self._due = self._seen, [], None
            began = loop.time()
            await self._write(self._in_force.policy, seen)
            self._cost = loop.time() - began
            self.pulse.done += len(seen)

    async def _ring(self, seconds: float | None) -> None:
        """Wait until something more urgent came, or so long."""
        self._bell.clear()
        await rest(self.pulse, seconds, self._bell)

    async def _write(self, policy: Policy, seen: Sequence[Seen]) -> None:
        try:
            await observe_all(self._ledger, policy, seen)
        except Exception:
            self.pulse.failed += 1
            environments = dict.fromkeys(each.environment for each in seen)
            log.exception("observe.failed", environments=[*environments], readings=len(seen))
            if (
                len(environments) > 1
            ):  # what is wrong with one of them must not keep the others from being written
                for name in environments:
                    await self._write(policy, [each for each in seen if each.environment == name])
