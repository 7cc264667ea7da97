"""Takes a reading of any monitor: the one place that knows which kinds of monitor can be read."""

from bot.adapters.file_monitor import FileReader
from bot.adapters.http_monitor import HttpReader
from bot.domain.environment import Colour, Reading
from bot.policy import Monitor
from bot.policy.monitors import FileMonitor, HttpMonitor
from bot.ports import Clock, PolicyInForce


class Probes:
    """Implements ports.Prober. A new kind of monitor is one file beside this one and one line in each method."""

    def __init__(self, *, clock: Clock, policy: PolicyInForce) -> None:
        """`policy` says in which folder relative paths start; a reload may move it."""
        self._clock = clock
        self._policy = policy
        self._http = HttpReader(clock)
        self._files = FileReader(clock)

    @staticmethod
    def supports(monitor: Monitor) -> bool:
        """Whether this kind can be read here; one that cannot is UNKNOWN for ever, which a policy check may say."""
        return isinstance(monitor, HttpMonitor | FileMonitor)

    async def read(self, environment: str, monitor: Monitor) -> Reading:  # noqa: ARG002 -- the port's signature
        """One reading within the monitor's time limit; never raises."""
        if isinstance(monitor, HttpMonitor):
            return await self._http.read(monitor)
        if isinstance(monitor, FileMonitor):
            return await self._files.read(monitor, self._policy.policy.folder)
        return Reading(
            colour=Colour.UNKNOWN,
            code="kind-not-supported",
            at=self._clock.now(),
            facts={"kind": monitor.kind},
        )

    async def close(self) -> None:
        """Lets go of sockets and threads."""
        await self._http.close()
        await self._files.close()
