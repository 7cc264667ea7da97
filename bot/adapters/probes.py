"""Takes a reading of any monitor: the one place that knows which kinds of monitor can be read."""

import os
from collections.abc import Collection
from datetime import timedelta
from typing import Final

from bot.adapters.command_monitor import CommandReader
from bot.adapters.file_monitor import FileReader
from bot.adapters.http_monitor import HttpReader
from bot.adapters.prometheus_monitor import PrometheusReader
from bot.adapters.tcp_monitor import TcpReader
from bot.domain.environment import Colour, Reading
from bot.policy import Monitor
from bot.policy.incidents import Reference
from bot.policy.monitors import CommandMonitor, FileMonitor, HttpMonitor, PrometheusMonitor, TcpMonitor
from bot.ports import Clock, PolicyInForce

REFERENCE_LIMIT: Final = timedelta(seconds=2)
"""So long a reference has to answer: a failure waits for it before it counts."""


class Probes:
    """Implements ports.Prober. A new kind of monitor is one file beside this one and one line in each method."""

    def __init__(
        self,
        *,
        clock: Clock,
        policy: PolicyInForce,
        prometheus: str | None = None,
        secrets: Collection[str] = (),
    ) -> None:
        """`policy` says in which folder relative paths start; a reload may move it. `prometheus` is the address of a
        Prometheus, with a slash at its end. `secrets` are values of the settings that no program's output may repeat."""
        self._clock = clock
        self._policy = policy
        self._http = HttpReader(clock)
        self._tcp = TcpReader(clock)
        self._files = FileReader(clock)
        self._commands = CommandReader(clock, os.environ, secrets)
        self._prometheus = PrometheusReader(clock, prometheus)

    @staticmethod
    def supports(monitor: Monitor) -> bool:
        """Whether this kind can be read here; one that cannot is UNKNOWN for ever, which a policy check may say."""
        return isinstance(
            monitor, HttpMonitor | FileMonitor | TcpMonitor | CommandMonitor | PrometheusMonitor
        )

    async def read(self, environment: str, monitor: Monitor) -> Reading:  # noqa: ARG002 -- the port's signature
        """One reading within the monitor's time limit; never raises."""
        if isinstance(monitor, HttpMonitor):
            return await self._http.read(monitor)
        if isinstance(monitor, TcpMonitor):
            return await self._tcp.read(monitor)
        if isinstance(monitor, FileMonitor):
            policy = self._policy.policy
            written = [policy.folder / each.writes for each in policy.environments.values() if each.writes]
            return await self._files.read(monitor, policy.folder, written)
        if isinstance(monitor, CommandMonitor):
            return await self._commands.read(monitor, self._policy.policy.folder)
        if isinstance(monitor, PrometheusMonitor):
            return await self._prometheus.read(monitor)
        return Reading(
            colour=Colour.UNKNOWN,
            code="kind-not-supported",
            at=self._clock.now(),
            facts={"kind": monitor.kind},
        )

    async def reach(self, reference: Reference) -> bool:
        """Whether a reference answers, within REFERENCE_LIMIT; never raises."""
        limit = REFERENCE_LIMIT.total_seconds()
        if reference.http is not None:
            return await self._http.answers(reference.http, limit)
        host, _, port = (reference.tcp or "").rpartition(":")
        return await self._tcp.accepts(host.strip("[]"), int(port), limit)

    async def close(self) -> None:
        """Lets go of sockets and threads."""
        await self._http.close()
        await self._tcp.close()
        await self._prometheus.close()
        await self._files.close()
