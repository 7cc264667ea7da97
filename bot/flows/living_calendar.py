"""The calendar that decides: the policy's rules, the freezes that people declared, and the last good copies of what
is fetched. Whoever judges an instant asks here, in the transaction that decides."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Lock
from typing import Final
from weakref import WeakKeyDictionary

from bot.domain.calendar import EARLIEST, LATEST, Calendar, CalendarVerdict, Effect, Rule, Verdict
from bot.domain.calendar.memory import Memory
from bot.domain.canonical import sha256
from bot.domain.feed import FeedState, FeedStatus
from bot.policy import Policy
from bot.policy.feeds import FeedRule
from bot.policy.ics import IcsFile, parse_ics
from bot.ports import Ledger, Transaction

LOOKS_BACK: Final = timedelta(days=8)
"""Freezes that ended longer ago decide nothing any more: the longest look back is this week's strip."""
_COPIES_KEPT: Final = 256
_LOOKS_ON: Final = timedelta(days=31)
"""Other gates than the calendar's send a decision this far ahead at most: a soak ends, say."""
_MOST_STEPS: Final = 16
"""So many instants after each other at which something closed changes are compiled for one decision."""
_MOST_LOOKED_AT: Final = 512
_LOOKED_AT: Final[WeakKeyDictionary[Calendar, Memory[tuple[object, ...], bool]]] = WeakKeyDictionary()
"""What `compiled` followed, on the event loop alone. It goes with its calendar: what that compiled takes much room."""


@dataclass(frozen=True, slots=True)
class Living:
    """A calendar and how far its fetched parts can be believed."""

    calendar: Calendar
    feeds: tuple[FeedStatus, ...]


def living(tx: Transaction, policy: Policy) -> Living:
    """The calendar as of this transaction. To ask twice for the same rules compiles nothing anew."""
    undeclared = with_feeds(tx, policy)
    spoken = (freeze.rule() for freeze in tx.freezes.since(tx.now - LOOKS_BACK))
    declared = [rule for rule in spoken if rule is not None]
    # In two layers: a freeze that is declared compiles itself alone, and nothing of what was fetched.
    return replace(undeclared, calendar=undeclared.calendar.with_rules(declared))


def with_feeds(tx: Transaction, policy: Policy) -> Living:
    """The same without what people declared: the policy's rules and what is fetched for it."""
    fetched = []
    statuses = []
    for feed in policy.feeds:
        state = tx.feeds.get(feed.url)
        rule = None if state is None else _rule(tx, feed, state)
        if rule is not None:
            fetched.append(rule)
        statuses.append(_status(feed, state, readable=rule is not None))
    return Living(policy.calendar.with_rules(fetched), tuple(statuses))


async def prepare(
    ledger: Ledger, policy: Policy, environment: str, service: str, *instants: datetime
) -> None:
    """Have everything compiled that a decision about now and these instants will look at.

    Before the transaction that decides: compiling takes up to seconds, and on PostgreSQL a transaction runs on the
    event loop. Only what was declared between the two is compiled in it, which takes a few milliseconds.
    """
    calendar, now = await ledger.read(lambda tx: (living(tx, policy).calendar, tx.now))
    await compiled(calendar, environment, service, now, *instants)


class Uncompiled(Exception):  # noqa: N818 -- it names what was found
    """A transaction would have to compile what `calendar` says at `instant`: it is given up, and repeated after."""

    def __init__(self, calendar: Calendar, instant: datetime) -> None:
        super().__init__("not compiled yet")
        self.calendar = calendar
        self.instant = instant


async def compiled(calendar: Calendar, environment: str, service: str, *instants: datetime) -> None:
    """Have compiled, in a thread, what a decision about these instants looks at. Nothing but a look where it is."""
    asked = (*instants, min(max(instants), LATEST) + _LOOKS_ON)
    # What was followed within this hour is not followed again: a decision asks for it each time.
    key = (environment, service, *(each.replace(minute=0, second=0, microsecond=0) for each in asked))
    looked_at = _LOOKED_AT.setdefault(calendar, Memory(_MOST_LOOKED_AT))
    if looked_at.knows(key):
        return

    def followed(*, compiles: bool) -> bool:
        return all(_followed(calendar, environment, service, each, compiles=compiles) for each in asked)

    if not followed(compiles=False):
        await asyncio.to_thread(followed, compiles=True)
    looked_at.get(key, lambda: True)


