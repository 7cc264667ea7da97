"""Calls GitHub's REST API through gidgethub: bounded in time, bytes and number, never led away from its own address."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

import aiohttp
from gidgethub import sansio
from gidgethub.aiohttp import GitHubAPI
from pydantic import SecretStr
from yarl import URL

from bot.adapters.failures import code_of
from bot.adapters.oci_names import is_loopback
from bot.domain.repository import RepositoryError
from bot.ports import Clock

PER_PAGE: Final = 100
MOST_CALLS: Final = 64  # one question asks no more often than this
_MOST_HOPS: Final = 3
_MOST_BYTES: Final = 16 * 1024 * 1024  # one answer; the largest tree that GitHub tells at once is 7 MB
_MOST_BYTES_IN_ALL: Final = 64 * 1024 * 1024
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_ABSENT: Final = frozenset({404, 409, 410, 422, 451})
NOT_FOUND: Final = 404
_OK: Final = frozenset({200, 201})
_UNAUTHORIZED, _FORBIDDEN, _TOO_MANY, _SERVER_ERRORS = 401, 403, 429, 500
_PAUSE: Final = timedelta(seconds=60)  # what GitHub asks for where it does not say how long
_LONGEST_PAUSE: Final = timedelta(hours=2)

Variables = Mapping[str, str]


class NotThere(Exception):  # noqa: N818 -- it is an answer
    """GitHub has no such thing, or shows none to this token; whoever asked knows what it would have been."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@asynccontextmanager
async def translated() -> AsyncIterator[None]:
    """What fails inside becomes a RepositoryError with a code of `bot.adapters.failures`. The cause is dropped: those
    of the HTTP client carry the request's headers, and so the token."""
    try:
        yield
    except (OSError, aiohttp.ClientError, ValueError) as error:
        raise RepositoryError(code_of(error)) from None
    except (LookupError, TypeError, ArithmeticError, RecursionError):  # what odd answers do to gidgethub
        raise RepositoryError("malformed-response") from None


