"""Pruning goes on for ever, and a failure is no reason to stop."""

import asyncio

from structlog.testing import capture_logs

from bot.jobs.prune import Pruning
from tests.jobs.conftest import PATIENCE, running


class FakePrunable:
    """Implements Prunable; fails the first time."""

    def __init__(self) -> None:
        self.pruned = 0
        self.often = asyncio.Event()

    async def prune(self) -> int:
        self.pruned += 1
        if self.pruned == 1:
            raise ConnectionError("the database is away")
        if self.pruned == 3:
            self.often.set()
        return 7


async def test_it_prunes_again_after_a_failure() -> None:
    prunable = FakePrunable()
    with capture_logs() as logs:
        async with running(Pruning(prunable, first_after=0.0, every=0.0).run):
            async with asyncio.timeout(PATIENCE):
                await prunable.often.wait()

    assert [(e["event"], e.get("rows")) for e in logs[:2]] == [("prune.failed", None), ("pruned", 7)]


async def test_a_start_is_not_held_up_by_it() -> None:
    prunable = FakePrunable()
    async with running(Pruning(prunable).run):
        await asyncio.sleep(0)

    assert prunable.pruned == 0
