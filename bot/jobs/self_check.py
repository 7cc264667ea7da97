"""The bot's view of its own health: database, loops, Slack connection, memory (D3); refreshed every few seconds."""

import asyncio
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import structlog

from bot.domain.health import Health
from bot.flows.inquire import environments
from bot.jobs.metrics import Metrics
from bot.jobs.work import Pulse
from bot.ports import Clock, Ledger, Owed, PolicyInForce

log = structlog.get_logger(__name__)

EVERY = 5.0  # seconds
STALLED = 30.0  # seconds without a round
OVERDUE = 30.0  # seconds; promise 5
MEMORY_LIMIT_MB = 1024


class SelfCheck:
    """Looks at the loops and at what is overdue, and answers /health from what it saw last."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        in_force: PolicyInForce,
        *,
        pulses: Mapping[str, Pulse],
        owed: Mapping[str, Owed[Any]],
        metrics: Metrics,
        connected: Callable[[], int] | None,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        """`connected` counts the Socket Mode connections; None without Socket Mode. `seconds` never goes back."""
        self._ledger = ledger
        self._clock = clock
        self._in_force = in_force
        self._pulses = pulses
        self._owed = owed
        self._metrics = metrics
        self._connected = connected
        self._seconds = seconds
        began = seconds()
        self._moved = {name: (pulse.rounds, began) for name, pulse in pulses.items()}
        self._looked = began  # when the figures were last refreshed

    async def run(self) -> None:
        """Refresh the figures until cancelled."""
        while True:
            try:
                await self.look()
            except Exception:
                log.exception("self-check.failed")
            await asyncio.sleep(EVERY)

    async def look(self) -> None:
        """Refresh the figures once. Raises what the database raises."""
        self._note_rounds()
        await self._figures()
        self._looked = self._seconds()

    def _note_rounds(self) -> None:
        for name, pulse in self._pulses.items():
            if pulse.rounds != self._moved[name][0]:
                self._moved[name] = (pulse.rounds, self._seconds())

    async def _figures(self) -> None:
        loops = self._metrics.loops
        for name, owed in self._owed.items():
            due = await owed.next_due()
            late = 0.0 if due is None else (self._clock.now() - due).total_seconds()
            loops.overdue_seconds[name] = max(0.0, late)
        seen = await environments(self._ledger, self._in_force.policy)
        loops.colours = {e.name: e.colour.value for e in seen}
        loops.open_requests = await self._ledger.read(lambda tx: len(tx.requests.open()))

    async def health(self) -> Health:
        """The state of now: the database is asked and the loops are looked at; what is overdue is from the last look,
        and a look too long ago is an error itself."""
        errors = tuple(self._standstill())
        checks = {
            "database": await self._database(),
            "memory": memory_mb() < MEMORY_LIMIT_MB,
            "loops": not errors,
        }
        if self._connected is not None:
            checks["websocket"] = self._connected() > 0
        return Health(checks=checks, errors=errors)

    def _standstill(self) -> Iterator[str]:
        self._note_rounds()
        now = self._seconds()
        for name, (_, at) in self._moved.items():
            if now - at > STALLED:
                yield f"the {name} loop has not gone round for {now - at:.0f} s"
        for name, late in self._metrics.loops.overdue_seconds.items():
            if late > OVERDUE:
                yield f"{name} are overdue by {late:.0f} s"
        if now - self._looked > STALLED:
            yield f"what is overdue was last looked up {now - self._looked:.0f} s ago"

    async def _database(self) -> bool:
        try:
            async with asyncio.timeout(3):
                await self._ledger.read(lambda tx: tx.trail.entries(limit=1))
        except Exception:
            log.exception("self-check.database")
            return False
        return True


def memory_mb() -> float:
    """The resident memory of this process in MB; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
