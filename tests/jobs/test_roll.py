"""The calendar is compiled before anybody waits for it: at the start, after a change, and as time goes on."""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bot.domain.calendar import Calendar
from bot.domain.feed import FeedState, Fetched
from bot.flows.keep_feed import keep
from bot.jobs import roll
from bot.jobs.roll import Roll
from bot.policy import Policy, parse
from storage.ledger import Ledger
from tests.conftest import FakeClock
from tests.jobs.conftest import running, until

pytestmark = pytest.mark.requirement("P6")
TEXT = """
version: 1
timezone: UTC
environments: {production: {}}
calendar:
  freezes:
    - {name: upstream, ics: 'https://one.example/x'}
"""
DAY = b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20261110\nEND:VEVENT\nEND:VCALENDAR\n"


@dataclass
class Holder:
    """Implements ports.PolicyInForce."""

    policy: Policy


@pytest.fixture
def holder() -> Holder:
    return Holder(parse(TEXT, "policy.yaml", {}, Path("/nowhere")))


@pytest.fixture
def rolling(sqlite: Ledger, holder: Holder) -> Roll:
    return Roll(sqlite, holder)


async def test_it_compiles_once_and_again_after_an_hour(rolling: Roll, clock: FakeClock) -> None:
    assert [await rolling.look() for _ in range(3)] == [True, False, False]
    clock.advance(timedelta(hours=1))
    assert [await rolling.look() for _ in range(2)] == [True, False]


async def test_it_compiles_anew_after_a_new_copy_and_a_new_policy(
    rolling: Roll, sqlite: Ledger, holder: Holder
) -> None:
    await rolling.look()
    await keep(sqlite, holder.policy, holder.policy.feeds[0], Fetched("ok", DAY))
    assert [await rolling.look() for _ in range(2)] == [True, False]
    holder.policy = replace(holder.policy, feeds=())
    assert [await rolling.look() for _ in range(2)] == [True, False]


async def test_a_failure_is_logged_and_the_loop_goes_on(
    rolling: Roll, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roll, "LOOK_AGAIN", 0.002)
    failing = True
    warm = Calendar.warm

    def fails(self: Calendar, instant: datetime, *, ahead: bool = False) -> None:
        if failing:
            raise MemoryError
        warm(self, instant, ahead=ahead)

    monkeypatch.setattr(Calendar, "warm", fails)

    async def failed() -> bool:
        return rolling.pulse.failed >= 2

    async def done() -> bool:
        return rolling.pulse.done >= 1

    with capture_logs() as logged:
        async with running(rolling.run):
            await until(failed)
            failing = False
            await until(done)
    assert {entry["event"] for entry in logged} == {"roll.failed"}


async def test_a_change_does_not_wait_for_the_next_round(rolling: Roll) -> None:
    async def rounds(number: int) -> bool:
        return rolling.pulse.rounds >= number

    async with running(rolling.run):
        await until(lambda: rounds(1))
        while rolling.pulse.done < 1:
            await asyncio.sleep(0.005)
        rolling.changed.set()
        await until(lambda: rounds(2))


async def test_a_copy_that_was_kept_before_the_start_is_read(
    rolling: Roll, sqlite: Ledger, clock: FakeClock
) -> None:
    state = FeedState(url="https://one.example/x", checked_at=clock.now(), digest="sha256:" + "0" * 64)
    await sqlite.write(lambda tx: tx.feeds.keep(state, b"what cannot be read"))
    assert await rolling.look()
