"""The loops' common part: claim what is owed, keep its lease while it is worked on, put off what failed."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Generic, TypeVar

import structlog

from bot.domain.owed import Claimed
from bot.ports import Clock, Owed

T = TypeVar("T")
log = structlog.get_logger(__name__)

LOOK_AGAIN = 1.0  # seconds: another process, such as the command line, may have left work
RENEW_EVERY = 5.0
AT_ONCE = 32
LONGEST_WAIT = timedelta(minutes=5)


def backoff(attempts: int) -> timedelta:
    """1, 2, 4 … seconds, and five minutes at most."""
    return min(timedelta(seconds=2 ** min(attempts - 1, 16)), LONGEST_WAIT)


@dataclass(slots=True)
class Pulse:
    """When a loop last went round, for readiness and metrics."""

    rounds: int = 0
    working: int = 0
    done: int = 0
    failed: int = 0


@dataclass(slots=True)
class Lanes(Generic[T]):
    """What is being worked on, by lane; lanes do not wait for each other."""

    held: dict[str, list[Claimed[T]]] = field(default_factory=dict)

    @property
    def busy(self) -> frozenset[str]:
        return frozenset(self.held)

    def all(self) -> list[Claimed[T]]:
        return [claimed for lane in self.held.values() for claimed in lane]


class Worker(Generic[T]):
    """Claims owed items and gives each lane's items, in order, to `work`, with at most AT_ONCE lanes at once."""

    def __init__(
        self,
        name: str,
        owed: Owed[T],
        clock: Clock,
        *,
        lane: Callable[[T], str],
        work: Callable[[Claimed[T]], Awaitable[None]],
    ) -> None:
        self._name = name
        self._owed = owed
        self._clock = clock
        self._lane = lane
        self._work = work
        self._lanes: Lanes[T] = Lanes()
        self._tasks: set[asyncio.Task[None]] = set()
        self.bell = asyncio.Event()
        self.pulse = Pulse()

    async def run(self) -> None:
        """Go round until cancelled; then stop what is under way (its lease ends and it is taken up again)."""
        renewing = asyncio.create_task(self._renew(), name=f"{self._name}-leases")
        try:
            while True:
                self.bell.clear()
                await self._round()
                await self._sleep()
        finally:
            renewing.cancel()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(renewing, *self._tasks, return_exceptions=True)

    async def _round(self) -> None:
        self.pulse.rounds += 1
        free = AT_ONCE - len(self._lanes.held)
        if free <= 0:
            return
        try:
            claimed = await self._owed.claim(limit=free, busy=self._lanes.busy)
        except Exception:
            log.exception("claim.failed", loop=self._name)
            return
        by_lane: dict[str, list[Claimed[T]]] = {}
        for c in claimed:
            by_lane.setdefault(self._lane(c.item), []).append(c)
        for lane, items in by_lane.items():
            self._lanes.held[lane] = items
            task = asyncio.create_task(self._lane_through(lane, items), name=f"{self._name}-{lane}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _lane_through(self, lane: str, items: Iterable[Claimed[T]]) -> None:
        try:
            for claimed in items:
                await self._one(claimed)
        finally:
            self._lanes.held.pop(lane, None)
            self.bell.set()

    async def _one(self, claimed: Claimed[T]) -> None:
        self.pulse.working += 1
        try:
            await self._work(claimed)
            self.pulse.done += 1
        except Exception as error:
            self.pulse.failed += 1
            wait = backoff(claimed.attempts)
            log.exception("work.failed", loop=self._name, attempts=claimed.attempts)
            with contextlib.suppress(Exception):  # its lease ends by itself if the database is away too
                until = self._clock.now() + wait
                await self._owed.put_off(claimed, until=until, code=type(error).__name__)
        finally:
            self.pulse.working -= 1

    async def _sleep(self) -> None:
        wait = LOOK_AGAIN
        with contextlib.suppress(Exception):
            due = await self._owed.next_due()
            if due is not None:
                wait = min(wait, max(0.01, (due - self._clock.now()).total_seconds()))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await self.bell.wait()

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW_EVERY)
            if held := self._lanes.all():
                try:
                    await self._owed.renew(held)
                except Exception:
                    log.exception("renew.failed", loop=self._name)
