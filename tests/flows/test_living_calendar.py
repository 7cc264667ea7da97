"""The calendar that decides is the one of the transaction that decides: copies, declared freezes and staleness."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.calendar import Verdict
from bot.domain.feed import FeedState
from bot.flows import living_calendar
from bot.flows.keep_feed import keep
from bot.flows.living_calendar import Copies, Living, living, recall
from bot.policy.ics import IcsFile
from tests.flows.feed_text import EMPTY, LATER, TODAY, URL, WITH_FEED, digest, feed, good
from tests.flows.world import DAY, World

pytestmark = pytest.mark.requirement("P6")


@pytest.fixture(autouse=True)
async def _with_a_feed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(living_calendar, "COPIES", Copies())
    await world.reload(WITH_FEED)


async def now(world: World) -> Living:
    return await world.ledger.read(lambda tx: living(tx, world.policy))


async def verdict(world: World) -> Verdict:
    """Of a Tuesday at noon UTC, the middle of a window."""
    return (await now(world)).calendar.at(world.clock.now(), environment="production").verdict


async def test_the_next_transaction_sees_a_new_copy(world: World) -> None:
    assert await verdict(world) is Verdict.PREFERRED
    await keep(world.ledger, world.policy, feed(world), good(TODAY))
    assert await verdict(world) is Verdict.PROHIBITED
    await keep(world.ledger, world.policy, feed(world), good(LATER))
    assert await verdict(world) is Verdict.PREFERRED


async def test_a_decision_with_the_same_rules_compiles_nothing_anew(world: World) -> None:
    await keep(world.ledger, world.policy, feed(world), good(TODAY))
    assert (await now(world)).calendar is (await now(world)).calendar


async def test_staleness_follows_from_time_alone(world: World) -> None:
    before = await now(world)
    assert [status.stale_at(world.clock.now()) for status in before.feeds] == [True]  # never fetched
    await keep(world.ledger, world.policy, feed(world), good(TODAY))
    (status,) = (await now(world)).feeds
    fetched = world.clock.now()
    assert (status.name, status.fetched_at, status.problem, status.readable) == (
        "upstream",
        fetched,
        None,
        True,
    )
    assert not status.stale_at(fetched + DAY)
    assert status.stale_at(fetched + DAY + timedelta(microseconds=1))
    assert status.covers("production", "checkout")
    assert not status.covers("staging", "checkout")


async def test_a_stale_feed_keeps_its_events(world: World) -> None:
    await keep(world.ledger, world.policy, feed(world), good(LATER))
    world.clock.advance(7 * DAY)
    found = await now(world)
    assert found.feeds[0].stale_at(world.clock.now())
    assert found.calendar.at(world.clock.now(), environment="production").verdict is Verdict.PROHIBITED


async def test_a_policy_that_drops_the_feed_drops_its_rule(world: World) -> None:
    await keep(world.ledger, world.policy, feed(world), good(TODAY))
    assert await verdict(world) is Verdict.PROHIBITED
    await world.reload()
    assert await verdict(world) is Verdict.PREFERRED
    assert (await now(world)).feeds == ()


async def test_the_policys_digest_does_not_follow_the_feed(world: World) -> None:
    before = world.policy.digest
    await keep(world.ledger, world.policy, feed(world), good(TODAY))
    await world.reload(WITH_FEED)
    assert world.policy.digest == before


async def test_the_last_good_copy_survives_a_restart(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await keep(world.ledger, world.policy, feed(world), good(TODAY))
    await world.restart()
    monkeypatch.setattr(living_calendar, "COPIES", Copies())
    assert await verdict(world) is Verdict.PROHIBITED


async def test_what_was_recalled_is_not_read_in_a_transaction(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keep(world.ledger, world.policy, feed(world), good(TODAY))
    monkeypatch.setattr(living_calendar, "COPIES", Copies())
    await recall(world.ledger, world.policy)

    def never(_: bytes, __: str) -> IcsFile:
        raise AssertionError("it was read again")

    monkeypatch.setattr(living_calendar, "parse_ics", never)
    assert [status.readable for status in (await now(world)).feeds] == [True]
    await recall(world.ledger, world.policy)


async def test_a_copy_that_this_version_cannot_read_is_stale_and_read_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = b"what an older version took"
    state = FeedState(
        url=URL, checked_at=world.clock.now(), fetched_at=world.clock.now(), digest=digest(broken)
    )
    await world.ledger.write(lambda tx: tx.feeds.keep(state, broken))
    read = []

    def counting(body: bytes, name: str) -> IcsFile:
        read.append(name)
        raise ValueError(body)

    monkeypatch.setattr(living_calendar, "parse_ics", counting)
    for _ in range(3):
        (status,) = (await now(world)).feeds
        assert (status.readable, status.stale_at(world.clock.now())) == (False, True)
    assert read == ["upstream"]
    await world.ledger.write(lambda tx: tx.feeds.keep(replace(state, digest=None)))
    assert [status.readable for status in (await now(world)).feeds] == [False]


def test_the_memory_of_copies_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(living_calendar, "_COPIES_KEPT", 2)
    copies = Copies()
    for body in (EMPTY, TODAY):
        copies.read(body, "x")
    copies.get(digest(EMPTY))  # looked at: the other is the older now
    copies.read(LATER, "x")
    assert [copies.get(digest(body)) is not None for body in (EMPTY, TODAY, LATER)] == [True, False, True]
