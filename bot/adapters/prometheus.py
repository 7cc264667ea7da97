"""Speaks to the Prometheus of the settings: one instant query, its answer bounded, its words kept out of ours."""

import asyncio
import json
from datetime import datetime
from typing import Final

import aiohttp
from pydantic import JsonValue

from bot.adapters.failures import code_of
from bot.domain.analysis import Answer

MOST_BODY_BYTES: Final = 1024 * 1024
LIMIT: Final = 10.0
"""Seconds for a query of an analysis."""
AT_ONCE: Final = 8
"""So many queries of analyses at the same time: a Prometheus that is slow is not made slower by asking it more."""
_BAD_QUERY: Final = frozenset({400, 422})


class NoAnswer(Exception):  # noqa: N818
    """Prometheus was asked, and there is no number to judge; `code` says why."""

    def __init__(self, code: str, **facts: JsonValue) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts


class Prometheus:
    """One Prometheus. Implements ports.Metrics; the monitors use `numbers`."""

    def __init__(self, url: str | None) -> None:
        """`url` ends with a slash; a private address is fine, for whoever set it may read what it leads to."""
        self._url = url
        self._session: aiohttp.ClientSession | None = None
        self._room = asyncio.Semaphore(AT_ONCE)

    async def ask(self, query: str, at: datetime | None = None) -> Answer:
        """The numbers of an instant query within LIMIT; one for each series, not finite ones too."""
        try:
            async with self._room:
                return Answer(tuple(await self.numbers(query, at=at, limit=LIMIT)))
        except NoAnswer as none:
            return Answer(problem=none.code)

    async def numbers(self, query: str, *, at: datetime | None = None, limit: float) -> list[float]:
        """One number for each series, at least one. Raises NoAnswer: `no-prometheus`, `no-data`, `not-a-number`,
        `bad-query`, `too-large`, `malformed-response` or `prometheus-unreachable`; takes `limit` seconds at most."""
        if self._url is None:
            raise NoAnswer("no-prometheus")
        form = {"query": query} if at is None else {"query": query, "time": f"{at.timestamp():.3f}"}
        try:
            async with asyncio.timeout(limit):
                return _values(await self._asked(self._url, form))
        except (OSError, aiohttp.ClientError, ValueError) as error:
            raise NoAnswer("prometheus-unreachable", why=code_of(error)) from None

    async def close(self) -> None:
        """Lets go of the sockets."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _asked(self, url: str, form: dict[str, str]) -> bytes:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),  # `limit` covers everything
                headers={"User-Agent": "portcullis"},
            )
        asked = self._session.post(f"{url}api/v1/query", data=form, allow_redirects=False)
        async with asked as answer:
            if answer.status in _BAD_QUERY:
                raise NoAnswer("bad-query")
            if answer.status != 200:  # noqa: PLR2004
                raise NoAnswer("prometheus-unreachable", why=f"http-{answer.status}")
            body = bytearray()
            async for chunk in answer.content.iter_any():
                body += chunk
                if len(body) > MOST_BODY_BYTES:
                    raise NoAnswer("too-large", limit_bytes=MOST_BODY_BYTES)
        return bytes(body)


def _values(body: bytes) -> list[float]:
    """The numbers of an answer to an instant query: a scalar, or one for each series of a vector."""
    try:
        said = json.loads(body)
        result, kind = said["data"]["result"], said["data"]["resultType"]
        if said["status"] != "success" or kind not in {"scalar", "vector"}:
            raise NoAnswer("not-a-number")  # a string, or the past of a series instead of its present
        points = [result] if kind == "scalar" else [each["value"] for each in result]
        values = [float(point[1]) for point in points]
    except (ValueError, TypeError, LookupError, RecursionError):
        raise NoAnswer("malformed-response") from None
    if not values:
        raise NoAnswer("no-data")
    return values
