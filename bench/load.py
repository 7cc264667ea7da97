"""The load generator, a process of its own: a closed loop for throughput, an open one for latency."""

import argparse
import asyncio
import gc
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from bench.commands import Commands
from bench.figures import percentile

PATIENCE = 30.0  # seconds for one answer; Slack would have given up after three
MOST_CONNECTIONS = 256


@dataclass(slots=True)
class Tally:
    """What came back: latencies in milliseconds, and the first answer that was not what was asked for."""

    latencies: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    wrong: int = 0
    first_wrong: str = ""

    def note_wrong(self, what: str) -> None:
        """Count an answer that does not count."""
        self.wrong += 1
        self.first_wrong = self.first_wrong or what


class Connections:
    """Keep-alive connections to one server, opened as they are needed and used again."""

    def __init__(self, url: str, expect: bytes) -> None:
        parts = urlsplit(url)
        self.host, self.port = parts.hostname or "127.0.0.1", parts.port or 80
        self._expect = expect
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._slots = asyncio.Semaphore(MOST_CONNECTIONS)

    async def ask(self, request: bytes) -> str | None:
        """Send one request; None where the answer is 200 and holds what is expected, else what it was."""
        async with self._slots:
            connection = self._free.pop() if self._free else None
            try:
                async with asyncio.timeout(PATIENCE):
                    reader, writer = connection or await asyncio.open_connection(self.host, self.port)
                    writer.write(request)
                    head = await reader.readuntil(b"\r\n\r\n")
                    body = await reader.readexactly(_length(head))
            except (OSError, EOFError, ValueError, TimeoutError) as error:
                return f"{type(error).__name__}: {error}"
            self._free.append((reader, writer))
        if head.startswith(b"HTTP/1.1 200 ") and self._expect in body:
            return None
        return (head.split(b"\r\n", 1)[0] + b" " + body[:400]).decode(errors="replace")

    def close(self) -> None:
        """Close what is open."""
        for _, writer in self._free:
            writer.close()


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise ValueError("an answer without Content-Length")


class Load:
    """Asks one server for one deployment after another."""

    def __init__(self, commands: Commands, connections: Connections) -> None:
        self._commands = commands
        self._connections = connections
        self._number = 0
        self.tally = Tally()

    async def one(self, intended: float | None = None) -> None:
        """One command. Its latency counts from when it was to be sent, so a stalled server hides nothing."""
        self._number += 1
        request = self._commands.request(self._number)
        sent = time.perf_counter()
        if intended is not None:
            self.tally.late.append((sent - intended) * 1000)
        wrong = await self._connections.ask(request)
        if wrong is not None:
            self.tally.note_wrong(wrong)
            return
        self.tally.latencies.append((time.perf_counter() - (intended or sent)) * 1000)

    async def closed(self, concurrency: int, seconds: float) -> float:
        """`concurrency` askers, each with its next command as soon as it was answered; the seconds it really took."""
        began = time.perf_counter()

        async def asker() -> None:
            while time.perf_counter() - began < seconds and not self.tally.wrong:
                await self.one()

        await asyncio.gather(*(asker() for _ in range(concurrency)))
        return time.perf_counter() - began

    async def open(self, rate: float, seconds: float) -> float:
        """Commands at a fixed rate, whether or not the earlier ones were answered."""
        began = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            for i in range(int(rate * seconds)):
                intended = began + i / rate
                await asyncio.sleep(intended - time.perf_counter())
                tasks.create_task(self.one(intended))
        return time.perf_counter() - began


async def run(options: argparse.Namespace) -> dict[str, object]:
    """Warm up, measure, and say what came of it."""
    connections = Connections(options.url, options.expect.encode())
    commands = Commands(
        f"{connections.host}:{connections.port}", options.seed, options.response_origin or options.url
    )
    load = Load(commands, connections)
    await load.closed(min(options.concurrency, 4), options.warm_up)
    warm, load.tally = load.tally, Tally()
    gc.disable()  # a pause here would look like one of the server's
    if options.rate:
        seconds = await load.open(options.rate, options.seconds)
    else:
        seconds = await load.closed(options.concurrency, options.seconds)
    connections.close()
    tally = load.tally
    answer: dict[str, object] = {
        "seconds": seconds,
        "answered": len(tally.latencies),
        "warmed_up_with": len(warm.latencies),
        "wrong": tally.wrong + warm.wrong,
        "first_wrong": warm.first_wrong or tally.first_wrong,
    }
    if tally.latencies:
        answer |= {f"p{p}": percentile(tally.latencies, p) for p in (50, 99, 100)}
    if tally.late:
        answer["late_p99"] = percentile(tally.late, 99)
    return answer


def main(argv: Sequence[str] | None = None) -> None:
    """`python -m bench.load URL …` prints one JSON object."""
    parser = argparse.ArgumentParser(prog="bench.load")
    parser.add_argument("url")
    parser.add_argument("--seed", required=True)
    parser.add_argument("--expect", default="")
    parser.add_argument("--response-origin")
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument("--rate", type=float, default=0.0, help="requests a second, open loop")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--warm-up", type=float, default=0.5)
    print(json.dumps(asyncio.run(run(parser.parse_args(argv)))))


if __name__ == "__main__":
    main()
