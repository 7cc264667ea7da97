"""Keeps the Markdown file of the status up to date, where the policy asks for one (K7)."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import structlog

from bot.domain.board import Board
from bot.flows.board import board
from bot.jobs.work import Pulse, look_again_and_again
from bot.policy import Policy
from bot.ports import Ledger, PolicyInForce

log = structlog.get_logger(__name__)

WRITE_EVERY: Final = 60.0
"""Seconds; instants in it are told to the minute."""
PATIENCE: Final = 120.0
"""Seconds that a round may take: the status of thousands of monitors is read and worded."""
Write = Callable[[Path, str, bytes], Awaitable[bool]]
Render = Callable[[Board, Policy], str]


class BoardFile:
    """Writes the file when what it says has changed: a reader finds the old one or the new one, never half of it."""

    def __init__(self, ledger: Ledger, in_force: PolicyInForce, write: Write, render: Render) -> None:
        """`write` is given the policy's folder, a path below it and the content; it says whether that was new, and
        raises OSError."""
        self._ledger = ledger
        self._in_force = in_force
        self._write = write
        self._render = render
        self.changed = asyncio.Event()
        self.pulse = Pulse(patience=PATIENCE)

    async def run(self) -> None:
        """Write again and again until cancelled."""
        await look_again_and_again(
            self.write, self.pulse, WRITE_EVERY, self.changed, failed="board-file.failed"
        )

    async def write(self) -> bool:
        """Write the file where it would change; whether it was. Raises OSError, and what the ledger raises."""
        policy = self._in_force.policy
        name = policy.status_page.markdown
        if name is None:
            return False
        found = await board(self._ledger, policy)
        text = await asyncio.to_thread(self._render, found, policy)
        written = await self._write(policy.folder, name, text.encode("utf-8", "replace"))
        self.pulse.done += int(written)
        return written
