"""The benchmark of monitors measures what it says: its service is healthy, its floor reads, its ward keeps the time."""

import asyncio
import sys
from pathlib import Path

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from bench import monitor_probes, monitors
from bench.alarm_outside import Ward
from bench.monitor_watch import ENVIRONMENTS, policy_of
from bench.processes import server


@pytest.mark.parametrize("kind", ["product", "floor"])
async def test_product_and_floor_read_the_same_service(tmp_path: Path, kind: str) -> None:
    argv = [sys.executable, "-m", "bench.health_server"]
    with server(argv, tmp_path, None) as well:
        assert await monitor_probes.KINDS[kind](well.word, 0.05) > 0


async def test_a_reading_that_fails_is_no_figure() -> None:
    async def fails() -> bool:
        await asyncio.sleep(0)
        return False

    with pytest.raises(RuntimeError):
        await monitor_probes.closed_loop(fails, 0.05, 0.05)


def test_the_policy_has_as_many_monitors_as_are_asked_for() -> None:
    environments = policy_of("http://127.0.0.1:1", 25).environments.values()

    assert len(environments) == ENVIRONMENTS
    assert sum(len(each.monitors) for each in environments) == 25


async def test_the_ward_keeps_the_time_from_the_failing_answer_to_the_message() -> None:
    ward, app = Ward(), web.Application()
    app.router.add_route("*", "/api/{method}", ward.api)
    app.router.add_get("/health", ward.health)
    app.router.add_post("/be/{how}", ward.be)
    app.router.add_get("/took", ward.took)
    async with (
        TestServer(app, host="127.0.0.1") as served,
        ClientSession(str(served.make_url("/"))) as session,
    ):

        async def took() -> float | None:
            return (await (await session.get("/took")).json())["ms"]

        assert (await session.get("/health")).status == 200
        await session.post("/be/ill")
        await session.post("/api/chat.postMessage", data="incidents")  # it was not seen to be ill yet
        assert await took() is None
        assert (await session.get("/health")).status == 503
        await session.post("/api/chat.postMessage", data="deployments")
        assert await took() is None
        await session.post("/api/chat.postMessage", data="incidents")
        assert 0 < (await took() or 0) < 5000
        await session.post("/be/well")
        assert (await session.get("/health")).status == 200


def test_without_the_exporter_its_line_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with monitors.exporter(tmp_path, None) as address:
        assert address is None
