"""Opens one connection to a port and lets it go again, within its time limit: whether somebody takes it is the answer."""

import asyncio
import contextlib
import socket
from collections.abc import Mapping
from datetime import timedelta
from ipaddress import ip_address
from typing import Final

from pydantic import JsonValue

from bot.adapters.address_guard import GuardedResolver, refuse_literal
from bot.adapters.failures import code_of
from bot.domain.environment import Colour, Reading
from bot.policy.monitors import TcpMonitor
from bot.ports import Clock

BLIND: Final = frozenset({"dns-unavailable", "no-route", "address-refused", "bad-url"})
"""Failures that are ours, not the other side's: we could not ask."""


class TcpReader:
    """Takes readings over TCP: the handshake alone, not a byte is sent. What is not public is refused unless the
    monitor says `allow_private`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._resolvers: dict[bool, GuardedResolver] = {}

    async def read(self, monitor: TcpMonitor) -> Reading:
        """One reading: GREEN, YELLOW where it took longer than `slower_than`, RED where nobody took the connection,
        UNKNOWN where we could not ask. Never raises, and never takes longer than the monitor's timeout."""
        loop, port = asyncio.get_running_loop(), monitor.tcp
        began = loop.time()
        try:
            async with asyncio.timeout(monitor.timeout.total_seconds()):
                await self.connect(port.host, port.port, allow_private=port.allow_private)
        except (OSError, ValueError) as error:
            code = code_of(error) if isinstance(error, OSError) else "bad-url"
            facts = {"limit_ms": _ms(monitor.timeout)} if code == "timeout" else {}
            return self._reading(Colour.UNKNOWN if code in BLIND else Colour.RED, code, facts)
        took = timedelta(seconds=loop.time() - began)
        if port.slower_than is not None and took > port.slower_than:
            slow = {"took_ms": _ms(took), "limit_ms": _ms(port.slower_than)}
            return self._reading(Colour.YELLOW, "slow", slow)
        return self._reading(Colour.GREEN, "ok", {"took_ms": _ms(took)})

    async def accepts(self, host: str, port: int, limit_s: float) -> bool:
        """Whether a connection is taken within so many seconds; for references, whose address may be a private one.
        Never raises."""
        try:
            async with asyncio.timeout(limit_s):
                await self.connect(host, port, allow_private=True)
        except (OSError, ValueError, OverflowError):
            return False
        return True

    async def connect(self, host: str, port: int, *, allow_private: bool) -> None:
        """Connects to one of the addresses of `host`, in their order, and lets go. Raises OSError as the last of them
        did, AddressRefused where none may be read, ValueError for a name that cannot be one."""
        refuse_literal(host, allow_private=allow_private)
        failed: OSError | None = None
        for family, address in await self._addresses(host, port, allow_private=allow_private):
            try:
                await _handshake(family, address, port)
            except TimeoutError:
                raise
            except OSError as error:
                failed = error
            else:
                return
        raise failed or OSError("a name without an address")

    async def close(self) -> None:
        """Lets go of the threads that resolve names."""
        resolvers, self._resolvers = self._resolvers, {}
        for each in resolvers.values():
            await each.close()

    async def _addresses(
        self, host: str, port: int, *, allow_private: bool
    ) -> list[tuple[socket.AddressFamily, str]]:
        with contextlib.suppress(ValueError):
            literal = ip_address(host)
            return [(socket.AF_INET if literal.version == 4 else socket.AF_INET6, host)]  # noqa: PLR2004
        resolver = self._resolvers.get(allow_private)
        if resolver is None:
            resolver = self._resolvers[allow_private] = GuardedResolver(allow_private=allow_private)
        found = await resolver.resolve(host, port, socket.AF_UNSPEC)
        return [(socket.AddressFamily(each["family"]), each["host"]) for each in found]

    def _reading(self, colour: Colour, code: str, facts: Mapping[str, JsonValue]) -> Reading:
        return Reading(colour=colour, code=code, at=self._clock.now(), facts=facts)


async def _handshake(family: socket.AddressFamily, address: str, port: int) -> None:
    with socket.socket(family, socket.SOCK_STREAM) as connection:
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, (address, port))


def _ms(length: timedelta) -> int:
    return round(length / timedelta(milliseconds=1))
