"""Fetches the policy's calendars: each address on its own schedule, whatever the others do."""

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

import structlog

from bot.domain.feed import FeedState, Fetched
from bot.flows.keep_feed import keep
from bot.flows.living_calendar import COPIES
from bot.jobs.work import Pulse, rest
from bot.policy import Policy
from bot.policy.feeds import FeedRule
from bot.ports import Clock, Ledger, PolicyInForce

log = structlog.get_logger(__name__)

LOOK_AGAIN: Final = 1.0  # seconds between two looks at the clock, which may jump
FIRST_RETRY: Final = timedelta(seconds=10)
AT_ONCE: Final = 50  # fetches under way at the same time
GRACE: Final = 120.0  # seconds after which a fetch is given up that does not keep its own limit
EARLIER: Final = (
    0.1  # of its refresh that an address may be ahead of time, so that not all are fetched at once
)


class Fetcher(Protocol):
    """Fetches one address once; never raises, and never takes long."""

    async def fetch(
        self, url: str, *, allow_private: bool, etag: str | None = None, last_modified: str | None = None
    ) -> Fetched: ...


class Feeds:
    """One task for each address of the policy in force; a reload replaces them."""

    def __init__(self, ledger: Ledger, in_force: PolicyInForce, fetcher: Fetcher, clock: Clock) -> None:
        self._ledger = ledger
        self._in_force = in_force
        self._fetcher = fetcher
        self._clock = clock
        self._slots = asyncio.Semaphore(AT_ONCE)
        self.changed = asyncio.Event()
        self.pulse = Pulse()

    async def run(self) -> None:
        """Fetch until cancelled."""
        while True:
            self.changed.clear()
            policy = self._in_force.policy
            async with asyncio.TaskGroup() as tasks:
                fetching = [tasks.create_task(self._follow(policy, feed)) for feed in addresses(policy)]
                await rest(self.pulse, None, self.changed)
                for task in fetching:
                    task.cancel()

    async def _follow(self, policy: Policy, feed: FeedRule) -> None:
        while True:
            failed = False
            try:
                state = await self._ledger.read(lambda tx: tx.feeds.get(feed.url))
                # A clock that was put back must not have it wait for the time that it had reached.
                await self._until(min(due(feed, state), self._clock.now() + feed.refresh))
                await self._fetch(policy, feed, state)
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise
                failed = True  # something inside was cancelled: to pass it on would end this feed for good
            except Exception as error:  # noqa: BLE001 -- named without its text, which may hold the address
                failed = True
                log.error("feed.failed", feed=feed.name, error=type(error).__name__)  # noqa: TRY400
            if failed:
                self.pulse.failed += 1
                await self._until(self._clock.now() + FIRST_RETRY)

    async def _fetch(self, policy: Policy, feed: FeedRule, state: FeedState | None) -> None:
        # Only a copy that can be read is worth hearing that it did not change.
        usable = state is not None and state.digest is not None and COPIES.get(state.digest) is not None
        async with self._slots, asyncio.timeout(GRACE):
            fetched = await self._fetcher.fetch(
                feed.url,
                allow_private=feed.allow_private,
                etag=state.etag if state is not None and usable else None,
                last_modified=state.last_modified if state is not None and usable else None,
            )
        await keep(self._ledger, policy, feed, fetched)
        self.pulse.done += 1
        if fetched.code not in {"ok", "not-modified"}:
            log.warning("feed.problem", feed=feed.name, code=fetched.code)

    async def _until(self, instant: datetime) -> None:
        """Wait for an instant of the clock, however the clock comes to it."""
        while (left := (instant - self._clock.now()).total_seconds()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(min(left, LOOK_AGAIN))


def addresses(policy: Policy) -> list[FeedRule]:
    """One feed for each address, the one that asks most often: two freezes may come from the same calendar, and one
    that may not lie in a private network keeps the other from it."""
    found: dict[str, FeedRule] = {}
    for feed in sorted(policy.feeds, key=lambda each: (each.allow_private, each.refresh)):
        found.setdefault(feed.url, feed)
    return list(found.values())


def due(feed: FeedRule, state: FeedState | None) -> datetime:
    """When the address is asked next. After a failure sooner, but less and less so; never later than its refresh."""
    if state is None:
        return datetime.min.replace(tzinfo=UTC)
    if state.failures:
        return state.checked_at + min(feed.refresh, FIRST_RETRY * (1 << min(state.failures - 1, 16)))
    return state.checked_at + feed.refresh * (1 - EARLIER * phase(feed.url))


def phase(url: str) -> float:
    """A fixed fraction in [0, 1) for each address."""
    return int.from_bytes(hashlib.sha256(url.encode()).digest()[:4]) / 2**32
