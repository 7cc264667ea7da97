"""Keep what a feed brought: the last good copy, what is known of its address, and whether people were told that it is
stale."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from pydantic import JsonValue

from bot.domain.audit import Fact
from bot.domain.canonical import digest_of
from bot.domain.feed import FeedState, Fetched
from bot.domain.owed import Timer
from bot.flows import owing
from bot.flows.freeze_moments import look_ahead_soon
from bot.flows.living_calendar import read_copy, recall, status_of
from bot.flows.rollouts import wake_rollouts
from bot.policy import Policy
from bot.policy.feeds import FeedRule
from bot.policy.ics import IcsFile
from bot.ports import Ledger, Transaction

KIND = "feed"
"""The kind of the timer that looks at the instant when a feed turns stale."""
_INSTANT = timedelta(microseconds=1)  # at the age itself it is not stale yet
TOLD = "feed-stale"
"""The surface under which it is remembered that a feed is known to be stale."""


async def keep(ledger: Ledger, policy: Policy, feed: FeedRule, fetched: Fetched) -> None:
    """Record one attempt, for every feed of the policy with this address. A bad answer never replaces a good copy.

    New content is audited (`feed.changed`), and whatever waits in the scope is judged anew; so it is when a feed turns
    stale or well again, of which the approvals channel is told once.
    """
    copy = None
    if fetched.code == "ok" and fetched.body is not None:
        now = await ledger.read(lambda tx: tx.now)
        copy = await asyncio.to_thread(read_copy, policy, fetched.body, feed.url, now)
        if copy is None:
            fetched = Fetched("not-a-calendar")
    feeds = [each for each in policy.feeds if each.url == feed.url]

    def step(tx: Transaction) -> None:
        before = tx.feeds.get(feed.url)
        known = before or FeedState(url=feed.url, checked_at=tx.now)
        after = _after(tx, known, fetched, copy)
        changed = after.digest != known.digest
        tx.feeds.keep(after, fetched.body if changed else None)
        for each in feeds:
            if changed and copy is not None:
                _note_change(tx, each, known, copy)
            turned = _turn(tx, policy, each)
            _look_again(tx, each, after)
            if changed or turned:
                _wake(tx, each)
        if changed:
            look_ahead_soon(tx)

    await ledger.write(step)


async def fire(ledger: Ledger, policy: Policy, name: str) -> None:
    """The instant has come at which the feed of this name may be stale: it is looked at, whatever fetches it or not."""
    feed = next((each for each in policy.feeds if each.name == name), None)
    if feed is None:
        return
    await recall(ledger, policy)

    def step(tx: Transaction) -> None:
        state = tx.feeds.get(feed.url)
        if _turn(tx, policy, feed):
            _wake(tx, feed)
        if state is not None:
            _look_again(tx, feed, state)

    await ledger.write(step)


def _after(tx: Transaction, known: FeedState, fetched: Fetched, copy: IcsFile | None) -> FeedState:
    good = replace(known, checked_at=tx.now, fetched_at=tx.now, problem=None, failures=0)
    if copy is not None:
        return replace(good, digest=copy.digest, etag=fetched.etag, last_modified=fetched.last_modified)
    if fetched.code == "not-modified" and known.digest is not None:
        return good
    # An answer that cannot be used leaves the validators: they still name the copy at hand.
    return replace(known, checked_at=tx.now, problem=fetched.code, failures=known.failures + 1)


def _note_change(tx: Transaction, feed: FeedRule, before: FeedState, copy: IcsFile) -> None:
    facts: dict[str, JsonValue] = {
        "name": feed.name,
        "address": digest_of(feed.url),
        "digest": copy.digest,
        "previous": before.digest,
        "events": copy.events,
        "skipped": copy.skipped,
    }
    tx.trail.record(Fact(type="feed.changed", facts=facts), subject=_subject(feed))


def _look_again(tx: Transaction, feed: FeedRule, state: FeedState) -> None:
    """Set the timer for when the copy at hand turns stale; a later copy has it look again when it fires."""
    if state.fetched_at is not None and not _told_stale(tx, feed):
        due = state.fetched_at + feed.stale_after + _INSTANT
        tx.schedule(Timer(kind=KIND, subject=feed.name, due_at=max(due, tx.now)))


def _turn(tx: Transaction, policy: Policy, feed: FeedRule) -> bool:
    """Tell that the feed turned stale, or well again, where that is new; whether it is."""
    status = status_of(tx, feed)
    stale, told = status.stale_at(tx.now), _told_stale(tx, feed)
    if stale == told:
        return False
    code = "stale" if stale else "well"
    facts: dict[str, JsonValue] = {
        "name": feed.name,
        "since": None if status.fetched_at is None else status.fetched_at.isoformat(),
        "age": None if status.fetched_at is None else int((tx.now - status.fetched_at).total_seconds()),
        "problem": status.problem or (None if status.readable else "no-copy"),
    }
    tx.put_place(_subject(feed), TOLD, {"stale": stale})
    tx.trail.record(Fact(type=f"feed.{code}", facts=facts), subject=_subject(feed))
    owing.channel(
        tx,
        policy.slack.channels.approvals,
        "policy-notice",
        _subject(feed),
        {"code": f"feed-{code}", **facts},
    )
    return True


def _told_stale(tx: Transaction, feed: FeedRule) -> bool:
    told = tx.place(_subject(feed), TOLD)
    return told is not None and told.get("stale") is True


def _wake(tx: Transaction, feed: FeedRule) -> None:
    """Whatever the feed may hold up or set free is judged anew."""
    for request in tx.requests.open():
        if feed.template.scope.covers(request.environment, request.service):
            owing.evaluate_at(tx, request, tx.now)
    wake_rollouts(tx)


def _subject(feed: FeedRule) -> str:
    return f"feed/{feed.name}"
