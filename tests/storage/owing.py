"""Setting, owing and claiming, as the tests of timers and deliveries do it."""

from typing import Any

from sqlalchemy import select

from bot.domain.owed import Claimed, Delivery, Timer
from bot.ports import Transaction
from storage import tables
from storage.ledger import Ledger

NOBODY: frozenset[str] = frozenset()


async def set_(ledger: Ledger, *timers: Timer) -> None:
    def step(tx: Transaction) -> None:
        for each in timers:
            tx.schedule(each)

    await ledger.write(step)


async def owe(ledger: Ledger, *deliveries: Delivery) -> None:
    def step(tx: Transaction) -> None:
        for each in deliveries:
            tx.owe(each)

    await ledger.write(step)


async def take(table: Any, *, limit: int = 10, busy: frozenset[str] = NOBODY) -> list[Claimed[Any]]:
    claimed: list[Claimed[Any]] = await table.claim(limit=limit, busy=busy)
    return claimed


async def states(ledger: Ledger) -> list[tuple[str, str, str | None]]:
    c = tables.deliveries.c
    query = select(c.key, c.state, c.problem).order_by(c.id)
    return await ledger.look(lambda connection: [(k, s, p) for k, s, p in connection.execute(query)])
