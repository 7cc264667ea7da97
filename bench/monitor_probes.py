"""Readings a second of one process: the product's http monitor, or the bare aiohttp loop that is its floor."""

import argparse
import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

import aiohttp

from bot.adapters.clock import SystemClock
from bot.adapters.http_monitor import HttpReader
from bot.domain.environment import Colour
from bot.policy.monitors import HttpMonitor, HttpProbe

CONCURRENCY = 50
Probe = Callable[[], Awaitable[bool]]


async def closed_loop(probe: Probe, seconds: float, warm_up: float = 0.5) -> float:
    """How often a second `probe` succeeds, CONCURRENCY at a time. Raises RuntimeError where one fails."""
    done = 0
    until = time.perf_counter() + warm_up

    async def again_and_again() -> None:
        nonlocal done
        while time.perf_counter() < until:
            if not await probe():
                raise RuntimeError("a reading of a healthy service was no success")
            done += 1

    await asyncio.gather(*(again_and_again() for _ in range(CONCURRENCY)))
    done, began = 0, time.perf_counter()
    until = began + seconds
    await asyncio.gather(*(again_and_again() for _ in range(CONCURRENCY)))
    return done / (time.perf_counter() - began)


async def product(url: str, seconds: float) -> float:
    """The http monitor with the health contract, as a policy has it."""
    reader = HttpReader(SystemClock())
    probe = HttpProbe(
        url=f"{url}/health", contract=True, allow_private=True, slower_than=timedelta(seconds=4)
    )
    monitor = HttpMonitor(name="api", http=probe)

    async def read() -> bool:
        return (await reader.read(monitor)).colour is Colour.GREEN

    try:
        return await closed_loop(read, seconds)
    finally:
        await reader.close()


async def floor(url: str, seconds: float) -> float:
    """aiohttp alone: a new connection for each reading, the whole body, nothing judged."""
    connector = aiohttp.TCPConnector(force_close=True, limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def read() -> bool:
            async with session.get(f"{url}/health") as answer:
                return bool(await answer.read()) and answer.status == 200

        return await closed_loop(read, seconds)


async def blackbox(url: str, seconds: float) -> float:
    """Asks a blackbox_exporter, whose address with the path of the probe is `url`, over connections kept open."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def read() -> bool:
            async with session.get(url) as answer:
                return b"probe_success 1" in await answer.read()

        return await closed_loop(read, seconds)


KINDS = {"product": product, "floor": floor, "blackbox": blackbox}


def main() -> None:
    """`python -m bench.monitor_probes KIND URL SECONDS` prints one JSON object."""
    parser = argparse.ArgumentParser(prog="bench.monitor_probes")
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("url")
    parser.add_argument("seconds", type=float)
    options = parser.parse_args()
    print(json.dumps({"per_second": asyncio.run(KINDS[options.kind](options.url, options.seconds))}))


if __name__ == "__main__":
    main()
