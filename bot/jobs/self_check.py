"""The bot's view of its own health: database, loops, Slack connection, memory (D3); refreshed every few seconds."""

import asyncio
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog

from bot.domain.blindness import LASTS
from bot.domain.feed import FeedStatus
from bot.domain.health import Health
from bot.flows.inquire import environments
from bot.flows.living_calendar import status_of
from bot.flows.sight import blind_since
from bot.flows.unreached import Unreached, unreached
from bot.jobs.metrics import Metrics
from bot.jobs.work import Pulse
from bot.ports import Clock, Ledger, Owed, PolicyInForce

log = structlog.get_logger(__name__)

EVERY = 5.0  # seconds
STALLED = 30.0  # seconds without a look
OVERDUE = 30.0  # seconds; promise 5
MEMORY_LIMIT_MB = 1024
MOST_NAMED = 5


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
        self.late: Mapping[str, Callable[[], float]] = {}
        """By how many seconds what a loop reads is behind: a figure, and no trouble of ours, for one slow host can cause
        it."""
        self.behind: Callable[[], float] = lambda: 0.0
        """By how many seconds the watch is behind for reasons of its own."""
        self._metrics = metrics
        self._connected = connected
        self._seconds = seconds
        began = seconds()
        self._moved = {name: (pulse.rounds, began) for name, pulse in pulses.items()}
        self._looked = began  # when the figures were last refreshed
        self._feeds: tuple[str, ...] = ()
        self._unreached: tuple[Unreached, ...] = ()
        self._blind: float | None = None

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
        loops.late_seconds = {name: max(0.0, seconds()) for name, seconds in self.late.items()}
        seen = await environments(self._ledger, self._in_force.policy)
        loops.colours = {e.name: e.colour.value for e in seen}
        loops.open_requests = await self._ledger.read(lambda tx: len(tx.requests.open()))
        await self._feed_figures()
        await self._silence()

    async def _silence(self) -> None:
        """What nobody would hear of: trouble that is not seen, and pages that reach nobody."""
        policy = self._in_force.policy
        self._unreached = await self._ledger.read(lambda tx: unreached(tx, policy))
        since = await self._ledger.read(blind_since)
        self._blind = None if since is None else (self._clock.now() - since).total_seconds()

    async def _feed_figures(self) -> None:
        policy = self._in_force.policy
        now = self._clock.now()
        seen = await self._ledger.read(lambda tx: [status_of(tx, feed) for feed in policy.feeds])
        self._feeds = tuple(line for feed in seen if (line := feed_trouble(feed, now)))
        self._metrics.loops.feeds = {
            feed.name: (None if feed.fetched_at is None else now - feed.fetched_at, feed.stale_at(now))
            for feed in seen
        }

    async def health(self) -> Health:
        """The state of now: the database is asked and the loops are looked at; what is overdue is from the last look,
        and a look too long ago is an error itself."""
        standstill = tuple(self._standstill())
        checks = {
            "database": await self._database(),
            "memory": memory_mb() < MEMORY_LIMIT_MB,
            "loops": not standstill,
            "watch": not (unseen := tuple(self._unseen())),
            "pages": not (untold := tuple(_untold(self._unreached))),
        }
        if self._connected is not None:
            checks["websocket"] = self._connected() > 0
        # A feed in trouble is told, and takes nothing out of service: its gate is closed, and everything else works.
        return Health(checks=checks, errors=(*standstill, *unseen, *untold, *self._feeds))

    def _unseen(self) -> Iterator[str]:
        if self._blind is not None and self._blind > LASTS.total_seconds():
            yield f"monitoring has been blind for {self._blind:.0f} s"
        if (behind := self.behind()) > OVERDUE:
            yield f"readings are behind by {behind:.0f} s"

    def _standstill(self) -> Iterator[str]:
        self._note_rounds()
        now = self._seconds()
        for name, (_, at) in self._moved.items():
            if now - at > self._pulses[name].patience:
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


def _untold(found: Sequence[Unreached]) -> Iterator[str]:
    for each in found[:MOST_NAMED]:
        yield f"{each.incident} has been paged for {each.age.total_seconds():.0f} s, and nobody was reached"
    if len(found) > MOST_NAMED:
        yield f"nobody was reached for {len(found) - MOST_NAMED} more"


def feed_trouble(feed: FeedStatus, now: datetime) -> str | None:
    """What there is to say of a feed that is stale, or failed at the last attempt; by its code, as it is kept."""
    code = "" if feed.problem is None else f" (last attempt: {feed.problem})"
    if not feed.stale_at(now):
        return (
            f"the feed {feed.name} could not be fetched; its last good copy still holds{code}"
            if code
            else None
        )
    if feed.fetched_at is None:
        return f"the feed {feed.name} was never fetched, so its calendar gate is closed{code}"
    age = (now - feed.fetched_at).total_seconds()
    return f"the feed {feed.name} is stale, so its calendar gate is closed: last good {age:.0f} s ago{code}"


def memory_mb() -> float:
    """The resident memory of this process in MB; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
