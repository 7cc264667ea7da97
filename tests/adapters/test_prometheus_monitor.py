"""The prometheus monitor against answers of every shape, and against a real Prometheus from Debian."""

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from pydantic import ValidationError

from bot.adapters.prometheus_monitor import MOST_BODY_BYTES, PrometheusReader
from bot.domain.environment import Colour, Reading
from bot.policy.monitors import PrometheusMonitor, PrometheusQuery
from tests.adapters.conftest import Serve, StoppedClock

EMPTY = '{"status": "success", "data": {"resultType": "vector", "result": []}}'


def asking(query: str = "up", *, timeout: float = 5, **bounds: object) -> PrometheusMonitor:
    found = PrometheusQuery.model_validate({"query": query, **(bounds or {"fail_above": 10})})
    return PrometheusMonitor(name="errors", prometheus=found, timeout=timedelta(seconds=timeout))


def vector(*values: str) -> str:
    series = ", ".join(f'{{"metric": {{"pod": "secret-{v}"}}, "value": [1, "{v}"]}}' for v in values)
    return f'{{"status": "success", "data": {{"resultType": "vector", "result": [{series}]}}}}'


def saying(body: str | bytes, status: int = 200) -> web.Application:
    async def query(_: web.Request) -> web.Response:
        return web.Response(body=body.encode() if isinstance(body, str) else body, status=status)

    app = web.Application()
    app.router.add_post("/prefix/api/v1/query", query)
    return app


async def read(clock: StoppedClock, url: str | None, monitor: PrometheusMonitor) -> Reading:
    reader = PrometheusReader(clock, url)
    try:
        return await reader.read(monitor)
    finally:
        await reader.close()


async def answered(clock: StoppedClock, serve: Serve, body: str | bytes, status: int = 200) -> Reading:
    address = await serve(saying(body, status))
    bounds = {"warn_above": 5.0, "fail_above": 10.0, "warn_below": 1.0, "fail_below": 0.0}
    return await read(clock, f"http://{address}/prefix/", asking(**bounds))


def seen(reading: Reading) -> tuple[Colour, str]:
    return reading.colour, reading.code


@pytest.mark.parametrize(
    ("value", "colour", "code", "facts"),
    [
        ("3", Colour.GREEN, "ok", {"series": 1, "value": 3.0}),
        ("5", Colour.GREEN, "ok", {"series": 1, "value": 5.0}),
        ("5.1", Colour.YELLOW, "out-of-bounds", {"series": 1, "value": 5.1, "above": 5.0}),
        ("10", Colour.YELLOW, "out-of-bounds", {"series": 1, "value": 10.0, "above": 5.0}),
        ("10.5", Colour.RED, "out-of-bounds", {"series": 1, "value": 10.5, "above": 10.0}),
        ("0.5", Colour.YELLOW, "out-of-bounds", {"series": 1, "value": 0.5, "below": 1.0}),
        ("-1", Colour.RED, "out-of-bounds", {"series": 1, "value": -1.0, "below": 0.0}),
        ("+Inf", Colour.RED, "out-of-bounds", {"series": 1, "value": "inf", "above": 10.0}),
        ("-Inf", Colour.RED, "out-of-bounds", {"series": 1, "value": "-inf", "below": 0.0}),
        ("NaN", Colour.UNKNOWN, "not-a-number", {"series": 1}),
    ],
)
async def test_the_value_is_held_against_the_bounds(
    clock: StoppedClock, serve: Serve, value: str, colour: Colour, code: str, facts: dict[str, object]
) -> None:
    reading = await answered(clock, serve, vector(value))

    assert seen(reading) == (colour, code)
    assert reading.facts == facts


@pytest.mark.parametrize(
    ("values", "colour"),
    [
        (("2", "3"), Colour.GREEN),
        (("2", "7", "3"), Colour.YELLOW),
        (("2", "NaN"), Colour.UNKNOWN),
        (("7", "NaN"), Colour.UNKNOWN),
        (("NaN", "11"), Colour.RED),
    ],
)
async def test_the_worst_series_counts(
    clock: StoppedClock, serve: Serve, values: tuple[str, ...], colour: Colour
) -> None:
    reading = await answered(clock, serve, vector(*values))

    assert reading.colour is colour
    assert reading.facts["series"] == len(values)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (EMPTY, 200, "no-data"),
        (
            '{"status": "success", "data": {"resultType": "string", "result": [1, "3"]}}',
            200,
            "not-a-number",
        ),
        ('{"status": "success", "data": {"resultType": "matrix", "result": []}}', 200, "not-a-number"),
        ('{"status": "error", "errorType": "bad_data"}', 400, "bad-query"),
        ('{"status": "error"}', 422, "bad-query"),
        ("", 503, "prometheus-unreachable"),
        ("", 302, "prometheus-unreachable"),
        ("<html>login</html>", 200, "malformed-response"),
        ('{"status": "success"}', 200, "malformed-response"),
        (vector("three"), 200, "malformed-response"),
        ("[" * 100_000, 200, "malformed-response"),
        (b"\xff", 200, "malformed-response"),
        (b" " * (MOST_BODY_BYTES + 1), 200, "too-large"),
    ],
)
async def test_no_number_is_unknown_and_never_green(
    clock: StoppedClock, serve: Serve, body: str | bytes, status: int, code: str
) -> None:
    assert seen(await answered(clock, serve, body, status)) == (Colour.UNKNOWN, code)


