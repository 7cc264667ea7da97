"""How quickly the status page is answered, beside a bare aiohttp handler that sends the same bytes."""

import argparse
import asyncio
import gc
import json
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from aiohttp import web

from bench.cores import two_cores
from bench.figures import Aim, Figure, percentile, taking_turns
from bench.load import Connections
from bench.processes import Failed, report, server
from bench.product import Product
from bench.serving import until_stopped

PRODUCT, FLOOR = "product", "floor"
RATE = 300  # visitors a second, of an open loop
PAGE = "page.gz"


def figures(folder: Path, product: Product, rounds: int, seconds: float) -> list[Figure]:
    """Milliseconds from the intended sending to the whole page. Raises Failed."""
    found: dict[str, dict[str, list[float]]] = {k: {"p50": [], "p99": []} for k in (PRODUCT, FLOOR)}
    cores = two_cores()
    place = folder / "status-page"
    page = place / PAGE
    with product.running(product.folder(place), cores[0] if cores else None) as started:
        page.write_bytes(_fetched(started.word))
    for number, turns in enumerate(taking_turns(list(found), rounds), 1):
        for kind in turns:
            with _serving(kind, product, folder / f"status-{number}-{kind}", page) as url:
                options = ("--rate", str(RATE), "--seconds", str(seconds))
                argv = [sys.executable, "-m", "bench.status_page", "load", url, *options]
                answer = report(argv, folder, cores[1] if cores else None)
            if answer["wrong"]:
                raise Failed(f"{kind}: wrong answers, the first: {answer['wrong']}")
            for name, values in found[kind].items():
                values.append(answer[name])
    shutil.rmtree(place)
    return [
        Figure(
            name=f"status-page-latency-{name}",
            unit="ms",
            product=tuple(found[PRODUCT][name]),
            floor=tuple(found[FLOOR][name]),
            floor_is="aiohttp, the same bytes",
            aim=Aim(2, at_least=False) if name == "p99" else None,
        )
        for name in ("p50", "p99")
    ]


def _fetched(url: str) -> bytes:
    request = Request(f"{url}/status", headers={"Accept-Encoding": "gzip"})  # noqa: S310 -- our own address
    with urlopen(request, timeout=10) as answer:  # noqa: S310 -- see above
        found: bytes = answer.read()
    return found


@contextmanager
def _serving(kind: str, product: Product, folder: Path, page: Path) -> Iterator[str]:
    cores = two_cores()
    core = cores[0] if cores else None
    if kind == PRODUCT:
        with product.running(product.folder(folder), core) as started:
            yield started.word
    else:
        folder.mkdir()
        argv = [sys.executable, "-m", "bench.status_page", "floor", str(page)]
        with server(argv, folder, core) as started:
            yield started.word
    shutil.rmtree(folder)


async def floor(page: Path) -> None:
    """Serve the page's bytes, and nothing else, until SIGTERM."""
    body = page.read_bytes()
    headers = {"Content-Type": "text/html; charset=utf-8", "Content-Encoding": "gzip"}

    async def status(_: web.Request) -> web.Response:
        return web.Response(body=body, headers=headers)

    app = web.Application()
    app.router.add_get("/status", status)
    await until_stopped(app)


async def load(url: str, rate: float, seconds: float) -> dict[str, Any]:
    """Visitors at a fixed rate, whether or not the earlier ones were answered."""
    connections = Connections(url, b"")
    request = (
        f"GET /status HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\nAccept-Encoding: gzip\r\n\r\n".encode()
    )
    latencies: list[float] = []
    wrong: list[str] = []

    async def visit(intended: float) -> None:
        if (answer := await connections.ask(request)) is not None:
            wrong.append(answer)
        latencies.append((time.perf_counter() - intended) * 1000)

    async def visitors(for_seconds: float) -> None:
        began = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            for number in range(int(rate * for_seconds)):
                intended = began + number / rate
                await asyncio.sleep(intended - time.perf_counter())
                tasks.create_task(visit(intended))

    await visitors(0.5)
    latencies.clear()
    gc.disable()  # a pause here would look like one of the server's
    await visitors(seconds)
    connections.close()
    return {"wrong": wrong[:1], **{f"p{p}": percentile(latencies, p) for p in (50, 99)}}


def main(argv: Sequence[str] | None = None) -> None:
    """`python -m bench.status_page floor FILE` serves; `… load URL` prints one JSON object."""
    parser = argparse.ArgumentParser(prog="bench.status_page")
    parser.add_argument("what", choices=("floor", "load"))
    parser.add_argument("target")
    parser.add_argument("--rate", type=float, default=RATE)
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args(argv)
    if options.what == "floor":
        asyncio.run(floor(Path(options.target)))
    else:
        print(json.dumps(asyncio.run(load(options.target, options.rate, options.seconds))))


if __name__ == "__main__":
    main()
