"""Looks names up in threads, so that a name server which does not answer holds up nobody but those who ask for its names.

A look-up of the system cannot be cancelled and may take half a minute. So each name is looked up once at a time, whoever
asks; the names of one zone have a share of the threads and no more; and whoever got no thread in time hears that it was
us who could not ask.
"""

import asyncio
import contextlib
import socket
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Final
from weakref import WeakValueDictionary

from aiohttp.abc import ResolveResult

THREADS: Final = 64
PER_ZONE: Final = 16
"""Look-ups of one zone at the same time: four zones have to be dead before others notice."""
PATIENCE: Final = 1.0
"""Seconds in which there has to be a thread."""
_SHORT: Final = 3
_COUNTRY: Final = 2
_Key = tuple[str, int]


class NameLookup:
    """Names to addresses, by the system's own rules."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="resolve")
        self._places = asyncio.Semaphore(THREADS)
        self._zones: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._asking: dict[_Key, asyncio.Task[list[ResolveResult]]] = {}

    async def addresses(self, host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult]:
        """Every address of `host`, not judged. Raises socket.gaierror as the system does, and with EAI_AGAIN where no
        thread was free within PATIENCE: the name may be fine, and we could not ask."""
        key = (host.lower(), int(family))
        asking = self._asking.get(key)
        if asking is None:
            asking = asyncio.create_task(self._looked_up(host, family))
            self._asking[key] = asking
            asking.add_done_callback(partial(self._done, key))
        # Whoever gives up leaves the look-up to the others, and to the next who asks.
        found = await asyncio.shield(asking)
        return [ResolveResult(**{**each, "hostname": host, "port": port}) for each in found]

    def close(self) -> None:
        """Waits for no look-up; those under way end by themselves."""
        for asking in self._asking.values():
            asking.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _done(self, key: _Key, asking: asyncio.Task[list[ResolveResult]]) -> None:
        del self._asking[key]
        if not asking.cancelled():
            asking.exception()  # nobody may be left who wants to know

    async def _looked_up(self, host: str, family: socket.AddressFamily) -> list[ResolveResult]:
        zone = self._zones.setdefault(zone_of(host), asyncio.Semaphore(PER_ZONE))
        try:
            async with asyncio.timeout(PATIENCE):
                await zone.acquire()
                try:
                    await self._places.acquire()
                except BaseException:
                    zone.release()
                    raise
        except TimeoutError:
            raise socket.gaierror(socket.EAI_AGAIN, "no look-up was free in time") from None
        asked = self._pool.submit(_ask, host, family)
        asked.add_done_callback(partial(self._free, asyncio.get_running_loop(), zone))
        return await asyncio.wrap_future(asked)

    def _free(
        self, loop: asyncio.AbstractEventLoop, zone: asyncio.Semaphore, _: Future[list[ResolveResult]]
    ) -> None:
        """In the thread, when it is really done: not when nobody waits for it any more."""
        with contextlib.suppress(RuntimeError):  # the loop is closed, and nobody waits for a place
            loop.call_soon_threadsafe(self._release, zone)

    def _release(self, zone: asyncio.Semaphore) -> None:
        zone.release()
        self._places.release()


def zone_of(host: str) -> str:
    """Whose name server answers for a name, as far as the name tells: `acme.example`, `acme.co.uk`; names without a dot
    are all one."""
    labels = host.lower().rstrip(".").split(".")
    if len(labels) == 1:
        return ""
    deep = len(labels[-1]) == _COUNTRY and len(labels[-2]) <= _SHORT
    return ".".join(labels[-3:] if deep else labels[-2:])


def _ask(host: str, family: socket.AddressFamily) -> list[ResolveResult]:
    answers = socket.getaddrinfo(host, 0, family=family, type=socket.SOCK_STREAM)
    return [
        ResolveResult(
            hostname=host,
            host=str(address[0]),
            port=0,
            family=kind,
            proto=proto,
            flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
        )
        for kind, _, proto, _, address in answers
    ]
