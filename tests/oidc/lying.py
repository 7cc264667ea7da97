"""An OpenID Connect provider that says and signs whatever a test wants."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aiohttp import web
from joserfc import jwk, jws
from joserfc.jws import JWSRegistry

CLIENT = "portcullis"
MFA = "urn:test:mfa"
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class AnyAlgorithm(JWSRegistry):
    """Signs with whatever it is told to."""

    def get_alg(self, name: str) -> Any:
        return self.algorithms[name]


def key(kind: str = "RSA", size: Any = 2048, kid: str = "k1", **more: str) -> jwk.Key:
    return jwk.generate_key(kind, size, {"kid": kid, "use": "sig", **more})  # type: ignore[arg-type, call-overload, no-any-return]


RSA = key()
"""Made once: it takes a while."""
OTHER_RSA = key()  # the same kid, another key


def signed(claims: dict[str, Any], by: jwk.Key = RSA, alg: str = "RS256", **header: Any) -> str:
    protected = {"alg": alg, "kid": by.kid, "typ": "JWT", **header}
    registry = AnyAlgorithm(strict_check_header=False)
    said = {name: value for name, value in protected.items() if value is not None}
    return jws.serialize_compact(said, json.dumps(claims), by, registry=registry)


def unsigned(claims: dict[str, Any], alg: str = "none") -> str:
    return f"{_part({'alg': alg, 'typ': 'JWT'})}.{_part(claims)}."


def signed_with_public_key(claims: dict[str, Any]) -> str:
    """HS256 with the published key as the secret: what a checker that lets the token choose falls for."""
    assert isinstance(RSA, jwk.RSAKey)
    head = f"{_part({'alg': 'HS256', 'kid': 'k1', 'typ': 'JWT'})}.{_part(claims)}"
    mac = hmac.new(RSA.as_pem(private=False), head.encode(), hashlib.sha256).digest()
    return f"{head}.{_encoded(mac)}"


def at_hash(access_token: str) -> str:
    return _encoded(hashlib.sha256(access_token.encode()).digest()[:16])


@dataclass
class Lying:
    """The provider. Each part of it can be changed by a test: `metadata`, `keys`, `claims`, `token`, `answers`."""

    now: Callable[[], datetime]
    issuer: str = ""
    keys: list[jwk.Key] = field(default_factory=lambda: [RSA])
    metadata: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    without: set[str] = field(default_factory=set)
    token: Callable[[dict[str, Any]], str | None] = signed
    more: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    forms: list[dict[str, str]] = field(default_factory=list)
    authorizations: list[str | None] = field(default_factory=list)
    nonce: str = ""

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", self._serve("metadata", self._metadata))
        app.router.add_get("/jwks", self._serve("jwks", self._jwks))
        app.router.add_post("/token", self._serve("token", self._token))
        app.router.add_get("/userinfo", self._serve("userinfo", self._userinfo))
        return app

    def begun(self, url: str) -> dict[str, str]:
        """The person arrives: what the browser brought, each parameter once. The nonce is remembered."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        self.nonce = asked["nonce"]
        return asked

    def claimed(self) -> dict[str, Any]:
        """A good ID token's claims, changed by the test."""
        now = int(self.now().timestamp())
        good = {
            "iss": self.issuer,
            "sub": "ada-subject",
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "auth_time": now,
            "nonce": self.nonce,
            "acr": MFA,
            "amr": ["pwd", "mfa"],
            "preferred_username": "ada@example.test",
            **self.claims,
        }
        return {name: value for name, value in good.items() if name not in self.without}

    def _serve(self, name: str, usual: Answer) -> Answer:
        async def serve(request: web.Request) -> web.StreamResponse:
            self.asked.append(name)
            return await self.answers.get(name, usual)(request)

        return serve

    async def _metadata(self, _: web.Request) -> web.Response:
        usual = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
        }
        said = {**usual, **self.metadata}
        return web.json_response({name: value for name, value in said.items() if value is not None})

    async def _jwks(self, _: web.Request) -> web.Response:
        return web.json_response({"keys": [each.as_dict(private=False) for each in self.keys]})

    async def _token(self, request: web.Request) -> web.Response:
        self.forms.append({name: str(value) for name, value in (await request.post()).items()})
        self.authorizations.append(request.headers.get("Authorization"))
        token = self.token(self.claimed())
        said = {"access_token": "access-1", "token_type": "Bearer", "id_token": token, **self.more}
        return web.json_response({name: value for name, value in said.items() if value is not None})

    async def _userinfo(self, request: web.Request) -> web.Response:
        self.authorizations.append(request.headers.get("Authorization"))
        return web.json_response({"sub": "ada-subject", **self.userinfo})


def says(status: int = 200, body: Any = None, **headers: str) -> Answer:
    """Always the same answer."""

    async def answer(_: web.Request) -> web.Response:
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(status=status, text=text, content_type="application/json", headers=headers)

    return answer


async def hangs(_: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


async def floods(request: web.Request) -> web.StreamResponse:
    """A body without an end."""
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b'"' + b"a" * 65536)


def _part(what: dict[str, Any]) -> str:
    return _encoded(json.dumps(what).encode())


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
