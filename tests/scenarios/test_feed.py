"""A calendar at an address: its freeze closes the gate, its last good copy outlives its server, and its age closes it."""

import contextlib
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bot.domain.feed import FeedState
from tests.scenarios.conftest import Make
from tests.scenarios.hands import DEPLOYMENTS
from tests.scenarios.stage import GOOD, Stage

pytestmark = pytest.mark.requirement("P6")
HOUR = timedelta(hours=1)


class Upstream:
    """Somebody else's calendar server, which can die and come back at its address."""

    def __init__(self) -> None:
        self.body = b""
        self.port = 0
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/{key}/freezes.ics", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()
        self.port = self._runner.addresses[0][1]

    async def die(self) -> None:
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _answer(self, _: web.Request) -> web.Response:
        return web.Response(body=self.body, content_type="text/calendar")


def calendar(stage: Stage, begins: timedelta, ends: timedelta) -> bytes:
    """One event, so far from now."""
    start, end = (f"{stage.clock.now() + each:%Y%m%dT%H%M%SZ}" for each in (begins, ends))
    lines = [
        "BEGIN:VCALENDAR",
        "BEGIN:VEVENT",
        "UID:1",
        "SUMMARY:Stocktaking",
        f"DTSTART:{start}",
        f"DTEND:{end}",
    ]
    return "\r\n".join([*lines, "END:VEVENT", "END:VCALENDAR", ""]).encode()


async def opened(make_stage: Make, upstream: Upstream) -> Stage:
    url = f"http://127.0.0.1:{upstream.port}/key-4711/freezes.ics"
    feed = (
        f"    - {{name: upstream, environments: [production], ics: '{url}', refresh: 5m, stale_after: 1d, "
        "allow_private: true}\n"
    )
    stage = await make_stage(("  freezes:\n", "  freezes:\n" + feed), started=False)
    upstream.body = calendar(stage, HOUR, 3 * HOUR)
    await stage.start()
    await stage.begin()
    return stage


async def calendar_gate(stage: Stage) -> dict[str, Any]:
    decision = await stage.api(
        "/api/v1/decision", service="catalogue", artifact=GOOD, environment="production"
    )
    found: dict[str, Any] = next(gate for gate in decision["gates"] if gate["gate"] == "calendar")
    return found


async def state(stage: Stage) -> FeedState | None:
    found = await stage.read(lambda tx: tx.feeds.all())
    return found[0] if found else None


async def tried(stage: Stage, problem: str | None) -> FeedState:
    """Wait until the newest attempt, made at the clock of now, came out so."""
    now = stage.clock.now()

    async def there() -> FeedState | None:
        found = await state(stage)
        fresh = found is not None and found.checked_at >= now - timedelta(minutes=1)
        return found if found is not None and fresh and found.problem == problem else None

    return await stage.wait(there, what=f"an attempt that ends with {problem}")


async def health(stage: Stage) -> dict[str, Any]:
    async with aiohttp.ClientSession() as session, session.get(stage.bot_url + "/health") as answer:
        found: dict[str, Any] = await answer.json()
        return found


async def told_errors(stage: Stage, words: str) -> None:
    async def there() -> bool | None:
        return any(words in line for line in (await health(stage))["checks"].get("errors", ())) or None

    await stage.wait(there, what=f"{words} in /health")


async def test_a_fetched_freeze_closes_the_gate_and_outlives_its_server_until_it_is_too_old(
    make_stage: Make,
) -> None:
    async with contextlib.AsyncExitStack() as closing:
        upstream = Upstream()
        closing.push_async_callback(upstream.die)
        await upstream.start()
        stage = await opened(make_stage, upstream)
        await tried(stage, None)
        assert (await calendar_gate(stage))["status"] == "passed"

        await stage.advance(2 * HOUR)  # its event has begun
        gate = await calendar_gate(stage)
        assert gate["status"] == "waiting"
        assert "Stocktaking" in str(gate)
        await tried(stage, None)

        await upstream.die()
        await stage.advance(HOUR / 2)
        await tried(stage, "refused")
        assert (await calendar_gate(stage))["status"] == "waiting"  # the last good copy holds
        await told_errors(stage, "the feed upstream could not be fetched")

        await stage.advance(HOUR)  # the event is over
        assert (await calendar_gate(stage))["status"] == "passed"

        await stage.advance(timedelta(days=1))
        gate = await calendar_gate(stage)
        assert (gate["status"], gate["code"]) == ("unknown", "feed-stale")
        await stage.message(DEPLOYMENTS, "The calendar of the freeze upstream", "Nobody knows")
        await told_errors(stage, "the feed upstream is stale")

        await upstream.start()
        await stage.advance(HOUR)
        await tried(stage, None)
        assert (await calendar_gate(stage))["status"] == "passed"
        await stage.message(DEPLOYMENTS, "The calendar of the freeze upstream is up to date again")
        types = [entry["type"] for entry in await stage.entries("feed.")]
        assert types == ["feed.changed", "feed.stale", "feed.well"]
        said = (
            str(await stage.people.messages(DEPLOYMENTS))
            + str(await stage.entries())
            + str(await health(stage))
        )
        assert "key-4711" not in said
        await stage.intact()


async def test_the_last_good_copy_decides_from_the_first_moment_after_a_restart(make_stage: Make) -> None:
    async with contextlib.AsyncExitStack() as closing:
        upstream = Upstream()
        closing.push_async_callback(upstream.die)
        await upstream.start()
        stage = await opened(make_stage, upstream)
        await tried(stage, None)
        await stage.stop()
        await upstream.die()
        await stage.advance(2 * HOUR)
        await stage.start()
        gate = await calendar_gate(stage)
        assert gate["status"] == "waiting"
        assert "Stocktaking" in str(gate)
