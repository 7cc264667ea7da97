"""Whether the watch itself sees: while our own network is down, what probes fail at is about us, and pages nobody."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final, Protocol

import structlog

from bot.domain.environment import Colour, Reading
from bot.flows.sight import blinded, sees
from bot.jobs.rounds import Post
from bot.policy import FileMonitor
from bot.policy.incidents import Reference
from bot.ports import Ledger, PolicyInForce

log = structlog.get_logger(__name__)

LOOK_EVERY: Final = 5.0
"""Seconds between two looks at the references while the watch is blind."""
LOOK_LIMIT: Final = 5.0
"""Seconds after which a look is over; a reference that keeps its own limit is quicker."""
FEWEST: Final = 5
"""So many probes have to begin to fail together before that is taken for our own blindness."""
ADDRESSES: Final = 2
"""At so many places at least: five probes of one service fail together when that service does."""
_OURS = frozenset({"dns-unavailable", "no-route", "prometheus-unreachable"})
"""Readings that are UNKNOWN because we could not ask; a policy that is wrong is another matter."""


class Reach(Protocol):
    """Asks a reference; never raises, and never takes long."""

    async def reach(self, reference: Reference) -> bool: ...


class Sight:
    """Judges readings by whether the watch sees. A reference decides where the policy names one; a guess where it
    names none: all probes of at least FEWEST began to fail within one interval, and nothing else outside answers."""

    def __init__(
        self,
        ledger: Ledger,
        in_force: PolicyInForce,
        reach: Reach | None,
        answered: Callable[[], float] | None = None,
    ) -> None:
        """`answered`: when something outside that nobody watches answered last, by the loop's clock."""
        self._ledger = ledger
        self._in_force = in_force
        self._reach = reach
        self._answered = answered
        self._guessed_at = float("-inf")
        self._told: bool | None = None  # what was told last; nobody knows at the start
        self._waiting: list[asyncio.Future[None]] = []
        self._wanted = asyncio.Event()
        self._telling = asyncio.Lock()
        self._posts: Sequence[Post] = ()
        self._failing: dict[Post, float] = {}
        self.blind = False

    def watch(self, posts: Iterable[Post]) -> None:
        """The probes there are now. One that was RED already is not among those that begin to fail."""
        self._posts = [post for post in posts if _looks_outside(post)]
        red = (p for p in self._posts if p.watched.state is not None and p.watched.state.colour is Colour.RED)
        self._failing = dict.fromkeys(red, float("-inf"))

    async def judged(self, post: Post, reading: Reading) -> Reading:
        """The reading as it counts: a failure while the watch is blind is UNKNOWN. Waits for a look at the references
        that began after the reading failed; an older one would not know."""
        if not _looks_outside(post):
            return reading
        failed = reading.colour is Colour.RED or reading.code in _OURS
        if self._references:
            if failed:
                await self._look_now()
        elif failed:
            await self._guess(post)
            await self._check_guess()
        else:
            self._failing.pop(post, None)
            if self.blind or self._told is None:
                await self._turn(blind=False)
        return _blind(reading) if failed and self.blind else reading

    async def run(self) -> None:
        """Look at the references whenever a probe fails, and again and again while blind, until cancelled."""
        try:
            while True:
                asked, self._waiting = self._waiting, []
                self._wanted.clear()
                if self._references:
                    await self._look()
                else:
                    await self._check_guess()
                for each in asked:
                    if not each.done():
                        each.set_result(None)
                if not self._waiting:
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(LOOK_EVERY if self.blind else None):
                            await self._wanted.wait()
        finally:
            for each in self._waiting:
                each.cancel()

    @property
    def _references(self) -> tuple[Reference, ...]:
        return () if self._reach is None else self._in_force.policy.monitoring.reference

    async def _look_now(self) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        self._wanted.set()
        await waiter

    async def _look(self) -> None:
        await self._turn(blind=not await self._any_answers())

    async def _any_answers(self) -> bool:
        """Whether some reference answers; the first that does ends the look."""
        if self._reach is None:
            return True
        asking = [asyncio.ensure_future(self._reach.reach(each)) for each in self._references]
        try:
            async with asyncio.timeout(LOOK_LIMIT):
                for answered in asyncio.as_completed(asking):
                    if await answered:
                        return True
        except TimeoutError:
            pass
        except Exception:
            log.exception("reference.failed")
        finally:
            for each in asking:
                each.cancel()
            await asyncio.gather(*asking, return_exceptions=True)
        return False

    async def _guess(self, post: Post) -> None:
        now = asyncio.get_running_loop().time()
        if post in self._failing:
            return
        self._failing[post] = now
        if self.blind or len(self._failing) < len(self._posts):
            return
        window = max(p.every + p.monitor.timeout.total_seconds() for p in self._posts)
        began = [p for p, since in self._failing.items() if now - since <= window]
        if len(began) >= FEWEST and len({p.place for p in began}) >= ADDRESSES:
            self._guessed_at = now
            self._wanted.set()  # from now on the guess is held against what answers
            await self._turn(blind=True)

    async def _check_guess(self) -> None:
        """A guess is wrong where something else outside answered since: then all that is watched did fail."""
        if self.blind and self._answered is not None and self._answered() > self._guessed_at:
            await self._turn(blind=False, because="answered")

    async def _turn(self, *, blind: bool, because: str | None = None) -> None:
        """From now on it is so; told once, and where the database is away, at the next occasion."""
        self.blind = blind
        async with self._telling:
            if self._told is not blind:
                await self._tell(blind=blind, because=because)

    async def _tell(self, *, blind: bool, because: str | None) -> None:
        policy, references, probes = self._in_force.policy, len(self._references), len(self._posts)
        try:
            if not blind:
                await sees(self._ledger, policy, because=because)
            elif not await blinded(self._ledger, policy, references=references, probes=probes):
                return  # it was told a moment ago; if this lasts, it is told again
        except Exception:
            log.exception("sight.not-told", blind=blind)
        else:
            log.info("sight.told", blind=blind, references=references, probes=probes)
            self._told = blind


def _looks_outside(post: Post) -> bool:
    """A status file is read from here, and what it states was found out elsewhere."""
    return not isinstance(post.monitor, FileMonitor)


def _blind(reading: Reading) -> Reading:
    facts = {**reading.facts, "saw": reading.code}
    return replace(reading, colour=Colour.UNKNOWN, code="we-are-blind", facts=facts)
