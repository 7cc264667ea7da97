"""Readings that come together are written together; what may open an incident is never held up by the others."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from bot.domain.environment import Colour, Reading
from bot.flows.observe import Seen, Watched, age, observe_all
from bot.jobs import batch
from bot.jobs.batch import Batch
from bot.ports import Transaction
from storage.ledger import Ledger
from tests.conftest import FakeClock
from tests.jobs.conftest import running, until
from tests.jobs.test_watch import Holder, policy, recorded


@dataclass
class Counting:
    """A ledger that counts its writings, and fails where it is told to."""

    inner: Ledger
    writings: int = 0
    fails: list[str] = field(default_factory=list)

    async def read(self, query: Callable[[Transaction], Any]) -> Any:
        return await self.inner.read(query)

    async def write(self, step: Callable[[Transaction], Any]) -> Any:
        try:
            if self.fails:
                raise ConnectionError(self.fails.pop())
            return await self.inner.write(step)
        finally:
            self.writings += 1


@pytest.fixture
def ledger_(sqlite: Ledger) -> Counting:
    return Counting(sqlite)


@pytest.fixture
def holder() -> Holder:
    read = policy()
    production = read.environments["production"]
    return Holder(replace(read, environments={"production": production, "staging": production}))


def seen(
    holder: Holder, clock: FakeClock, name: str, colour: Colour, environment: str = "production"
) -> Seen:
    monitor = next(m for m in holder.policy.environments[environment].monitors if m.name == name)
    return Seen(environment, monitor, Reading(colour=colour, code="told", at=clock.now()), Watched())


async def test_what_comes_together_is_one_writing(
    ledger_: Counting, holder: Holder, clock: FakeClock
) -> None:
    found = Batch(ledger_, holder)

    async def written() -> bool:
        return ledger_.writings > 0

    async with running(found.run):
        found.add(seen(holder, clock, "db", Colour.RED), urgent=True)
        found.add(seen(holder, clock, "api", Colour.GREEN), urgent=False)
        found.add(seen(holder, clock, "db", Colour.RED, "staging"), urgent=True)
        await until(written)

    assert ledger_.writings == 1
    state = await recorded(ledger_.inner)
    assert state is not None
    assert state.causes == ("db",)
    assert len(await ledger_.inner.read(lambda tx: tx.environments.monitors())) == 3


async def test_what_is_urgent_overtakes_what_is_not(
    ledger_: Counting, holder: Holder, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "LAZILY", 3600.0)
    found = Batch(ledger_, holder)

    async def written() -> bool:
        return ledger_.writings > 0

    async with running(found.run):
        found.add(seen(holder, clock, "api", Colour.GREEN), urgent=False)
        await asyncio.sleep(0.02)
        assert not ledger_.writings
        found.add(seen(holder, clock, "db", Colour.RED), urgent=True)
        await until(written)

    assert ledger_.writings == 1


async def test_one_environment_that_cannot_be_written_keeps_no_other_from_it(
    ledger_: Counting, holder: Holder, clock: FakeClock
) -> None:
    ledger_.fails = ["staging", "together"]
    found = Batch(ledger_, holder)

    async def written() -> bool:
        return ledger_.writings == 3

    with capture_logs() as logs:
        async with running(found.run):
            found.add(seen(holder, clock, "db", Colour.RED, "staging"), urgent=True)
            found.add(seen(holder, clock, "db", Colour.RED), urgent=True)
            await until(written)

    assert [e["environments"] for e in logs if e["event"] == "observe.failed"] == [
        ["staging", "production"],
        ["staging"],
    ]
    assert await recorded(ledger_.inner) is not None


async def test_a_monitor_that_was_silent_and_is_as_before_brings_its_environment_back(
    sqlite: Ledger, holder: Holder, clock: FakeClock
) -> None:
    production = holder.policy.environments["production"]
    watched = [(m, Watched()) for m in production.monitors if m.name != "silent"]
    only = production.model_copy(update={"monitors": tuple(m for m, _ in watched)})
    read = replace(holder.policy, environments={"production": only})

    async def all_pass() -> None:
        reading = Reading(colour=Colour.GREEN, code="told", at=clock.now())
        await observe_all(sqlite, read, [Seen("production", m, reading, w) for m, w in watched])

    async def colour() -> Colour | None:
        state = await recorded(sqlite)
        return None if state is None else state.colour

    await all_pass()
    assert await colour() is Colour.GREEN
    clock.advance(timedelta(hours=1))
    await age(sqlite, read)
    assert await colour() is Colour.UNKNOWN
    await all_pass()
    assert await colour() is Colour.GREEN
