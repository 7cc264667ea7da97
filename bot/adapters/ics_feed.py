"""Fetches a calendar from a web address: bounded in time and size, never from addresses that may not be read, and tried
in a process of its own before anybody here reads it."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

import aiohttp
from yarl import URL

from bot.adapters.address_guard import GuardedResolver, refuse_literal
from bot.adapters.failures import code_of
from bot.adapters.ics_trial import IcsTrial
from bot.domain.canonical import sha256
from bot.domain.feed import Fetched
from bot.policy.document import LARGEST

LIMIT: Final = 20.0  # seconds for everything but the trial
MOST_HOPS: Final = 3
_LONGEST_VALIDATOR: Final = 300
_TRIED_KEPT: Final = 1_000
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_NOT_MODIFIED: Final = 304
_OK: Final = 200
_HEADERS: Final = {
    "Accept": "text/calendar, */*;q=0.5",
    "Accept-Encoding": "identity",
    "User-Agent": "portcullis",
}


class _Failed(Exception):  # noqa: N818
    """An answer that is no calendar."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class _Way:
    """The way out for one kind of feed: its session, and the resolver that guards it."""

    session: aiohttp.ClientSession
    resolver: GuardedResolver


class IcsFetcher:
    """Implements jobs.feeds.Fetcher. Each fetch is a new connection to an address that was judged before."""

    def __init__(self, trial: IcsTrial | None = None, *, limit: float = LIMIT) -> None:
        """`limit`: seconds that a fetch may take, the trial of its body aside."""
        self._trial = trial or IcsTrial()
        self._limit = limit
        self._ways: dict[bool, _Way] = {}
        self._tried: OrderedDict[str, str] = OrderedDict()

    async def fetch(
        self, url: str, *, allow_private: bool, etag: str | None = None, last_modified: str | None = None
    ) -> Fetched:
        """One attempt. Never raises.

        `ok` with the body; `not-modified`, where the validators of the copy at hand were given and still hold; or
        what is wrong: `http-N`, `redirected`, `compressed`, `too-large`, `empty`, `html`, a code of
        `bot.adapters.failures`, or one of the trial's (`not-a-calendar`, `too-slow`, `trial-failed`).
        """
        validators = {"If-None-Match": etag, "If-Modified-Since": last_modified}
        headers = {name: value for name, value in validators.items() if value}
        try:
            async with asyncio.timeout(self._limit):
                fetched = await self._answer(_url(url), headers, allow_private=allow_private)
        except _Failed as failed:
            return Fetched(failed.code)
        except (OSError, aiohttp.ClientError, ValueError) as error:
            return Fetched(code_of(error))
        return fetched if fetched.body is None else await self._proven(fetched, fetched.body)

    async def close(self) -> None:
        """Let go of the sockets."""
        ways, self._ways = self._ways, {}
        for way in ways.values():
            await way.session.close()
            await way.resolver.close()

    async def _proven(self, fetched: Fetched, body: bytes) -> Fetched:
        digest = sha256(body)
        code = self._tried.get(digest)
        if code is None:
            code = await self._trial.code(body)
            if code in {"ok", "not-a-calendar"}:  # the others may have been our own fault
                self._tried[digest] = code
            while len(self._tried) > _TRIED_KEPT:
                self._tried.popitem(last=False)
        return fetched if code == "ok" else Fetched(code)

    async def _answer(self, url: URL, headers: dict[str, str], *, allow_private: bool) -> Fetched:
        """The answer after redirects, each of which is judged like the first address."""
        session = self._session(allow_private=allow_private)
        for _ in range(1 + MOST_HOPS):
            refuse_literal(url.raw_host or "", allow_private=allow_private)
            async with session.get(url, headers=headers, allow_redirects=False) as answer:
                if answer.status == _NOT_MODIFIED and headers:
                    return Fetched("not-modified")
                if answer.status == _OK:
                    return Fetched(
                        "ok",
                        await _body(answer),
                        etag=_validator(answer, "ETag"),
                        last_modified=_validator(answer, "Last-Modified"),
                    )
                if answer.status not in _REDIRECTS:
                    raise _Failed(f"http-{answer.status}")
                url = _next(url, answer)
        raise _Failed("redirected")

    def _session(self, *, allow_private: bool) -> aiohttp.ClientSession:
        way = self._ways.get(allow_private)
        if way is None:
            resolver = GuardedResolver(allow_private=allow_private)
            connector = aiohttp.TCPConnector(
                resolver=resolver, use_dns_cache=False, force_close=True, limit=0
            )
            session = aiohttp.ClientSession(
                connector=connector,
                headers=_HEADERS,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),  # the fetch's own covers everything
                auto_decompress=False,
            )
            way = self._ways[allow_private] = _Way(session, resolver)
        return way.session


def _url(text: str) -> URL:
    """The address to ask; webcal is https by another name."""
    scheme, _, rest = text.partition(":")
    return URL(f"https:{rest}" if scheme.lower() == "webcal" else text)


def _next(url: URL, answer: aiohttp.ClientResponse) -> URL:
    """Where a redirect leads; never from https to http, nor to another kind of address."""
    location = answer.headers.get("Location", "")
    following = url.join(_url(location) if location.lower().startswith("webcal:") else URL(location))
    if not location or not following.raw_host or following.scheme not in {"https", url.scheme}:
        raise _Failed("redirected")
    return following


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    """The body, of which no more than the limit is ever read. What it says of its type is not believed, only HTML is
    told apart: the page of a login is the usual reason why a calendar is none."""
    if answer.headers.get("Content-Encoding", "identity").lower() not in {"identity", ""}:
        raise _Failed("compressed")  # it was not asked for, and could unfold into anything
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > LARGEST:
            raise _Failed("too-large")
    text = bytes(body[:1024]).removeprefix(b"\xef\xbb\xbf").lstrip()
    if not text:
        raise _Failed("empty")
    if text.startswith(b"<") or answer.content_type in {"text/html", "application/xhtml+xml"}:
        raise _Failed("html")
    return bytes(body)


def _validator(answer: aiohttp.ClientResponse, name: str) -> str | None:
    """What is sent back the next time, where it is something that can be."""
    value = answer.headers.get(name, "")
    sound = 0 < len(value) <= _LONGEST_VALIDATOR and value.isascii() and value.isprintable()
    return value if sound else None
