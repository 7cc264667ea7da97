"""The calendar that decides: the policy's rules, the freezes that people declared, and the last good copies of what
is fetched. Whoever judges an instant asks here, in the transaction that decides."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta
from threading import Lock
from typing import Final

from bot.domain.calendar import Calendar, Rule
from bot.domain.feed import FeedState, FeedStatus
from bot.policy import Policy
from bot.policy.feeds import FeedRule
from bot.policy.ics import IcsFile, parse_ics
from bot.ports import Transaction

LOOKS_BACK: Final = timedelta(days=8)
"""Freezes that ended longer ago decide nothing any more: the longest look back is this week's strip."""
_COPIES_KEPT: Final = 64


@dataclass(frozen=True, slots=True)
class Living:
    """A calendar and how far its fetched parts can be believed."""

    calendar: Calendar
    feeds: tuple[FeedStatus, ...]


def living(tx: Transaction, policy: Policy) -> Living:
    """The calendar as of this transaction. To ask twice for the same rules compiles nothing anew."""
    declared = (freeze.rule() for freeze in tx.freezes.since(tx.now - LOOKS_BACK))
    rules = [rule for rule in declared if rule is not None]
    statuses = []
    for feed in policy.feeds:
        state = tx.feeds.get(feed.url)
        rule = None if state is None else _rule(tx, feed, state)
        if rule is not None:
            rules.append(rule)
        statuses.append(_status(feed, state, readable=rule is not None))
    return Living(policy.calendar.with_rules(rules), tuple(statuses))


def _rule(tx: Transaction, feed: FeedRule, state: FeedState) -> Rule | None:
    """The feed's rule with the events of its last good copy; None where there is none that can be read."""
    if state.digest is None:
        return None
    copy = COPIES.get(state.digest)
    if copy is None:
        body = tx.feeds.body(feed.url)
        try:
            copy = None if body is None else COPIES.read(body, feed.name)
        except ValueError:  # kept by a version that took what this one does not
            copy = None
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
        self._kept: OrderedDict[str, IcsFile] = OrderedDict()
        self._lock = Lock()

    def get(self, digest: str) -> IcsFile | None:
        """The calendar with these bytes, where it was read before."""
        with self._lock:
            found = self._kept.get(digest)
            if found is not None:
                self._kept.move_to_end(digest)
            return found

    def read(self, body: bytes, name: str) -> IcsFile:
        """Read and keep a calendar. Raises ValueError with a sentence for bytes that are none."""
        copy = parse_ics(body, name)
        with self._lock:
            self._kept[copy.digest] = copy
            while len(self._kept) > _COPIES_KEPT:
                self._kept.popitem(last=False)
        return copy


COPIES: Final = Copies()
