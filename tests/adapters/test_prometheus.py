"""What an analysis asks of Prometheus: numbers as of an instant, codes instead of its words, and never an exception."""

import asyncio
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from bot.adapters import prometheus as module
from bot.adapters.prometheus import Prometheus
from bot.domain.analysis import Answer
from tests.adapters.conftest import Serve
from tests.adapters.test_prometheus_monitor import EMPTY, prometheus, vector

pytestmark = pytest.mark.requirement("F5")
AT = datetime(2026, 11, 10, 15, 0, 0, 500000, tzinfo=UTC)


async def ask(url: str | None, query: str = "up", at: datetime | None = None) -> Answer:
    made = Prometheus(url)
    try:
        return await made.ask(query, at)
    finally:
        await made.close()


@pytest.mark.parametrize(
    ("body", "status", "answer"),
    [
        (vector("3"), 200, Answer((3.0,))),
        (vector("3", "4"), 200, Answer((3.0, 4.0))),
        (vector("+Inf"), 200, Answer((math.inf,))),
        (EMPTY, 200, Answer(problem="no-data")),
        ("{}", 400, Answer(problem="bad-query")),
        ("secret words", 500, Answer(problem="prometheus-unreachable")),
        ("<html>", 200, Answer(problem="malformed-response")),
        (" " * (module.MOST_BODY_BYTES + 1), 200, Answer(problem="too-large")),
    ],
)
async def test_numbers_are_numbers_and_everything_else_is_a_code(
    serve: Serve, body: str, status: int, answer: Answer
) -> None:
    async def query(_: web.Request) -> web.Response:
        return web.Response(text=body, status=status)

    app = web.Application()
    app.router.add_post("/api/v1/query", query)
    assert await ask(f"http://{await serve(app)}/") == answer


async def test_the_instant_is_asked_for_where_one_is_meant(serve: Serve) -> None:
    forms = []

    async def query(request: web.Request) -> web.Response:
        forms.append(dict(await request.post()))
        return web.Response(text=vector("1"))

    app = web.Application()
    app.router.add_post("/api/v1/query", query)
    url = f"http://{await serve(app)}/"
    await ask(url, "a")
    await ask(url, "b", AT)
    assert forms == [{"query": "a"}, {"query": "b", "time": "1794322800.500"}]


async def test_what_hangs_takes_no_longer_than_the_limit(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LIMIT", 0.2)

    async def hang(_: web.Request) -> web.Response:
        await asyncio.sleep(60)
        return web.Response()

    app = web.Application()
    app.router.add_post("/api/v1/query", hang)
    assert await ask(f"http://{await serve(app)}/") == Answer(problem="prometheus-unreachable")


async def test_none_is_no_prometheus(closed_port: str) -> None:
    assert await ask(None) == Answer(problem="no-prometheus")
    assert await ask(f"http://{closed_port}/") == Answer(problem="prometheus-unreachable")


async def test_a_real_prometheus_answers_as_of_an_instant(tmp_path: Path) -> None:
    async with prometheus(tmp_path) as url, aiohttp.ClientSession() as session:
        while (await session.get(f"{url}-/ready")).status != 200:
            await asyncio.sleep(0.05)
        found = await ask(url, "time()", AT)
        day_before = await ask(url, "time()", AT - timedelta(days=1))
    assert found == Answer((AT.timestamp(),))
    assert day_before == Answer((AT.timestamp() - 86400,))
