"""A program to be killed: commits steps for ever, and prints each number only after its commit was promised."""

import asyncio
import sys
from datetime import UTC, datetime

from bot.ports import Transaction
from storage.ledger import Ledger
from tests.storage import builders as a

WRITERS = 5


class _Clock:
    def now(self) -> datetime:
        return datetime.now(UTC)


def step(tx: Transaction) -> int:
    """Everything that one command writes."""
    number = tx.requests.next_number()
    tx.requests.put(a.request(number), a.BECAUSE)
    tx.schedule(a.timer(f"DEP-{number}"))
    tx.owe(a.delivery(f"card:{number}"))
    tx.remember(f"key-{number}", number)
    return number


async def _commit(ledger: Ledger) -> None:
    while True:
        number = await ledger.write(step)
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()


async def main(url: str) -> None:
    """Several at once, so that a kill may hit the middle of a group."""
    ledger = Ledger(url, _Clock())
    await asyncio.gather(*(_commit(ledger) for _ in range(WRITERS)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
