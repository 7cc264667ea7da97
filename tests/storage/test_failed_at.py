"""When factors failed: of a person, from an address, the oldest first, on every database."""

from datetime import timedelta

from bot.ports import Transaction
from storage.ledger import Ledger
from tests.conftest import NOON

MINUTE = timedelta(minutes=1)


async def test_failures_are_found_by_person_and_by_address_oldest_first(ledger: Ledger) -> None:
    def step(tx: Transaction) -> None:
        for minutes, person, address in ((5, "ada", "a"), (1, "ada", None), (3, "bo", "a"), (0, "ada", "a")):
            tx.credentials.note_failure(person, NOON + minutes * MINUTE, address=address)

    await ledger.write(step)
    since = NOON + MINUTE
    assert await ledger.read(lambda tx: tx.credentials.failed_at(since, person="ada")) == [
        NOON + MINUTE,
        NOON + 5 * MINUTE,
    ]
    assert await ledger.read(lambda tx: tx.credentials.failed_at(since, address="a")) == [
        NOON + 3 * MINUTE,
        NOON + 5 * MINUTE,
    ]
    assert await ledger.read(lambda tx: tx.credentials.failed_at(since, person="eve")) == []
