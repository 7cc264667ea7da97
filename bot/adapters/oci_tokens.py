"""Answers a registry's 401: the challenge read, a pull token fetched over a safe address and kept until it expires."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import aiohttp
from pydantic import SecretStr
from yarl import URL

from bot.adapters.oci_names import Image, is_loopback
from bot.ports import Clock

Login = tuple[str, SecretStr]

_MOST_TOKEN_BYTES = 64 * 1024
_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_PIECE = re.compile(rf"([A-Za-z0-9_-]+)(?:\s*=\s*(?:{_QUOTED}|([^\s,\"]+)))?")  # a parameter, or a scheme
_TOKEN = re.compile(r"[\x21-\x7e]+")
_DEFAULT_LIFE_S = 60  # the token specification's, where the answer says nothing
_LONGEST_LIFE_S = 3600
_EARLY = timedelta(seconds=5)


class AccessDenied(Exception):  # noqa: N818 -- it is an answer
    """No authorization can be had; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way in that the registry offers: `bearer` with a realm to ask, or `basic`."""

    scheme: str
    realm: str = ""
    service: str = ""


def challenges_in(headers: list[str]) -> list[Challenge]:
    """The Bearer and Basic challenges of WWW-Authenticate, in their order; other schemes are passed over."""
    found: list[tuple[str, dict[str, str]]] = []
    for piece in (p for header in headers for p in _PIECE.finditer(header)):
        name, quoted, bare = piece.groups()
        if quoted is None and bare is None:
            found.append((name.lower(), {}))
        elif found:
            found[-1][1].setdefault(name.lower(), quoted if quoted is not None else bare)
    return [
        Challenge(scheme, named.get("realm", ""), named.get("service", ""))
        for scheme, named in found
        if scheme in ("bearer", "basic")
    ]


@dataclass(frozen=True, slots=True)
class _Token:
    value: str
    until: datetime


class TokenDesk:
    """Gets the Authorization header for one image. Passwords go to the registry that asked, or to the realm it
    names if that is https (or plain http from a registry that is itself plain, on loopback or an insecure host)."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        clock: Clock,
        *,
        logins: Mapping[str, Login],
        insecure_hosts: frozenset[str],
    ) -> None:
        self._session = session
        self._clock = clock
        self._logins = logins
        self._insecure = insecure_hosts
        self._kept: dict[Image, _Token] = {}

    def kept(self, image: Image) -> str | None:
        """The header from before, while its token lives."""
        token = self._kept.get(image)
        return f"Bearer {token.value}" if token and self._clock.now() < token.until else None

    def forget(self, image: Image) -> None:
        """The registry did not accept what was kept."""
        self._kept.pop(image, None)

    async def authorize(self, image: Image, origin: URL, challenges: list[Challenge]) -> str:
        """The header that answers the challenges of `origin`. Raises AccessDenied and what aiohttp raises."""
        login = self._logins.get(image.host)
        for challenge in challenges:
            if challenge.scheme == "bearer":
                return f"Bearer {await self._token(image, origin, challenge, login)}"
        if any(c.scheme == "basic" for c in challenges) and login:
            return _basic(login)
        raise AccessDenied("unauthorized")

    async def _token(self, image: Image, origin: URL, challenge: Challenge, login: Login | None) -> str:
        realm = self._safe_realm(origin, challenge.realm)
        query = {"scope": f"repository:{image.path}:pull"}
        if challenge.service:
            query["service"] = challenge.service
        headers = {"Authorization": _basic(login)} if login else {}
        async with self._session.get(
            realm.update_query(query), headers=headers, allow_redirects=False
        ) as answer:
            if answer.status != 200:  # noqa: PLR2004
                raise AccessDenied(
                    "unauthorized" if answer.status in (401, 403) else f"token-{answer.status}"
                )
            body = await answer.content.read(_MOST_TOKEN_BYTES + 1)
            while len(body) <= _MOST_TOKEN_BYTES and (more := await answer.content.readany()):
                body += more
        token = _token_in(body, self._clock.now())
        self._kept[image] = token
        return token.value

    def _safe_realm(self, origin: URL, realm: str) -> URL:
        try:
            url = URL(realm)
        except ValueError as error:
            raise AccessDenied("token-realm-refused") from error
        host = url.host or ""
        plain_is_fine = origin.scheme == "http" and (
            is_loopback(host) or {host, f"{host}:{url.port}"} & self._insecure
        )
        if not host or url.user or (url.scheme != "https" and not (url.scheme == "http" and plain_is_fine)):
            raise AccessDenied("token-realm-refused")
        return url


def _basic(login: Login) -> str:
    user, password = login
    return aiohttp.encode_basic_auth(user, password.get_secret_value())


def _token_in(body: bytes, now: datetime) -> _Token:
    """Reads a token answer; its life counts from now, whatever clock the other side keeps."""
    try:
        said = json.loads(body) if len(body) <= _MOST_TOKEN_BYTES else None
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise AccessDenied("malformed-token")
    value = said.get("token") or said.get("access_token")
    life = said.get("expires_in", _DEFAULT_LIFE_S)
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        raise AccessDenied("malformed-token")
    if not isinstance(life, int) or isinstance(life, bool) or life < 0:
        life = _DEFAULT_LIFE_S
    return _Token(value, now + timedelta(seconds=min(life, _LONGEST_LIFE_S)) - _EARLY)
