"""Read an environment's monitors now, because somebody asked: what was found is told and counts for no colour.

Colours change by consecutive readings on the monitors' own schedule; a reading more in between would shorten it.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.domain.environment import MonitorState, Reading
from bot.flows.colours import as_seen, unread
from bot.flows.listening import listening_of
from bot.policy import Monitor, Policy
from bot.ports import Ledger, Prober, Transaction

AT_ONCE: Final = 8
MOST: Final = 60
"""Monitors that are read for one question."""
SECONDS: Final = 45.0
"""How long whoever asked waits for the slowest of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One monitor: what it says now, or None where it was not read, and what was held of it before."""

    monitor: Monitor
    reading: Reading | None
    held: MonitorState

    @property
    def is_told(self) -> bool:
        """Whether somebody else reports: such a monitor cannot be read."""
        return self.monitor.every is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """Everything that was found, in the policy's order; `left_out` monitors were too many to read at once."""

    environment: str
    found: tuple[Found, ...]
    left_out: int
    at: datetime


async def check(
    ledger: Ledger, policy: Policy, prober: Prober, environment: str, *, seconds: float = SECONDS
) -> Checked:
    """Read what can be read of an environment of the policy, within so many seconds."""
    monitors = policy.environments[environment].monitors[:MOST]
    slots = asyncio.Semaphore(AT_ONCE)

    async def read(monitor: Monitor) -> Reading:
        async with slots:
            return await prober.read(environment, monitor)

    tasks = {m.name: asyncio.create_task(read(m)) for m in monitors if m.every is not None}
    if tasks:
        _, late = await asyncio.wait(tasks.values(), timeout=seconds)
        for task in late:
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)
    readings = {name: _result(task) for name, task in tasks.items()}

    def query(tx: Transaction) -> Checked:
        kept = {each.name: each for each in tx.environments.monitors(environment)}
        return Checked(
            environment=environment,
            found=tuple(_found(tx, m, readings, kept, environment) for m in monitors),
            left_out=len(policy.environments[environment].monitors) - len(monitors),
            at=tx.now,
        )

    return await ledger.read(query)


def _result(task: "asyncio.Task[Reading]") -> Reading | None:
    """What it said; None where it took too long, or broke."""
    return None if task.cancelled() or task.exception() is not None else task.result()


def _found(
    tx: Transaction,
    monitor: Monitor,
    readings: Mapping[str, Reading | None],
    kept: Mapping[str, MonitorState],
    environment: str,
) -> Found:
    state = kept.get(monitor.name, unread(environment, monitor, tx.now))
    held = as_seen(state, monitor, tx.now, listening_of(tx))
    return Found(monitor=monitor, reading=readings.get(monitor.name), held=held)
