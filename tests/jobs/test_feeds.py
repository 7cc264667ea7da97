"""Fetching on a schedule: each address by itself, by the clock, and whatever goes wrong with one is its own affair."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bot.domain.canonical import sha256
from bot.domain.feed import FeedState, Fetched
from bot.jobs import feeds
from bot.jobs.feeds import FIRST_RETRY, Feeds, addresses, due, phase
from bot.policy import Policy, parse
from storage.ledger import Ledger
from tests.conftest import NOON, FakeClock
from tests.jobs.conftest import PATIENCE, running, until

pytestmark = pytest.mark.requirement("P6")
TEXT = """
version: 1
timezone: UTC
environments: {production: {}}
calendar:
  freezes:
"""
EMPTY = b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"
MINUTE = timedelta(minutes=1)


def policy(*names: str, more: str = "") -> Policy:
    lines = [
        f"    - {{name: {name}, ics: 'https://{name}.example/secret-4711', refresh: 10m{more}}}\n"
        for name in names
    ]
    return parse(TEXT + "".join(lines), "policy.yaml", {}, Path("/nowhere"))


def url(name: str) -> str:
    return f"https://{name}.example/secret-4711"


@dataclass
class Holder:
    """Implements ports.PolicyInForce."""

    policy: Policy


@dataclass
class FakeFetcher:
    """Implements jobs.feeds.Fetcher: answers as it is told, per address, and counts."""

    answers: dict[str, Callable[[], Awaitable[Fetched]]] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    validators: list[str | None] = field(default_factory=list)

    async def fetch(
        self, url: str, *, allow_private: bool, etag: str | None = None, last_modified: str | None = None
    ) -> Fetched:
        self.asked[url] += 1
        self.validators.append(etag)
        answer = self.answers.get(url)
        return Fetched("ok", EMPTY, etag='"v1"') if answer is None else await answer()

    async def has_asked(self, name: str, times: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while self.asked[url(name)] < times:
                await asyncio.sleep(0.002)


@pytest.fixture(autouse=True)
def _quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "LOOK_AGAIN", 0.002)


@pytest.fixture
def fetcher() -> FakeFetcher:
    return FakeFetcher()


@pytest.fixture
def holder() -> Holder:
    return Holder(policy("one", "two"))


@pytest.fixture
def fetching(sqlite: Ledger, holder: Holder, fetcher: FakeFetcher, clock: FakeClock) -> Feeds:
    return Feeds(sqlite, holder, fetcher, clock)


async def known(ledger: Ledger, name: str) -> FeedState | None:
    return await ledger.read(lambda tx: tx.feeds.get(url(name)))


def failing(code: str) -> Callable[[], Awaitable[Fetched]]:
    async def answer() -> Fetched:
        return Fetched(code)

    return answer


async def hangs() -> Fetched:
    await asyncio.Event().wait()
    raise AssertionError


async def raises() -> Fetched:
    raise KeyError("https://one.example/secret-4711")


async def test_each_address_is_fetched_at_once_and_then_every_refresh(
    sqlite: Ledger, fetching: Feeds, fetcher: FakeFetcher, clock: FakeClock
) -> None:
    async with running(fetching.run):
        await fetcher.has_asked("one", 1)
        await fetcher.has_asked("two", 1)
        await until(lambda: _is_known(sqlite, "one"))
        for _ in range(3):
            await asyncio.sleep(0.02)  # looks that find it not due
        assert fetcher.asked == {url("one"): 1, url("two"): 1}
        clock.advance(timedelta(minutes=10))
        await fetcher.has_asked("one", 2)
        await fetcher.has_asked("two", 2)
    assert set(fetcher.validators) == {None, '"v1"'}


async def _is_known(ledger: Ledger, name: str) -> bool:
    return await known(ledger, name) is not None


async def test_a_restart_fetches_nothing_that_is_fresh(
    sqlite: Ledger, fetching: Feeds, fetcher: FakeFetcher, holder: Holder, clock: FakeClock
) -> None:
    fresh = FeedState(url=url("one"), checked_at=clock.now() - MINUTE, fetched_at=clock.now() - MINUTE)
    await sqlite.write(lambda tx: tx.feeds.keep(fresh))
    async with running(fetching.run):
        await fetcher.has_asked("two", 1)
        await asyncio.sleep(0.05)
        assert fetcher.asked[url("one")] == 0
        clock.advance(10 * MINUTE)
        await fetcher.has_asked("one", 1)


async def test_one_that_hangs_delays_no_other(
    fetching: Feeds, fetcher: FakeFetcher, clock: FakeClock, sqlite: Ledger
) -> None:
    fetcher.answers[url("one")] = hangs
    async with running(fetching.run):
        await fetcher.has_asked("one", 1)
        for times in (1, 2, 3):
            await fetcher.has_asked("two", times)
            await until(lambda: _checked(sqlite, "two", clock.now()))
            clock.advance(10 * MINUTE)
    assert fetcher.asked[url("one")] == 1


async def _checked(ledger: Ledger, name: str, when: datetime) -> bool:
    state = await known(ledger, name)
    return state is not None and state.checked_at == when


async def test_one_that_never_answers_is_given_up(
    fetching: Feeds, fetcher: FakeFetcher, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "GRACE", 0.01)
    fetcher.answers[url("one")] = hangs
    async with running(fetching.run):
        for times in (1, 2, 3):
            await fetcher.has_asked("one", times)
            await until(lambda of=times: _failed(fetching, of))
            clock.advance(FIRST_RETRY)


async def _failed(fetching: Feeds, times: int) -> bool:
    return fetching.pulse.failed >= times


async def test_what_raises_ends_nothing_and_its_text_is_not_logged(
    fetching: Feeds, fetcher: FakeFetcher, clock: FakeClock
) -> None:
    fetcher.answers[url("one")] = raises
    with capture_logs() as logged:
        async with running(fetching.run):
            await fetcher.has_asked("one", 1)
            await until(lambda: _failed(fetching, 1))
            clock.advance(FIRST_RETRY)
            await fetcher.has_asked("one", 2)
            await fetcher.has_asked("two", 1)
    assert {"event": "feed.failed", "feed": "one", "error": "KeyError", "log_level": "error"} in logged
    assert "secret-4711" not in str(logged)


async def test_a_problem_is_logged_by_name_and_code(
    fetching: Feeds, fetcher: FakeFetcher, sqlite: Ledger
) -> None:
    fetcher.answers[url("one")] = failing("http-404")
    with capture_logs() as logged:
        async with running(fetching.run):
            await fetcher.has_asked("one", 1)
            await until(lambda: _is_known(sqlite, "one"))
            await fetcher.has_asked("two", 1)
            await asyncio.sleep(0.02)
    assert {"event": "feed.problem", "feed": "one", "code": "http-404", "log_level": "warning"} in logged
    assert "secret-4711" not in str(logged)


async def test_a_reload_swaps_the_feeds_and_does_not_wait_for_one_that_hangs(
    fetching: Feeds, fetcher: FakeFetcher, holder: Holder
) -> None:
    fetcher.answers[url("one")] = hangs
    async with running(fetching.run):
        await fetcher.has_asked("one", 1)
        holder.policy = policy("three")
        fetching.changed.set()
        await fetcher.has_asked("three", 1)


async def test_a_policy_without_feeds_waits_for_one(
    fetching: Feeds, fetcher: FakeFetcher, holder: Holder
) -> None:
    holder.policy = parse(
        "version: 1\ntimezone: UTC\nenvironments: {production: {}}\n", "p", {}, Path("/nowhere")
    )
    async with running(fetching.run):
        await asyncio.sleep(0.01)
        holder.policy = policy("one")
        fetching.changed.set()
        await fetcher.has_asked("one", 1)


async def test_a_clock_that_is_put_back_does_not_stop_it(
    fetching: Feeds, fetcher: FakeFetcher, clock: FakeClock, sqlite: Ledger
) -> None:
    future = FeedState(url=url("one"), checked_at=clock.now() + timedelta(days=99))
    await sqlite.write(lambda tx: tx.feeds.keep(future))
    async with running(fetching.run):
        await fetcher.has_asked("two", 1)
        async with asyncio.timeout(PATIENCE):  # "one" may read its state after any of these
            while not fetcher.asked[url("one")]:
                clock.advance(10 * MINUTE)
                await asyncio.sleep(0.01)
        assert clock.now() < future.checked_at


async def test_a_copy_that_cannot_be_read_is_fetched_whole(
    fetching: Feeds, fetcher: FakeFetcher, clock: FakeClock, sqlite: Ledger, holder: Holder
) -> None:
    holder.policy = policy("one")
    broken = b"what an older version took"
    state = FeedState(
        url=url("one"), checked_at=clock.now() - 10 * MINUTE, digest=sha256(broken), etag='"old"'
    )
    await sqlite.write(lambda tx: tx.feeds.keep(state, broken))
    async with running(fetching.run):
        await fetcher.has_asked("one", 1)
    assert fetcher.validators == [None]


# When an address is asked next: (failures, seconds after the last attempt)
@pytest.mark.parametrize(
    ("failures", "seconds"), [(1, 10), (2, 20), (3, 40), (6, 320), (7, 600), (30, 600), (10**9, 600)]
)
def test_after_a_failure_it_is_tried_sooner_but_less_and_less_so(failures: int, seconds: int) -> None:
    (feed,) = policy("one").feeds
    state = FeedState(url=feed.url, checked_at=NOON, problem="timeout", failures=failures)
    assert due(feed, state) == NOON + timedelta(seconds=seconds)


def test_addresses_with_one_refresh_drift_apart() -> None:
    names = [f"feed-{n}" for n in range(100)]
    found = {due(each, FeedState(url=each.url, checked_at=NOON)) for each in policy(*names).feeds}
    assert len(found) == 100
    assert min(found) >= NOON + timedelta(minutes=9)
    assert max(found) <= NOON + timedelta(minutes=10)
    assert 0 <= phase(url("one")) < 1


def test_one_address_is_fetched_once_as_often_as_any_asks_and_privately_only_if_all_allow_it() -> None:
    lines = [
        f"    - {{name: {name}, ics: 'https://one.example/x', refresh: {refresh}, allow_private: {private}}}\n"
        for name, refresh, private in (("a", "30m", "false"), ("b", "5m", "false"), ("c", "1m", "true"))
    ]
    (found,) = addresses(parse(TEXT + "".join(lines), "policy.yaml", {}, Path("/nowhere")))
    assert (found.name, found.refresh, found.allow_private) == ("b", timedelta(minutes=5), False)
