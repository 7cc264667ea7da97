"""What machines tell goes behind whatever a person waits for: heartbeats and alerts are written in the background."""

from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from bot.ports import Ledger, Transaction
from tests.handlers.http.told_policy import told_policy

T = TypeVar("T")
PAYLOAD = {
    "version": "4",
    "groupKey": "g",
    "alerts": [{"status": "firing", "labels": {"alertname": "Down", "environment": "production"}}],
}


class Counting:
    """Implements ports.Ledger: the background of a ledger, which counts what is written."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.writes = 0

    async def write(self, step: Callable[[Transaction], T]) -> T:
        self.writes += 1
        return await self._ledger.write(step)

    async def read(self, query: Callable[[Transaction], T]) -> T:
        return await self._ledger.read(query)


@pytest.mark.parametrize(("path", "body"), [("/heartbeat/backup", {}), ("/alertmanager", PAYLOAD)])
async def test_what_machines_tell_is_written_in_the_background(served: Any, path: str, body: Any) -> None:
    served.in_force.policy = told_policy()
    background = Counting(served.ledger.in_background)
    object.__setattr__(served.context, "background", background)  # it is frozen
    status, _ = await served.post(body, path=path)
    assert (status, background.writes) == (200, 1)