class Calls(GitHubAPI):
    """The calls that one question needs. Made for that question, and thrown away with it: the count of calls and bytes
    is its own, and what gidgethub keeps of rate limits is never shared."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        api_url: str,
        token: SecretStr,
        clock: Clock,
        timeout_s: float,
    ) -> None:
        """`timeout_s` bounds each call. Raises RepositoryError where the token would cross a network in the clear."""
        super().__init__(session, "portcullis", oauth_token=token.get_secret_value(), base_url=api_url)
        self._home = URL(api_url.rstrip("/") + "/")
        self._clock = clock
        self._timeout_s = timeout_s
        self._calls = self._bytes = 0
        if self._home.scheme != "https" and not is_loopback(self._home.host or ""):
            raise RepositoryError("insecure-address")

    async def item(self, path: str, variables: Variables) -> object:
        """One JSON answer. Raises NotThere and RepositoryError."""
        async with translated():
            return await self.getitem(path, variables)

    async def items(self, path: str, variables: Variables, *, most: int) -> list[object] | None:
        """The items of all pages, as the Link headers lead; None where there are more than `most`."""
        found: list[object] = []
        async with translated(), aclosing(self.getiter(path, variables)) as pages:
            async for item in pages:
                found.append(item)
                if len(found) > most:
                    return None
        return found

    async def create(self, path: str, variables: Variables, what: Mapping[str, str]) -> object:
        """What was made of `what`, in JSON. Raises NotThere and RepositoryError."""
        async with translated():
            return await self.post(path, variables, data=dict(what))

    async def raw(self, path: str, variables: Variables, *, most_bytes: int) -> bytes | None:
        """The bytes of a file; None where there is something else by that name. Raises NotThere and RepositoryError.

        Not gidgethub's own way: that decodes the body, and one byte that is no UTF-8 would lose the whole file."""
        accept = sansio.accept_format(media="raw", json=False)
        url = sansio.format_url(path, variables, base_url=self.base_url)
        headers = sansio.create_headers(self.requester, accept=accept, oauth_token=self.oauth_token)
        async with translated():
            _, answered, body = await self._request("GET", url, headers, most_bytes=most_bytes)
        kind = answered.get("content-type", "").partition(";")[0].strip().lower()
        return None if kind.endswith("json") else body  # directories and submodules are told in JSON

    async def _request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes = b"",
        most_bytes: int = _MOST_BYTES,
    ) -> tuple[int, Mapping[str, str], bytes]:
        """gidgethub's own would follow any redirect and read without end. Answers other than good ones are judged here,
        because what gidgethub makes of them differs by status: it knows no 429, and no 5xx without a name."""
        asked = {**headers, "accept-encoding": "identity"}
        target = self._at_home(URL(url))
        async with asyncio.timeout(self._timeout_s):
            for _ in range(1 + _MOST_HOPS):
                self._count()
                async with self._session.request(
                    method, target, headers=asked, data=body, allow_redirects=False
                ) as answer:
                    if answer.status in _REDIRECTS:
                        target = self._at_home(_next(target, answer))
                        continue
                    payload = await self._bounded(answer, most_bytes)
                    if answer.status not in _OK:
                        raise self._refusal(answer, payload)
                    return answer.status, answer.headers, payload
        raise RepositoryError("too-many-redirects")

    def _count(self) -> None:
        self._calls += 1
        if self._calls > MOST_CALLS:
            raise RepositoryError("too-many-pages", most=MOST_CALLS)

    def _at_home(self, url: URL) -> URL:
        """Redirects and Link headers are followed within the API's own address: whatever else they name would get the
        token, and could answer whatever it likes."""
        elsewhere = url.user is not None or not url.absolute or url.origin() != self._home.origin()
        if elsewhere or not url.path.startswith(self._home.path):
            raise RepositoryError("redirect-refused")
        return url

    async def _bounded(self, answer: aiohttp.ClientResponse, most_bytes: int) -> bytes:
        if answer.headers.get("content-encoding", "identity").lower() != "identity":
            raise RepositoryError("malformed-response")  # not asked for, and could unfold into anything
        body = bytearray()
        async for chunk in answer.content.iter_any():
            body += chunk
            self._bytes += len(chunk)
            if len(body) > most_bytes or self._bytes > _MOST_BYTES_IN_ALL:
                raise RepositoryError("too-large", most=most_bytes)
        return bytes(body)

    def _refusal(self, answer: aiohttp.ClientResponse, body: bytes) -> Exception:
        """What an answer other than a good one means."""
        status = answer.status
        if status == _UNAUTHORIZED:
            return RepositoryError("token-refused")
        if _is_limit(answer, body):
            until = _until(answer, self._clock.now())
            return RepositoryError("rate-limited", until=until.isoformat())
        if status == _FORBIDDEN:
            return RepositoryError("forbidden")
        if status in _ABSENT:
            return NotThere(status)
        code = "unavailable" if status >= _SERVER_ERRORS else "unexpected-status"
        return RepositoryError(code, status=status)


def _next(url: URL, answer: aiohttp.ClientResponse) -> URL:
    location = answer.headers.get("location", "")
    if not location:
        raise RepositoryError("redirect-refused")
    return url.join(URL(location))


def _is_limit(answer: aiohttp.ClientResponse, body: bytes) -> bool:
    """GitHub tells both its limits with 403 or 429; the second kind often without any header that would say so."""
    if answer.status == _TOO_MANY:
        return True
    told = answer.headers.get("x-ratelimit-remaining") == "0" or "retry-after" in answer.headers
    return answer.status == _FORBIDDEN and (told or b"rate limit" in body.lower())


def _until(answer: aiohttp.ClientResponse, now: datetime) -> datetime:
    """When GitHub may be asked again, by its word where that is sensible."""
    wait, reset = answer.headers.get("retry-after"), answer.headers.get("x-ratelimit-reset")
    try:
        if wait is not None:
            until = now + timedelta(seconds=int(wait))
        elif reset is not None and answer.headers.get("x-ratelimit-remaining") == "0":
            until = datetime.fromtimestamp(int(reset), UTC)
        else:
            until = now + _PAUSE
    except (ValueError, OverflowError, OSError):
        until = now + _PAUSE
    return min(max(until, now + timedelta(seconds=1)), now + _LONGEST_PAUSE)
