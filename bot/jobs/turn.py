"""Whose turn it is to watch: keeps this process's lease, or stands by and takes over when its holder is gone."""

import asyncio
import os
import socket
from collections.abc import Callable
from pathlib import Path
from secrets import token_hex
from typing import Final

import structlog

from bot.flows.one_watcher import LEASE, give_up, take_or_keep
from bot.jobs.work import Pulse, rest
from bot.ports import Ledger

log = structlog.get_logger(__name__)

KEEP_EVERY: Final = 5.0
"""Seconds between two looks: whoever stands by takes over at most so long after the lease has ended."""
_PARTS: Final = 3


def _place() -> str:
    """This machine and its numbering of processes: the same number elsewhere is somebody else."""
    try:
        numbering = Path("/proc/self/ns/pid").readlink().name
    except OSError:
        numbering = "unknown"
    return f"{socket.gethostname()} {numbering}"


ME: Final = f"{_place()} {os.getpid()} {token_hex(4)}"
"""This process, for as long as it lives."""


def is_gone(holder: str) -> bool:
    """Whether a holder is a process of this machine that has ended; of any other nobody here can say."""
    place, number, _ = holder.rsplit(" ", 2) if holder.count(" ") >= _PARTS else ("", "", "")
    if place != _place() or place.endswith("unknown") or not number.isdecimal():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False


class Turn:
    """Whether it is ours to watch. What was read while it was not, or is no longer, counts for nothing."""

    def __init__(self, ledger: Ledger, me: str = ME, *, seconds: Callable[[], float] | None = None) -> None:
        """`seconds` never goes back; unsaid, the loop's clock."""
        self._ledger = ledger
        self._me = me
        self._seconds = seconds
        self._until = float("-inf")
        self._told: str | None = None
        self._was_mine = False
        self._asked = asyncio.Event()
        self.changed: Callable[[], None] = lambda: None
        """Called when it became ours, or ceased to be."""
        self.pulse = Pulse()

    @property
    def mine(self) -> bool:
        """Whether this process watches now: it holds the lease, and knew so lately enough."""
        return self._now() < self._until

    async def run(self) -> None:
        """Keep it, or stand by, until cancelled; then somebody else has it at once."""
        try:
            while True:
                await self.look()
                await rest(self.pulse, KEEP_EVERY, self._asked)
        finally:
            await self._leave()

    async def look(self) -> None:
        """Ask once. A ledger that is away gives nobody a turn, and ends ours when its lease has."""
        asked_at = self._now()
        try:
            holder = await take_or_keep(self._ledger, self._me, gone=is_gone)
        except Exception:
            self.pulse.failed += 1
            log.exception("turn.failed")
        else:
            self._until = asked_at + LEASE.total_seconds() if holder.mine else float("-inf")
            if holder.name != self._told:
                self._told = holder.name
                log.info("watch.ours" if holder.mine else "watch.stands-by", holder=holder.name)
        if self.mine is not self._was_mine:
            self._was_mine = self.mine
            self.changed()

    async def _leave(self) -> None:
        self._until, self._was_mine, self._told = float("-inf"), False, None
        try:  # also where it stood by: a look that was cut off may just have taken it
            await give_up(self._ledger, self._me)
        except Exception:
            log.exception("turn.not-given-up")  # then its lease ends by itself

    def _now(self) -> float:
        return self._seconds() if self._seconds is not None else asyncio.get_running_loop().time()
