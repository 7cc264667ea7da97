"""Workers that only a bell or an instant wakes, and fakes that do as they are told."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from sqlalchemy import select

from bot.domain.owed import Delivery
from storage import tables
from storage.ledger import Ledger
from tests.conftest import FakeClock

PATIENCE = 10.0  # seconds until a test that waits in vain fails
Behaviour = Callable[[Delivery], Awaitable[None]]


@pytest.fixture(autouse=True)
def _no_second_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lost wake-up must not be hidden by the loop's habit of looking again every second."""
    monkeypatch.setattr("bot.jobs.work.LOOK_AGAIN", 3600.0)


@pytest.fixture
async def sqlite(sqlite_url: str, clock: FakeClock) -> AsyncIterator[Ledger]:
    """A ledger on a fresh SQLite file."""
    ledger = Ledger(sqlite_url, clock)
    yield ledger
    await ledger.close()


@dataclass
class FakeAnnouncer:
    """Implements ports.Announcer: notes what it was given, and behaves as the key says."""

    announced: list[str] = field(default_factory=list)
    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def announce(self, delivery: Delivery) -> None:
        self.announced.append(delivery.key)
        self.changed.set()
        if behave := self.behaviours.get(delivery.key):
            await behave(delivery)

    async def has_announced(self, *keys: str) -> None:
        """Return once each of these was announced as often as it stands here."""
        async with asyncio.timeout(PATIENCE):
            while any(self.announced.count(key) < keys.count(key) for key in keys):
                self.changed.clear()
                await self.changed.wait()


@asynccontextmanager
async def running(loop: Callable[[], Awaitable[None]]) -> AsyncIterator["asyncio.Task[None]"]:
    """The loop runs while the block does."""

    async def run() -> None:
        await loop()

    task = asyncio.create_task(run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Ask the database again and again until it holds."""
    async with asyncio.timeout(PATIENCE):
        while not await holds():
            await asyncio.sleep(0.005)


async def delivery_rows(ledger: Ledger) -> dict[str, tuple[str, str | None]]:
    """The state and the problem of each delivery."""
    c = tables.deliveries.c
    query = select(c.key, c.state, c.problem)
    return await ledger.look(lambda connection: {k: (s, p) for k, s, p in connection.execute(query)})


async def fails(_: Delivery) -> None:
    raise KeyError("a bug")


async def hangs(_: Delivery) -> None:
    await asyncio.Event().wait()
