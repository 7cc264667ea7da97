"""Has the ledger forget, once a day, what is older than it has to be."""

import asyncio
from typing import Protocol

import structlog

log = structlog.get_logger(__name__)

FIRST_AFTER = 300.0  # seconds: a start has better things to do
EVERY = 86_400.0  # seconds


class Prunable(Protocol):
    """What grows and may shrink again."""

    async def prune(self) -> int:
        """Delete what is too old; how many rows there were."""
        ...


class Pruning:
    """Prunes now and then; a failure is logged and tried again the next time."""

    def __init__(self, prunable: Prunable, *, first_after: float = FIRST_AFTER, every: float = EVERY) -> None:
        self._prunable = prunable
        self._first_after = first_after
        self._every = every

    async def run(self) -> None:
        """Prune until cancelled."""
        await asyncio.sleep(self._first_after)
        while True:
            try:
                log.info("pruned", rows=await self._prunable.prune())
            except Exception:
                log.exception("prune.failed")
            await asyncio.sleep(self._every)
