"""The dead-man's switch: tells an outside address every minute that all is well here; its silence is the alarm."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import aiohttp
import structlog
from pydantic import SecretStr

from bot.domain.health import Health
from bot.jobs.work import Pulse, rest

log = structlog.get_logger(__name__)

EVERY: Final = 60.0  # seconds
LIMIT: Final = 10.0  # seconds for one call
NEEDED: Final = ("database", "loops", "watch", "pages")
"""The checks without which nobody may be told that all is well. Slack's connection is none of them: pages go by other
ways as well, and the bot itself says that it is gone."""
_SUCCESS: Final = range(200, 300)


class Alive:
    """One call a minute, and only while every loop goes round, the database answers, nothing owed is overdue, the watch
    sees, and every page reached somebody in time."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: SecretStr,
        health: Callable[[], Awaitable[Health]],
        *,
        every: float = EVERY,
        limit: float = LIMIT,
    ) -> None:
        """`every`: seconds from one look to the next; `limit`: seconds that a call may take. The address is a secret:
        whoever knows it can keep the alarm silent."""
        self._session = session
        self._url = url
        self._health = health
        self._every = every
        self._limit = limit
        self.pulse = Pulse(patience=2 * EVERY)

    async def run(self) -> None:
        """Tell until cancelled."""
        while True:
            await self.beat()
            await rest(self.pulse, self._every, asyncio.Event())

    async def beat(self) -> bool:
        """Look, and tell if all is well; whether the other side took it. Never raises."""
        code = await self._trouble() or await self._told()
        if code is None:
            self.pulse.done += 1
            return True
        self.pulse.failed += 1
        return False

    async def _trouble(self) -> str | None:
        """Why nobody may be told that all is well; None where it is."""
        try:
            health = await self._health()
        except Exception:
            log.exception("alive.not-looked")
            return "not-looked"
        missing = [name for name in NEEDED if not health.checks.get(name, False)]
        if missing:
            log.error("alive.withheld", checks=missing, errors=list(health.errors))
            return "withheld"
        return None

    async def _told(self) -> str | None:
        """Call; the code of what went wrong. The address is in no log, and so is no text of the HTTP client."""
        headers = {"User-Agent": "portcullis", "Cache-Control": "no-store"}
        try:
            async with (
                asyncio.timeout(self._limit),
                self._session.get(
                    self._url.get_secret_value(), headers=headers, allow_redirects=False
                ) as answer,
            ):
                code = None if answer.status in _SUCCESS else f"http-{answer.status}"
        except (OSError, aiohttp.ClientError, ValueError) as error:
            code = type(error).__name__
        if code is not None:
            log.warning("alive.not-told", code=code)
        return code
