"""Watches the environments: reads every monitor on its own jittered schedule and gives the reading to the flow."""

import asyncio
import hashlib
from collections.abc import Callable
from datetime import timedelta

import structlog

from bot.flows.observe import Watched, age, observe
from bot.policy import Monitor, Policy
from bot.ports import Ledger, PolicyInForce, Prober

log = structlog.get_logger(__name__)

READ_EVERY = timedelta(seconds=30)  # of a monitor that names no interval
AGE_EVERY = 10.0  # seconds between two looks for monitors that fell silent
AT_ONCE = 200  # probes under way at the same time
GRACE = 5.0  # seconds beyond its own limit after which a probe is given up


class Watch:
    """One task for each monitor of the policy in force; a reload replaces them."""

    def __init__(
        self,
        ledger: Ledger,
        in_force: PolicyInForce,
        prober: Prober,
        watchable: Callable[[Monitor], bool],
    ) -> None:
        self._ledger = ledger
        self._in_force = in_force
        self._prober = prober
        self._watchable = watchable
        self._slots = asyncio.Semaphore(AT_ONCE)
        self.changed = asyncio.Event()

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            self.changed.clear()
            policy = self._in_force.policy
            async with asyncio.TaskGroup() as tasks:
                watching = [
                    tasks.create_task(self._watch(policy, environment, monitor))
                    for environment, settings in policy.environments.items()
                    for monitor in settings.monitors
                    if self._watchable(monitor)
                ]
                watching.append(tasks.create_task(self._age(policy)))
                await self.changed.wait()
                for task in watching:
                    task.cancel()

    async def _watch(self, policy: Policy, environment: str, monitor: Monitor) -> None:
        watched = Watched()
        every = (monitor.every or READ_EVERY).total_seconds()
        own = phase(environment, monitor.name)
        # The first reading soon, so that a restart is not blind for long; the next ones spread over the interval.
        await asyncio.sleep(own * min(every, 1.0))
        loop = asyncio.get_running_loop()
        due = loop.time() - every * own / 2
        while True:
            await self._read(policy, environment, monitor, watched)
            due = max(due + every, loop.time())  # a late round is not made up for by a burst
            await asyncio.sleep(due - loop.time())

    async def _read(self, policy: Policy, environment: str, monitor: Monitor, watched: Watched) -> None:
        try:
            async with self._slots, asyncio.timeout(monitor.timeout.total_seconds() + GRACE):
                reading = await self._prober.read(environment, monitor)
            await observe(self._ledger, policy, environment, monitor, reading, watched)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # Something inside was cancelled. To pass it on would end this monitor for good, and silently.
            log.exception("watch.failed", environment=environment, monitor=monitor.name)
        except Exception:
            log.exception("watch.failed", environment=environment, monitor=monitor.name)

    async def _age(self, policy: Policy) -> None:
        while True:
            await asyncio.sleep(AGE_EVERY)
            try:
                await age(self._ledger, policy)
            except Exception:
                log.exception("age.failed")


def phase(environment: str, name: str) -> float:
    """A fixed fraction in [0, 1) for each monitor, so that they do not all fire at the same instant."""
    return int.from_bytes(hashlib.sha256(f"{environment}/{name}".encode()).digest()[:4]) / 2**32
