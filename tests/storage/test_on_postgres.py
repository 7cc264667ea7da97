"""What only PostgreSQL can do wrong: cancelled queries, lost connections, writers who wait for each other."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from bot.ports import Transaction
from storage.ledger import Ledger
from storage.verification import verify
from tests.conftest import FakeClock
from tests.storage.builders import submit

pytestmark = pytest.mark.postgres


@pytest.fixture
def backend() -> str:
    return "postgres"


@pytest.fixture
async def other(database_url: str, clock: FakeClock) -> AsyncIterator[Ledger]:
    ledger = Ledger(database_url, clock)
    yield ledger
    await ledger.close()


class Slow:
    """A step that sits in its query until it is cancelled."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()

    def __call__(self, tx: Transaction) -> int:
        self.entered.set()
        tx.connection.execute(text("SELECT pg_sleep(20)"))  # type: ignore[attr-defined]
        return submit(tx)


async def test_a_writer_that_is_cancelled_in_its_query_lets_the_next_one_in(
    ledger: Ledger, other: Ledger
) -> None:
    slow = Slow()
    task = asyncio.create_task(ledger.write(slow))
    await slow.entered.wait()
    waiting = asyncio.create_task(other.write(submit))
    done, _ = await asyncio.wait([task, waiting], timeout=0.3)
    assert not done

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(10):
        assert await waiting == 1
        assert await ledger.write(submit) == 2
    assert (await verify(ledger)).intact


async def test_writers_that_queue_leave_connections_to_the_readers(ledger: Ledger) -> None:
    step = Slow()
    slow = asyncio.create_task(ledger.write(step))
    await step.entered.wait()
    writers = [asyncio.create_task(ledger.write(submit)) for _ in range(30)]
    await asyncio.sleep(0)

    async with asyncio.timeout(10):
        assert await ledger.read(lambda tx: tx.requests.open()) == []

    slow.cancel()
    async with asyncio.timeout(10):
        assert sorted(await asyncio.gather(*writers)) == list(range(1, 31))
    await asyncio.gather(slow, return_exceptions=True)


async def test_a_connection_that_the_server_dropped_is_replaced(ledger: Ledger) -> None:
    assert await ledger.write(submit) == 1
    await ledger.look(lambda c: c.execute(text("SELECT 1")))
    drop = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
        "AND datname = current_database()"
    )
    await ledger.bookkeep(lambda c: c.execute(drop))

    results = await asyncio.gather(*(ledger.write(submit) for _ in range(3)))

    assert results == [2, 3, 4]


async def test_a_serialization_failure_runs_the_step_again(ledger: Ledger) -> None:
    tries: list[int] = []

    def step(tx: Transaction) -> int:
        tries.append(1)
        if len(tries) == 1:
            tx.connection.execute(  # type: ignore[attr-defined]
                text("DO $$ BEGIN RAISE EXCEPTION 'busy' USING ERRCODE = '40001'; END $$")
            )
        return submit(tx)

    assert await ledger.write(step) == 1
    assert len(tries) == 2
