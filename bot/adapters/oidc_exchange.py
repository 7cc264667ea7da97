"""Speaks HTTP with the identity provider: bounded in time and size, never redirected, and silent about secrets."""

import asyncio
import json
from collections.abc import Mapping
from typing import Final

import aiohttp

from bot.adapters.failures import code_of
from bot.ports import LoginRefused

Said = Mapping[str, object]

MOST_BYTES: Final = 512 * 1024
"""Of any answer: metadata, keys, tokens, claims. Real ones have a tenth of it."""
_OK, _REDIRECTS, _CLIENT_ERRORS, _TOO_MANY, _SERVER_ERRORS = 200, 300, 400, 429, 500
_HEADERS: Final = {"Accept": "application/json", "Accept-Encoding": "identity"}


class Exchange:
    """JSON over HTTP. Every failure is a LoginRefused: `provider-silent`, `provider-redirects` or
    `provider-malformed`, with a short code in `why` and never a word of the answer."""

    def __init__(self, session: aiohttp.ClientSession, *, timeout_s: float) -> None:
        self._session = session
        self._timeout_s = timeout_s

    async def get(self, url: str, *, bearer: str | None = None) -> Said:
        """The JSON object at `url`. A status other than 200 is a refusal as well."""
        headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
        status, said = await self._asked("GET", url, headers, None)
        if status != _OK:
            raise LoginRefused("provider-malformed", why=f"http-{status}")
        return said

    async def post(
        self, url: str, form: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> tuple[int, Said]:
        """Post a form; gives the status, 200 or one of 400 to 499, and the JSON object."""
        status, said = await self._asked("POST", url, headers or {}, form)
        if status != _OK and status < _CLIENT_ERRORS:
            raise LoginRefused("provider-malformed", why=f"http-{status}")
        return status, said

    async def _asked(
        self, method: str, url: str, headers: Mapping[str, str], form: Mapping[str, str] | None
    ) -> tuple[int, Said]:
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._session.request(
                    method, url, headers={**_HEADERS, **headers}, data=form, allow_redirects=False
                ) as answer,
            ):
                _refuse_by_status(answer.status)
                return answer.status, _parsed(await _body(answer))
        except (OSError, aiohttp.ClientError, ValueError) as error:
            # The error itself may hold the address, and the address a code: nobody further up sees it.
            raise LoginRefused("provider-silent", why=code_of(error)) from None


def _refuse_by_status(status: int) -> None:
    if status == _TOO_MANY or status >= _SERVER_ERRORS:
        raise LoginRefused("provider-silent", why=f"http-{status}")
    if _REDIRECTS <= status < _CLIENT_ERRORS:
        # A redirect would carry the code and the client's secret to wherever it leads.
        raise LoginRefused("provider-redirects", why=f"http-{status}")


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > MOST_BYTES:
            raise LoginRefused("provider-malformed", why="too-large")
    return bytes(body)


def _parsed(body: bytes) -> Said:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        raise LoginRefused("provider-malformed", why="not-json") from None
    if not isinstance(said, dict):
        raise LoginRefused("provider-malformed", why="not-an-object")
    return said
