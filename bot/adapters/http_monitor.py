"""Reads a web address once, within its time limit, and judges what it answers (D3, D6)."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import aiohttp
from pydantic import JsonValue
from yarl import URL

from bot.adapters.address_guard import GuardedResolver, refuse_literal
from bot.adapters.failures import code_of
from bot.adapters.health_contract import Judgement, judge
from bot.domain.environment import Colour, Reading
from bot.policy.monitors import HttpMonitor, HttpProbe
from bot.ports import Clock

MOST_BODY_BYTES: Final = 64 * 1024
_MOST_HOPS = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HEADERS = {
    "Accept": "application/json, */*;q=0.5",
    "Accept-Encoding": "identity",
    "User-Agent": "portcullis",
}
_BLIND = frozenset({"dns-unavailable", "no-route", "address-refused", "bad-url"})


class _Failed(Exception):  # noqa: N818
    """The service answered, and the answer is a failure."""

    def __init__(self, code: str, **facts: JsonValue) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts


@dataclass(frozen=True, slots=True)
class _Way:
    """The way out for one kind of monitor: its session, and the resolver that guards it."""

    session: aiohttp.ClientSession
    resolver: GuardedResolver


class HttpReader:
    """Takes readings over HTTP. Each is a new connection to an address that was judged before; what is not public
    is refused unless the monitor says `allow_private`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ways: dict[bool, _Way] = {}

    async def read(self, monitor: HttpMonitor) -> Reading:
        """One reading. Never raises, and never takes longer than the monitor's timeout, body included.

        RED where the service failed to answer as it must; UNKNOWN where we could not ask: our own network or name
        server is down, or the address is one that this monitor may not read.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(monitor.timeout.total_seconds()):
                body = await self._body(monitor.http)
        except _Failed as failed:
            return self._reading(Colour.RED, failed.code, failed.facts)
        except (OSError, aiohttp.ClientError, ValueError) as error:
            code = code_of(error)
            facts = {"limit_ms": _ms(monitor.timeout)} if code == "timeout" else {}
            return self._reading(Colour.UNKNOWN if code in _BLIND else Colour.RED, code, facts)
        return self._judged(monitor.http, body, timedelta(seconds=loop.time() - began))

    async def close(self) -> None:
        """Lets go of the sockets."""
        ways, self._ways = self._ways, {}
        for way in ways.values():
            await way.session.close()
            await way.resolver.close()

    def _judged(self, probe: HttpProbe, body: bytes, took: timedelta) -> Reading:
        found = judge(body, self._clock.now()) if probe.contract else Judgement(Colour.GREEN, "ok", {})
        facts: dict[str, JsonValue] = {**found.facts, "took_ms": _ms(took)}
        if probe.slower_than is None or took <= probe.slower_than:
            return self._reading(found.colour, found.code, facts)
        facts["limit_ms"] = _ms(probe.slower_than)
        if found.colour is Colour.GREEN:
            return self._reading(Colour.YELLOW, "slow", facts)
        return self._reading(found.colour, found.code, facts)

    def _reading(self, colour: Colour, code: str, facts: Mapping[str, JsonValue]) -> Reading:
        return Reading(colour=colour, code=code, at=self._clock.now(), facts=facts)

    async def _body(self, probe: HttpProbe) -> bytes:
        """The body of the healthy answer, after redirects where they are allowed."""
        url = URL(probe.url)
        for _ in range(1 + _MOST_HOPS):
            refuse_literal(url.raw_host or "", allow_private=probe.allow_private)
            session = self._session(allow_private=probe.allow_private)
            async with session.get(url, allow_redirects=False) as answer:
                if answer.status == probe.status:
                    return await _capped(answer, strict=probe.contract)
                if answer.status not in _REDIRECTS:
                    raise _Failed(f"http-{answer.status}", expected=probe.status)
                if not probe.follow_redirects:
                    raise _Failed("redirected", status=answer.status)
                url = _next(url, answer)
        raise _Failed("redirected", hops=_MOST_HOPS)

    def _session(self, *, allow_private: bool) -> aiohttp.ClientSession:
        way = self._ways.get(allow_private)
        if way is None:
            resolver = GuardedResolver(allow_private=allow_private)
            connector = aiohttp.TCPConnector(
                resolver=resolver,
                use_dns_cache=False,
                force_close=True,  # each reading tries the whole way, and none rides on another's permission
                limit=0,  # a slow address must not make the others wait for a connection
            )
            session = aiohttp.ClientSession(
                connector=connector,
                headers=_HEADERS,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),  # the monitor's own covers everything
                auto_decompress=False,
            )
            way = self._ways[allow_private] = _Way(session, resolver)
        return way.session


def _next(url: URL, answer: aiohttp.ClientResponse) -> URL:
    """Where a redirect leads; never from https to http, nor to another kind of address."""
    location = answer.headers.get("Location", "")
    following = url.join(URL(location))
    if not location or not following.raw_host or following.scheme not in {"https", url.scheme}:
        raise _Failed("redirected", status=answer.status)
    return following


async def _capped(answer: aiohttp.ClientResponse, *, strict: bool) -> bytes:
    """The body, of which no more than the cap is ever read; a longer one breaks the contract, where there is one."""
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > MOST_BODY_BYTES:
            if strict:
                raise _Failed("too-large", limit_bytes=MOST_BODY_BYTES)
            break
    return bytes(body[:MOST_BODY_BYTES])


def _ms(length: timedelta) -> int:
    return round(length / timedelta(milliseconds=1))
