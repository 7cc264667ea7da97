"""How long the ledger keeps what is no record: answers given before, messages sent, wrong codes."""

from datetime import timedelta
from functools import partial

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, select

from bot.ports import Clock
from storage import tables
from storage.instants import to_micros
from storage.ledger import Ledger

# An answer must outlive every repetition of its question; a request may wait for 90 days for its start.
RECEIVED = timedelta(days=180)
SENT = timedelta(days=14)
FAILED = timedelta(days=90)  # people look for what did not arrive
INTENTS = timedelta(days=2)  # they last for minutes
WRONG_CODES = timedelta(days=30)  # they count for minutes; the trail tells of each for ever
AT_ONCE = 500  # rows in one transaction: other writers wait meanwhile


class Retention:
    """`bot.jobs.prune.Prunable`: forgets what is older than it has to be. Records and audit entries stay for ever."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock

    async def prune(self) -> int:
        """Delete what is too old, some rows at a time; how many rows there were."""
        total = 0
        for table, old in self._rules():
            while count := await self._ledger.bookkeep(partial(_delete, table=table, old=old)):
                total += count
        return total

    def _rules(self) -> list[tuple[Table, ColumnElement[bool]]]:
        received, deliveries, failures = tables.received, tables.deliveries, tables.factor_failures
        sent = and_(deliveries.c.state == "sent", deliveries.c.created_at < self._before(SENT))
        failed = and_(deliveries.c.state == "failed", deliveries.c.created_at < self._before(FAILED))
        return [
            (received, received.c.at < self._before(RECEIVED)),
            (deliveries, sent),
            (deliveries, failed),
            (failures, failures.c.at < self._before(WRONG_CODES)),
            (tables.intents, tables.intents.c.created_at < self._before(INTENTS)),
            (tables.challenges, tables.challenges.c.created_at < self._before(INTENTS)),
        ]

    def _before(self, age: timedelta) -> int:
        return to_micros(self._clock.now() - age)


def _delete(connection: Connection, *, table: Table, old: ColumnElement[bool]) -> int:
    (key,) = table.primary_key.columns
    some = select(key).where(old).limit(AT_ONCE)
    return connection.execute(delete(table).where(key.in_(some))).rowcount