def _followed(
    calendar: Calendar, environment: str, service: str, instant: datetime, *, compiles: bool
) -> bool:
    """Look at an instant and, while it is closed then, at the end of what closes it. False where that is not to
    compile anything, and would have to."""
    at: datetime | None = instant
    for _ in range(_MOST_STEPS):
        if at is None or not EARLIEST <= at < LATEST:
            break
        if not (compiles or calendar.is_compiled(at, environment=environment, service=service)):
            return False
        at = _leads_to(calendar.at(at, environment=environment, service=service))
    return True


def _leads_to(verdict: CalendarVerdict) -> datetime | None:
    if verdict.verdict is Verdict.PROHIBITED:
        ends = (rule.until for rule in verdict.rules if rule.effect is Effect.PROHIBIT)
        return verdict.next_change or max((end for end in ends if end is not None), default=None)
    return verdict.next_allowed if verdict.verdict is Verdict.DISCOURAGED else None


def status_of(tx: Transaction, feed: FeedRule) -> FeedStatus:
    """How far one feed can be believed."""
    state = tx.feeds.get(feed.url)
    return _status(feed, state, readable=state is not None and _rule(tx, feed, state) is not None)


async def recall(ledger: Ledger, policy: Policy) -> None:
    """Read the last good copies of a policy's feeds, so that the first transaction does not have to; in a thread."""

    def unread(tx: Transaction) -> tuple[datetime, list[tuple[bytes, FeedRule]]]:
        found = []
        for feed in policy.feeds:
            state = tx.feeds.get(feed.url)
            if state is not None and state.digest is not None and not COPIES.knows(state.digest):
                found.append((tx.feeds.body(feed.url), feed))
        return tx.now, [(body, feed) for body, feed in found if body is not None]

    now, bodies = await ledger.read(unread)
    for body, feed in bodies:
        await asyncio.to_thread(read_copy, policy, body, feed.url, now)


def read_copy(policy: Policy, body: bytes, url: str, now: datetime) -> IcsFile | None:
    """Read the bytes of an address, and work out when its events are, so that no transaction has to: in a thread.
    None for bytes that cannot be used."""
    feeds = [feed for feed in policy.feeds if feed.url == url]
    copy = COPIES.read(body, feeds[0].name if feeds else "the feed")
    if copy is not None:
        for feed in feeds:
            policy.calendar.warm_rule(feed.rule(copy), now)
    return copy


def _rule(tx: Transaction, feed: FeedRule, state: FeedState) -> Rule | None:
    """The feed's rule with the events of its last good copy; None where there is none that can be read."""
    if state.digest is None:
        return None
    copy = COPIES.get(state.digest)
    if copy is None and not COPIES.knows(state.digest):
        body = tx.feeds.body(feed.url)
        copy = None if body is None else COPIES.read(body, feed.name)
    return None if copy is None else feed.rule(copy)


def _status(feed: FeedRule, state: FeedState | None, *, readable: bool) -> FeedStatus:
    scope = feed.template.scope
    return FeedStatus(
        name=feed.name,
        environments=scope.environments,
        services=scope.services,
        fetched_at=None if state is None else state.fetched_at,
        stale_after=feed.stale_after,
        problem=None if state is None else state.problem,
        readable=readable,
    )


class Copies:
    """Calendars that were read already, by the digest of their bytes: a pure memory, shared by all threads."""

    def __init__(self) -> None:
        # None for bytes that cannot be used, kept by a version that took what this one does not.
        self._kept: OrderedDict[str, IcsFile | None] = OrderedDict()
        self._lock = Lock()

    def get(self, digest: str) -> IcsFile | None:
        """The calendar with these bytes, where it was read before and could be."""
        with self._lock:
            found = self._kept.get(digest)
            if found is not None:
                self._kept.move_to_end(digest)
            return found

    def knows(self, digest: str) -> bool:
        """Whether these bytes were read before, whatever came of it."""
        with self._lock:
            return digest in self._kept

    def read(self, body: bytes, name: str) -> IcsFile | None:
        """Read and keep a calendar; None for bytes that are none."""
        try:
            copy = parse_ics(body, name)
        except ValueError:
            copy = None
        with self._lock:
            self._kept[sha256(body)] = copy
            while len(self._kept) > _COPIES_KEPT:
                self._kept.popitem(last=False)
        return copy


COPIES: Final = Copies()
