"""Fetched calendars in the ledger: what is known of an address, and the bytes of its last good copy."""

from dataclasses import replace

import pytest

from bot.domain.feed import FeedState
from bot.policy.document import LARGEST
from storage.ledger import Ledger
from tests.storage.builders import AT, DIGEST, HOUR

pytestmark = pytest.mark.requirement("P6")
URL = "https://calendar.example/freezes.ics?key=4711"
FULL = FeedState(
    url=URL,
    checked_at=AT,
    fetched_at=AT - HOUR,
    digest=DIGEST,
    etag='"v1"',
    last_modified="Tue, 10 Nov 2026 10:00:00 GMT",
    problem="timeout",
    failures=3,
)


async def test_what_is_known_of_an_address_comes_back_whole(ledger: Ledger) -> None:
    await ledger.write(lambda tx: tx.feeds.keep(FULL, b"copy"))
    assert await ledger.read(lambda tx: tx.feeds.get(URL)) == FULL
    assert await ledger.read(lambda tx: tx.feeds.body(URL)) == b"copy"
    assert await ledger.read(lambda tx: tx.feeds.all()) == [FULL]


async def test_an_address_that_was_never_asked_is_unknown(ledger: Ledger) -> None:
    assert await ledger.read(lambda tx: tx.feeds.get(URL)) is None
    assert await ledger.read(lambda tx: tx.feeds.body(URL)) is None
    assert await ledger.read(lambda tx: tx.feeds.all()) == []


async def test_without_a_new_copy_the_old_one_stays(ledger: Ledger) -> None:
    await ledger.write(lambda tx: tx.feeds.keep(FULL, b"copy"))
    later = replace(FULL, checked_at=AT + HOUR, failures=4)
    await ledger.write(lambda tx: tx.feeds.keep(later))
    assert await ledger.read(lambda tx: tx.feeds.get(URL)) == later
    assert await ledger.read(lambda tx: tx.feeds.body(URL)) == b"copy"


async def test_an_attempt_that_failed_first_has_no_copy(ledger: Ledger) -> None:
    await ledger.write(lambda tx: tx.feeds.keep(FeedState(url=URL, checked_at=AT, problem="dns", failures=1)))
    assert await ledger.read(lambda tx: tx.feeds.body(URL)) is None


async def test_addresses_are_kept_apart_and_the_largest_copy_fits(ledger: Ledger) -> None:
    other = replace(FULL, url=URL + "&other")
    largest = bytes(range(256)) * (LARGEST // 256)

    await ledger.write(lambda tx: tx.feeds.keep(FULL, largest))
    await ledger.write(lambda tx: tx.feeds.keep(other, b""))
    assert await ledger.read(lambda tx: tx.feeds.body(URL)) == largest
    assert await ledger.read(lambda tx: tx.feeds.body(other.url)) == b""
    assert len(await ledger.read(lambda tx: tx.feeds.all())) == 2


async def test_a_step_that_fails_keeps_nothing(ledger: Ledger) -> None:
    def step(tx: object) -> None:
        tx.feeds.keep(FULL, b"copy")  # type: ignore[attr-defined]
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await ledger.write(step)
    assert await ledger.read(lambda tx: tx.feeds.get(URL)) is None
