"""What becomes of something that was sent over HTTP: it arrived, it may arrive later, or it never will."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final

import aiohttp

from bot.adapters.failures import code_of
from bot.ports import Later, Undeliverable

_TOO_MANY: Final = 429
_AGAIN: Final = frozenset({408, 425, _TOO_MANY})
_SUCCESS, _REDIRECTS, _SERVER_ERRORS = range(200, 300), range(300, 400), 500
_NEVER: Final = frozenset({"address-refused", "bad-url"})


@asynccontextmanager
async def sending(limit: float) -> AsyncIterator[None]:
    """Everything inside takes `limit` seconds at most. Raises Later where nobody answered; the cause is dropped, for
    those of the HTTP client carry the address and the headers, and so what is secret in them."""
    try:
        async with asyncio.timeout(limit):
            yield
    except (OSError, aiohttp.ClientError, ValueError) as error:
        code = code_of(error)
        raise (Undeliverable(code) if code in _NEVER else Later(code)) from None


def accepted(answer: aiohttp.ClientResponse) -> None:
    """Return where the other side took it. Raises Later (408, 425, 429, 5xx), else Undeliverable: what was refused once
    is refused again, and a redirect would carry what is secret to another place."""
    status = answer.status
    if status in _SUCCESS:
        return
    if status in _AGAIN or status >= _SERVER_ERRORS:
        raise Later("rate-limited" if status == _TOO_MANY else f"http-{status}", pause_of(answer))
    raise Undeliverable("redirect-refused" if status in _REDIRECTS else f"http-{status}")


def pause_of(answer: aiohttp.ClientResponse) -> float | None:
    """The seconds that the other side asks to be left alone, by Retry-After; a date counts from the answer's own Date,
    so that neither clock has to be right. None where it asks nothing sensible."""
    said = answer.headers.get("Retry-After", "").strip()
    if said.isascii() and said.isdigit():
        return float(said[:9])
    until, now = _instant(said), _instant(answer.headers.get("Date", ""))
    return None if until is None or now is None else max(0.0, (until - now).total_seconds())


def _instant(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return None if found.tzinfo is None else found
