"""Posts signed JSON to the addresses of the settings: never led elsewhere, and never into our own network."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import aiohttp
from pydantic import JsonValue, SecretStr
from yarl import URL

from bot.adapters.address_guard import GuardedResolver, refuse_literal
from bot.adapters.oci_names import is_loopback
from bot.adapters.outgoing import accepted, sending
from bot.ports import Clock, Undeliverable

MOST_BYTES: Final = 256 * 1024
LIMIT: Final = 10.0  # seconds for one post, answer included


@dataclass(frozen=True, slots=True)
class _Way:
    """The way out for one kind of address: its session, and the resolver that guards it."""

    session: aiohttp.ClientSession
    resolver: GuardedResolver


class SignedWebhooks:
    """Implements ports.Webhooks.

    The receiver recomputes `v1` of `X-Portcullis-Signature: t=…,v1=…` as the HMAC-SHA256 of `t`, a dot and the raw
    body, refuses a `t` (seconds since 1970) that is minutes old, and takes each `id` of a body once.
    """

    def __init__(
        self,
        addresses: Mapping[str, SecretStr],
        secrets: Mapping[str, SecretStr],
        clock: Clock,
        *,
        limit: float = LIMIT,
    ) -> None:
        """Both by the webhook's name; an address without a secret is not posted to."""
        self._addresses = addresses
        self._secrets = secrets
        self._clock = clock
        self._limit = limit
        self._ways: dict[bool, _Way] = {}

    async def post(self, name: str, body: Mapping[str, JsonValue], *, id: str) -> None:  # noqa: A002
        """Raises Later or Undeliverable. Of the answer only the status is read."""
        address, secret = self._addresses.get(name), self._secrets.get(name)
        if address is None or secret is None:
            raise Undeliverable("not-configured")
        content = json.dumps({"id": id, **body}, ensure_ascii=False).encode("utf-8", "replace")
        if len(content) > MOST_BYTES:
            raise Undeliverable("too-large")
        at = int(self._clock.now().timestamp())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "portcullis",
            "X-Portcullis-Signature": f"t={at},v1={signature(secret, at, content)}",
            "X-Portcullis-Id": hashlib.sha256(id.encode("utf-8", "replace")).hexdigest(),
        }
        async with sending(self._limit):
            url = URL(address.get_secret_value())
            ours = is_loopback(url.raw_host or "")
            refuse_literal(url.raw_host or "", allow_private=ours)
            session = self._session(allow_private=ours)
            async with session.post(url, data=content, headers=headers, allow_redirects=False) as answer:
                accepted(answer)

    async def close(self) -> None:
        """Let go of the sockets."""
        ways, self._ways = self._ways, {}
        for way in ways.values():
            await way.session.close()
            await way.resolver.close()

    def _session(self, *, allow_private: bool) -> aiohttp.ClientSession:
        way = self._ways.get(allow_private)
        if way is None:
            resolver = GuardedResolver(allow_private=allow_private)
            connector = aiohttp.TCPConnector(resolver=resolver, use_dns_cache=False, force_close=True)
            session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),  # the limit of a post covers everything
                auto_decompress=False,
            )
            way = self._ways[allow_private] = _Way(session, resolver)
        return way.session


def signature(secret: SecretStr, at: int, content: bytes) -> str:
    """HMAC-SHA256 of `at`, a dot and the body, in hex."""
    signed = str(at).encode() + b"." + content
    return hmac.new(secret.get_secret_value().encode(), signed, hashlib.sha256).hexdigest()