async def test_a_prometheus_that_is_away_or_hangs_is_our_blindness(
    clock: StoppedClock, serve: Serve, closed_port: str
) -> None:
    async def hang(_: web.Request) -> web.Response:
        await asyncio.sleep(60)
        return web.Response()

    app = web.Application()
    app.router.add_post("/api/v1/query", hang)
    address = await serve(app)

    away = await read(clock, f"http://{closed_port}/", asking())
    hanging = await read(clock, f"http://{address}/", asking(timeout=0.2))

    assert (*seen(away), away.facts) == (Colour.UNKNOWN, "prometheus-unreachable", {"why": "refused"})
    assert (*seen(hanging), hanging.facts) == (Colour.UNKNOWN, "prometheus-unreachable", {"why": "timeout"})


async def test_without_a_prometheus_in_the_settings_nothing_is_known(clock: StoppedClock) -> None:
    assert seen(await read(clock, None, asking())) == (Colour.UNKNOWN, "no-prometheus")


async def test_labels_are_not_repeated(clock: StoppedClock, serve: Serve) -> None:
    assert "secret" not in repr(await answered(clock, serve, vector("11")))


@pytest.mark.parametrize(
    "bounds",
    [
        {"warn_above": 10.0, "fail_above": 5.0},
        {"warn_below": 1.0, "fail_below": 5.0},
        {"fail_above": float("nan")},
        {"fail_above": float("inf")},
    ],
)
def test_bounds_that_make_no_sense_are_refused(bounds: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        asking(**bounds)


CONFIG = """
global: {scrape_interval: 1s}
scrape_configs:
  - job_name: itself
    static_configs: [{targets: ["127.0.0.1:9"]}]
"""


@asynccontextmanager
async def prometheus(folder: Path, target: str = "127.0.0.1:9") -> AsyncIterator[str]:
    """A real Prometheus on a free loopback port, which scrapes a port where nobody listens, or `target`."""
    program = shutil.which("prometheus")
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("prometheus is not installed")
        pytest.skip("prometheus is not installed")
    (folder / "prometheus.yml").write_text(CONFIG.replace("127.0.0.1:9", target), encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        program,
        "--config.file=prometheus.yml",
        "--storage.tsdb.path=data",
        "--web.listen-address=127.0.0.1:0",
        cwd=folder,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(30):
            yield await _address(process)
    finally:
        process.terminate()
        await process.communicate()


async def _address(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    async for line in process.stderr:
        if found := re.search(rb'Listening on" address=(127\.0\.0\.1:\d+)', line):
            return f"http://{found[1].decode()}/"
    raise AssertionError("prometheus ended")


async def test_a_real_prometheus_is_understood(clock: StoppedClock, tmp_path: Path) -> None:
    async with prometheus(tmp_path) as url, aiohttp.ClientSession() as session:
        while (await session.get(f"{url}-/ready")).status != 200:
            await asyncio.sleep(0.05)
        found = {
            query: seen(await read(clock, url, asking(query, fail_below=1, warn_above=5)))
            for query in (
                "vector(3)",
                "scalar(vector(7))",
                "1 - 2",
                "vector(0/0)",
                "absent_one",
                "up[1m]",
                "(",
            )
        }
        monitor = asking("up", fail_below=1)
        while seen(scraped := await read(clock, url, monitor)) == (Colour.UNKNOWN, "no-data"):
            await asyncio.sleep(0.05)

    assert found == {
        "vector(3)": (Colour.GREEN, "ok"),
        "scalar(vector(7))": (Colour.YELLOW, "out-of-bounds"),
        "1 - 2": (Colour.RED, "out-of-bounds"),
        "vector(0/0)": (Colour.UNKNOWN, "not-a-number"),
        "absent_one": (Colour.UNKNOWN, "no-data"),
        "up[1m]": (Colour.UNKNOWN, "not-a-number"),
        "(": (Colour.UNKNOWN, "bad-query"),
    }
    assert seen(scraped) == (Colour.RED, "out-of-bounds")
