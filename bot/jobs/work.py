"""The loops' common part: claim what is owed, keep its lease while it is worked on, put off what failed."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar

import structlog

from bot.domain.owed import Claimed
from bot.ports import Clock, Owed

T = TypeVar("T")
log = structlog.get_logger(__name__)

LOOK_AGAIN = 1.0  # seconds: another process, such as the command line, may have left work
RENEW_EVERY = 5.0  # seconds; a quarter of a lease
AT_ONCE = 128  # lanes; one may be held for as long as a deployment takes
BEAT = 5.0  # seconds: a loop that rests is seen to go round this often
LONGEST_WAIT = timedelta(minutes=5)


def backoff(attempts: int) -> timedelta:
    """1, 2, 4 … seconds, and five minutes at most."""
    return min(timedelta(seconds=2 ** min(attempts - 1, 16)), LONGEST_WAIT)


@dataclass(slots=True)
class Pulse:
    """When a loop last went round, for readiness and metrics."""

    patience: float = 30.0
    """Seconds that a round may take until the loop counts as standing still."""

    rounds: int = 0
    working: int = 0
    done: int = 0
    failed: int = 0


async def rest(pulse: Pulse, seconds: float | None, bell: asyncio.Event) -> None:
    """Wait until it rings or so long (None: for ever), and be seen to go round meanwhile."""
    clock = asyncio.get_running_loop().time
    end = None if seconds is None else clock() + seconds
    while not bell.is_set():
        pulse.rounds += 1
        left = BEAT if end is None else min(BEAT, end - clock())
        if left <= 0:
            return
        with contextlib.suppress(TimeoutError):  # not wait_for: Python 3.11's can swallow a cancellation
            async with asyncio.timeout(left):
                await bell.wait()


async def look_again_and_again(
    look: Callable[[], Awaitable[object]],
    pulse: Pulse,
    seconds: float,
    changed: asyncio.Event,
    *,
    failed: str,
) -> None:
    """Look at once, after so long and whenever it changed, until cancelled. A look that raises is counted, logged as
    `failed`, and made again."""
    while True:
        changed.clear()
        try:
            await look()
        except Exception:
            pulse.failed += 1
            log.exception(failed)
        await rest(pulse, seconds, changed)


class Worker(Generic[T]):
    """Claims owed items and gives each to `work`: one at a time in a lane, at most AT_ONCE lanes at once.

    `work` says itself what came of an item (finish, put off, give up); one that raises is put off. Lanes do not
    wait for each other.
    """

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
        self._held: dict[str, Claimed[T]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.bell = asyncio.Event()
        self.pulse = Pulse()

    async def run(self) -> None:
        """Go round until cancelled; then stop what is under way (its lease ends and it is taken up again)."""
        renewing = asyncio.create_task(self._renew(), name=f"{self._name}-leases")
        try:
            while True:
                self.bell.clear()  # before looking: what is committed from here on rings again
                await self._round()
        finally:
            tasks = [renewing, *self._tasks]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _round(self) -> None:
        """Claim what can be claimed; where that is nothing, wait until it may be something."""
        self.pulse.rounds += 1
        looked_at = self._clock.now()
        claimed: list[Claimed[T]] = []
        try:
            if (free := AT_ONCE - len(self._held)) > 0:
                claimed = await self._owed.claim(limit=free, busy=frozenset(self._held))
            due = None if claimed else await self._owed.next_due()
        except Exception:
            log.exception("claim.failed", loop=self._name)
            due = None
        for each in claimed:
            self._take_up(each)
        if not claimed:
            # What was due when we looked waits for its lane, whose end rings; the rest has an instant.
            later = due is not None and due > looked_at
            wait = (due - self._clock.now()).total_seconds() if due is not None and later else LOOK_AGAIN
            await self._sleep(min(max(wait, 0.0), LOOK_AGAIN))

    def _take_up(self, claimed: Claimed[T]) -> None:
        lane = self._lane(claimed.item)
        self._held[lane] = claimed
        task = asyncio.create_task(self._hold(lane, claimed), name=f"{self._name}-{lane}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _hold(self, lane: str, claimed: Claimed[T]) -> None:
        self.pulse.working += 1
        try:
            await self._one(claimed)
        finally:
            self.pulse.working -= 1
            self._held.pop(lane, None)
            self.bell.set()

    async def _one(self, claimed: Claimed[T]) -> None:
        try:
            await self._work(claimed)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            await self._failed(claimed, error)  # something inside was cancelled, not this loop
        except Exception as error:  # noqa: BLE001  -- logged and put off in _failed
            await self._failed(claimed, error)
        else:
            self.pulse.done += 1

    async def _failed(self, claimed: Claimed[T], error: BaseException) -> None:
        self.pulse.failed += 1
        log.error("work.failed", loop=self._name, attempts=claimed.attempts, exc_info=error)
        until = self._clock.now() + backoff(claimed.attempts)
        try:
            await self._owed.put_off(claimed, until=until, code=type(error).__name__)
        except Exception:
            # The database is away too: the lease ends by itself, and then it is taken up again.
            log.exception("put-off.failed", loop=self._name)

    async def _sleep(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.bell.wait()

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW_EVERY)
            if held := list(self._held.values()):
                try:
                    await self._owed.renew(held)
                except Exception:
                    log.exception("renew.failed", loop=self._name)
