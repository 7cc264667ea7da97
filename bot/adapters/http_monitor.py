"""Reads a web address once, within its time limit, and judges what it answers (D3, D6)."""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Self

import aiohttp
from pydantic import JsonValue
from yarl import URL

from bot.adapters.address_guard import GuardedResolver, refuse_literal
from bot.adapters.failures import code_of
from bot.adapters.health_contract import Judgement, judge
from bot.adapters.tcp_monitor import BLIND
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
_HAS_EXPIRED = 10  # OpenSSL's X509_V_ERR_CERT_HAS_EXPIRED


class _Failed(Exception):  # noqa: N818
    """The service answered, and the answer is a failure."""

    def __init__(self, code: str, **facts: JsonValue) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts


class _Answer(aiohttp.ClientResponse):
    """An answer that still knows, after its connection is gone, until when the certificate was good."""

    good_until: datetime | None = None

    async def start(self, connection: aiohttp.connector.Connection) -> Self:
        transport = connection.transport
        secured = None if transport is None else transport.get_extra_info("ssl_object")
        stated = (secured.getpeercert() or {}).get("notAfter") if secured is not None else None
        if isinstance(stated, str):
            self.good_until = datetime.fromtimestamp(ssl.cert_time_to_seconds(stated), UTC)
        await super().start(connection)
        return self


@dataclass(frozen=True, slots=True)
class _Said:
    """What the healthy answer said."""

    body: bytes
    good_until: datetime | None


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
        self._tls: ssl.SSLContext | None = None

    async def read(self, monitor: HttpMonitor) -> Reading:
        """One reading. Never raises, and never takes longer than the monitor's timeout, body included.

        RED where the service failed to answer as it must; UNKNOWN where we could not ask: our own network or name
        server is down, or the address is one that this monitor may not read.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(monitor.timeout.total_seconds()):
                said = await self._said(monitor.http)
        except _Failed as failed:
            return self._reading(Colour.RED, failed.code, failed.facts)
        except (OSError, aiohttp.ClientError, ValueError) as error:
            code = "tls-expired" if _expired(error) else code_of(error)
            facts = {"limit_ms": _ms(monitor.timeout)} if code == "timeout" else {}
            return self._reading(Colour.UNKNOWN if code in BLIND else Colour.RED, code, facts)
        return self._judged(monitor.http, said, timedelta(seconds=loop.time() - began))

    async def answers(self, url: str, limit_s: float) -> bool:
        """Whether anything at all answers there within so many seconds, whatever its status; for references, whose
        address may be a private one. Never raises."""
        try:
            refuse_literal(URL(url).raw_host or "", allow_private=True)
            async with asyncio.timeout(limit_s):
                async with self._session(allow_private=True).get(url, allow_redirects=False):
                    return True
        except (OSError, aiohttp.ClientError, ValueError):
            return False

    async def close(self) -> None:
        """Lets go of the sockets."""
        ways, self._ways = self._ways, {}
        for way in ways.values():
            await way.session.close()
            await way.resolver.close()

    def _judged(self, probe: HttpProbe, said: _Said, took: timedelta) -> Reading:
        """The worst of the body, the certificate and the time it took; its own code, and the facts of all."""
        now = self._clock.now()
        body = judge(said.body, now, probe.requires) if probe.contract else Judgement(Colour.GREEN, "ok", {})
        facts: dict[str, JsonValue] = {**body.facts, "took_ms": _ms(took)}
        worst = body
        for each in (_certificate(probe, said.good_until, now), _pace(probe, took)):
            if each is not None:
                facts |= each.facts
                worst = max(worst, each, key=lambda one: one.colour.rank)
        return self._reading(worst.colour, worst.code, facts)

    def _reading(self, colour: Colour, code: str, facts: Mapping[str, JsonValue]) -> Reading:
        return Reading(colour=colour, code=code, at=self._clock.now(), facts=facts)

    async def _said(self, probe: HttpProbe) -> _Said:
        """The healthy answer, after redirects where they are allowed."""
        url = URL(probe.url)
        for _ in range(1 + _MOST_HOPS):
            refuse_literal(url.raw_host or "", allow_private=probe.allow_private)
            session = self._session(allow_private=probe.allow_private)
            async with session.get(url, allow_redirects=False) as answer:
                if answer.status == probe.status:
                    good_until = answer.good_until if isinstance(answer, _Answer) else None
                    return _Said(await _capped(answer, strict=probe.contract), good_until)
                if answer.status not in _REDIRECTS:
                    raise _Failed(f"http-{answer.status}", expected=probe.status)
                if not probe.follow_redirects:
                    raise _Failed("redirected", status=answer.status)
                url = _next(url, answer)
        raise _Failed("redirected", hops=_MOST_HOPS)

    def _trusted(self) -> ssl.SSLContext:
        """Whom this system trusts; reading that takes a while, so it is read once."""
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls

    def _session(self, *, allow_private: bool) -> aiohttp.ClientSession:
        way = self._ways.get(allow_private)
        if way is None:
            resolver = GuardedResolver(allow_private=allow_private)
            connector = aiohttp.TCPConnector(
                resolver=resolver,
                ssl=self._trusted(),
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
                response_class=_Answer,
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
    if answer.content_length is not None and answer.content_length <= MOST_BODY_BYTES:
        return await answer.read()  # HTTP itself holds it to that length
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > MOST_BODY_BYTES:
            if strict:
                raise _Failed("too-large", limit_bytes=MOST_BODY_BYTES)
            break
    return bytes(body[:MOST_BODY_BYTES])


def _certificate(probe: HttpProbe, good_until: datetime | None, now: datetime) -> Judgement | None:
    """What there is to say of a certificate that the handshake took: it may have ended since, by our clock, or end
    soon."""
    if good_until is None:
        return None
    facts: dict[str, JsonValue] = {"certificate_until": good_until.isoformat()}
    if good_until <= now:
        return Judgement(Colour.RED, "tls-expired", facts)
    if probe.tls_expires_within is None or good_until - now > probe.tls_expires_within:
        return None
    return Judgement(Colour.YELLOW, "tls-expires", facts)


def _expired(error: Exception) -> bool:
    """Whether the handshake failed for a certificate that is over."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        error = error.certificate_error
    return isinstance(error, ssl.SSLCertVerificationError) and error.verify_code == _HAS_EXPIRED


def _pace(probe: HttpProbe, took: timedelta) -> Judgement | None:
    """The answer is within its service level, or slow."""
    if probe.slower_than is None or took <= probe.slower_than:
        return None
    return Judgement(Colour.YELLOW, "slow", {"limit_ms": _ms(probe.slower_than)})


def _ms(length: timedelta) -> int:
    return round(length / timedelta(milliseconds=1))
