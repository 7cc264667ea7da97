"""What an identity provider says of itself: its addresses and keys, asked for by discovery and kept for a while."""

import asyncio
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal
from urllib.parse import urlsplit

from bot.adapters.oidc_exchange import Exchange, Said
from bot.adapters.oidc_keys import Keys, PublicKey, keys_in
from bot.ports import Clock, LoginRefused

ClientAuth = Literal["client_secret_basic", "client_secret_post"]

KEPT: Final = timedelta(hours=1)
_HERE: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_ADDRESS: Final = re.compile(r"https?://[^\s/@?#\\]+(?:[/?][!-~]{0,2000})?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """The part of OpenID Provider Metadata that is used here."""

    authorization: str
    token: str
    jwks: str
    userinfo: str | None
    client_auth: ClientAuth
    names_itself: bool  # RFC 9207: every answer through the browser says whose it is
    asks_consent: bool  # it says that it understands prompt=consent


class Discovery:
    """The metadata and the keys of one issuer, each fetched at first use and again after an hour."""

    def __init__(self, exchange: Exchange, clock: Clock, issuer: str) -> None:
        self._exchange = exchange
        self._clock = clock
        self._issuer = issuer
        self._fetching = asyncio.Lock()
        self._metadata: tuple[Metadata, datetime] | None = None
        self._keys: tuple[Keys, datetime] | None = None

    async def metadata(self) -> Metadata:
        """Raises LoginRefused: `provider-silent`, `provider-malformed`, or `provider-other-issuer`."""
        async with self._fetching:
            return await self._current()

    async def key(self, kid: str | None, algorithm: str) -> PublicKey:
        """The key that a token names. An unknown one makes the keys be fetched anew, once: providers rotate theirs.

        Raises LoginRefused, `key-unknown` among others.
        """
        async with self._fetching:
            metadata = await self._current()
            if self._keys is not None and self._fresh(self._keys[1]):
                found = self._keys[0].fitting(kid, algorithm)
                if found is not None:
                    return found
            keys = keys_in(await self._exchange.get(metadata.jwks))
            self._keys = (keys, self._clock.now())
        found = keys.fitting(kid, algorithm)
        if found is None:
            raise LoginRefused("key-unknown")
        return found

    async def _current(self) -> Metadata:
        if self._metadata is None or not self._fresh(self._metadata[1]):
            said = await self._exchange.get(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
            self._metadata = (_read(said, self._issuer), self._clock.now())
        return self._metadata[0]

    def _fresh(self, since: datetime) -> bool:
        return since <= self._clock.now() < since + KEPT


def _read(said: Said, issuer: str) -> Metadata:
    if said.get("issuer") != issuer:
        # To the letter: a slash more at the end is another issuer, and its tokens say so too.
        raise LoginRefused("provider-other-issuer")
    plain = urlsplit(issuer).scheme == "http"
    return Metadata(
        authorization=_address(said, "authorization_endpoint", plain=plain),
        token=_address(said, "token_endpoint", plain=plain),
        jwks=_address(said, "jwks_uri", plain=plain),
        userinfo=_address(said, "userinfo_endpoint", plain=plain) if "userinfo_endpoint" in said else None,
        client_auth=_client_auth(said.get("token_endpoint_auth_methods_supported")),
        names_itself=said.get("authorization_response_iss_parameter_supported") is True,
        asks_consent="consent" in _texts(said.get("prompt_values_supported")),
    )


def _address(said: Said, name: str, *, plain: bool) -> str:
    """An https address; plain http only on this machine, and only where the issuer itself is so."""
    value = said.get(name)
    if not isinstance(value, str) or not _ADDRESS.fullmatch(value):
        raise LoginRefused("provider-malformed", why=name)
    try:
        parts = urlsplit(value)
    except ValueError:
        raise LoginRefused("provider-malformed", why=name) from None
    here = plain and parts.scheme == "http" and parts.hostname in _HERE
    if not (parts.scheme == "https" or here):
        raise LoginRefused("provider-malformed", why=name)
    return value


def _client_auth(said: object) -> ClientAuth:
    """In the header, as OAuth has it where nothing is said; in the form where only that is offered."""
    offered = _texts(said)
    post_only = "client_secret_post" in offered and "client_secret_basic" not in offered
    return "client_secret_post" if post_only else "client_secret_basic"


def _texts(said: object) -> tuple[str, ...]:
    return tuple(each for each in said if isinstance(each, str)) if isinstance(said, list) else ()
