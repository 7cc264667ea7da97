"""The dead-man's switch: it is told that all is well only while all is well, and its own trouble ends nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from pydantic import SecretStr
from structlog.testing import capture_logs

from bot.domain.health import Health
from bot.jobs.alive import Alive
from tests.jobs import test_self_check
from tests.jobs.conftest import running

bot = test_self_check.bot
"""The fixture: a bot with one loop."""
pytestmark = pytest.mark.requirement("F14")
WELL = {"database": True, "memory": True, "loops": True, "watch": True, "pages": True}


@dataclass
class Outside:
    """An address that counts its calls."""

    url: str = ""
    calls: list[str] = field(default_factory=list)
    status: int = 200
    hangs: bool = False

    async def __call__(self, request: web.Request) -> web.Response:
        self.calls.append(request.method)
        if self.hangs:
            await asyncio.sleep(5)
        return web.Response(status=self.status, headers={"Location": "/elsewhere"})


@asynccontextmanager
async def _served() -> AsyncIterator[Outside]:
    there = Outside()
    app = web.Application()
    app.router.add_get("/ping/secret-uuid", there.__call__)
    app.router.add_get("/elsewhere", there.__call__)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    there.url = f"http://127.0.0.1:{runner.addresses[0][1]}/ping/secret-uuid"
    try:
        yield there
    finally:
        await runner.cleanup()


@pytest.fixture
async def there() -> AsyncIterator[Outside]:
    async with _served() as made:
        yield made


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as made:
        yield made


def saying(health: Health | Exception) -> Callable[[], Any]:
    async def answer() -> Health:
        if isinstance(health, Exception):
            raise health
        return health

    return answer


@pytest.mark.parametrize(
    ("health", "told"),
    [
        (Health(checks=WELL), True),
        (Health(checks=WELL | {"websocket": False}), True),  # Slack is away, and pages go by other ways
        (Health(checks=WELL | {"memory": False}), True),
        (Health(checks=WELL, errors=("the feed x is stale",)), True),
        (Health(checks=WELL | {"database": False}), False),
        (Health(checks=WELL | {"loops": False}), False),
        (Health(checks=WELL | {"watch": False}), False),  # blind: nobody would hear of anything
        (Health(checks=WELL | {"pages": False}), False),  # paged, and nobody was reached
        (Health(checks={}), False),
        (RuntimeError("a bug"), False),
    ],
)
async def test_only_while_all_is_well_it_is_told_so(
    there: Outside, session: aiohttp.ClientSession, health: Health | Exception, told: bool
) -> None:
    alive = Alive(session, SecretStr(there.url), saying(health))
    assert await alive.beat() is told
    assert there.calls == (["GET"] if told else [])


@pytest.mark.parametrize("status", [302, 404, 500])
async def test_a_refusal_is_logged_and_ends_nothing(
    there: Outside, session: aiohttp.ClientSession, status: int
) -> None:
    alive = Alive(session, SecretStr(there.url), saying(Health(checks=WELL)))
    there.status = status
    with capture_logs() as logs:
        assert await alive.beat() is False
    assert [(line["event"], line["code"]) for line in logs] == [("alive.not-told", f"http-{status}")]
    assert "secret-uuid" not in repr(logs)
    there.status = 200
    assert await alive.beat() is True


async def test_an_address_that_hangs_or_is_gone_ends_nothing(
    there: Outside, session: aiohttp.ClientSession
) -> None:
    there.hangs = True
    assert await Alive(session, SecretStr(there.url), saying(Health(checks=WELL)), limit=0.1).beat() is False
    gone = SecretStr("http://127.0.0.1:1/ping/secret-uuid")
    with capture_logs() as logs:
        assert await Alive(session, gone, saying(Health(checks=WELL))).beat() is False
    assert "secret-uuid" not in repr(logs)


async def test_the_loop_goes_on_after_every_failure(there: Outside, session: aiohttp.ClientSession) -> None:
    there.status = 500
    alive = Alive(session, SecretStr(there.url), saying(Health(checks=WELL)), every=0.01)
    async with running(alive.run):
        async with asyncio.timeout(10):
            while len(there.calls) < 3:
                await asyncio.sleep(0.01)
    assert alive.pulse.failed >= 2


async def test_a_loop_that_stands_still_and_work_that_is_overdue_silence_it(
    bot: Callable[..., test_self_check.Bot],
    there: Outside,
    session: aiohttp.ClientSession,
) -> None:
    """With the bot's own self-check and its clock, fast-forwarded."""
    made = bot()
    alive = Alive(session, SecretStr(there.url), made.check.health)

    async def after(seconds: float, *, goes_round: bool) -> bool:
        made.clock.elapsed += seconds
        made.pulse.rounds += goes_round
        await made.check.look()
        return await alive.beat()

    assert await after(0, goes_round=True) is True
    assert await after(31, goes_round=False) is False
    assert await after(1, goes_round=True) is True
    made.backlog.due = made.clock.now() - timedelta(seconds=31)
    assert await after(1, goes_round=True) is False
    made.backlog.due = None
    assert await after(1, goes_round=True) is True
    assert len(there.calls) == 3
