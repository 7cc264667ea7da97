"""Asks an OCI registry which digest a tag stands for, or whether it still has one (P5, P14)."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

import aiohttp
from yarl import URL

from bot.adapters.failures import code_of
from bot.adapters.oci_names import Image, MalformedImage, image_named, is_loopback
from bot.adapters.oci_tokens import AccessDenied, Login, TokenDesk, challenges_in
from bot.domain.artifact import DIGEST, TAG, RegistryAnswer, RegistryWord
from bot.ports import Clock

MANIFESTS: Final = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_MOST_MANIFEST_BYTES = 4 * 1024 * 1024
_MOST_HOPS = 3
_SCHEMA = 2
_OK, _UNAUTHORIZED, _NOT_FOUND, _NO_SUCH_METHOD, _TOO_MANY, _SERVER_ERRORS = 200, 401, 404, 405, 429, 500
_HEADERS = {"Accept": ", ".join(MANIFESTS), "Accept-Encoding": "identity"}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PAUSE_S = 0.2
_WORTH_A_RETRY = frozenset(
    {"timeout", "disconnected", "no-route", "unreachable", "dns-unavailable", "refused"}
)
_NAMES = {"refused": "connection-refused", "dns-unavailable": "dns"}  # what the gates' texts call them


class _Missing(Exception):  # noqa: N818
    """The registry answered that it has no such manifest."""


class _Failed(Exception):  # noqa: N818
    def __init__(self, code: str, *, retry: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.retry = retry


class OciRegistry:
    """Implements ports.Registry over the OCI distribution API. Plain http only to loopback and `insecure_hosts`
    (`host` or `host:port`), https to all others; what goes wrong is a short code, never the upstream's text."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        clock: Clock,
        timeout_s: float = 5,
        insecure_hosts: frozenset[str] = frozenset(),
        credentials: Mapping[str, Login] | None = None,
    ) -> None:
        """`timeout_s` bounds one attempt, token included; there are at most two. `credentials` are by registry
        host as the image names it, with its port."""
        self._session = session
        self._clock = clock
        self._timeout_s = timeout_s
        self._insecure = insecure_hosts
        self._tokens = TokenDesk(session, clock, logins=credentials or {}, insecure_hosts=insecure_hosts)

    async def resolve(self, image: str, reference: str) -> RegistryAnswer:
        """What the registry says of `reference` (a tag or a sha256 digest) in `image`. Never raises."""
        asked_at = self._clock.now()
        try:
            named = image_named(image)
        except MalformedImage:
            return RegistryAnswer(word=RegistryWord.UNREACHABLE, asked_at=asked_at, problem="malformed-image")
        if not TAG.fullmatch(reference) and not DIGEST.fullmatch(reference):
            return RegistryAnswer(
                word=RegistryWord.UNREACHABLE, asked_at=asked_at, problem="malformed-reference"
            )
        try:
            digest = await self._asked_twice(named, reference)
        except _Missing:
            return RegistryAnswer(word=RegistryWord.MISSING, asked_at=asked_at)
        except _Failed as failed:
            return RegistryAnswer(word=RegistryWord.UNREACHABLE, asked_at=asked_at, problem=failed.code)
        return RegistryAnswer(word=RegistryWord.FOUND, asked_at=asked_at, digest=digest)

    async def _asked_twice(self, image: Image, reference: str) -> str:
        try:
            return await self._asked(image, reference)
        except _Failed as failed:
            if not failed.retry:
                raise
        await asyncio.sleep(_PAUSE_S)
        return await self._asked(image, reference)

    async def _asked(self, image: Image, reference: str) -> str:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._digest(image, reference)
        except AccessDenied as denied:
            raise _Failed(denied.code) from denied
        except (OSError, aiohttp.ClientError, ValueError) as error:
            code = code_of(error)
            raise _Failed(_NAMES.get(code, code), retry=code in _WORTH_A_RETRY) from error

    async def _digest(self, image: Image, reference: str) -> str:
        """HEAD; and where HEAD tells no digest, GET and our own hash of the bytes."""
        async with self._answer("HEAD", image, reference) as answer:
            said = answer.headers.get("Docker-Content-Digest")
            if answer.status == _OK and said is not None:
                return _checked(said, reference)
            if answer.status not in (_OK, _NO_SUCH_METHOD):
                raise _refused(answer.status)
        async with self._answer("GET", image, reference) as answer:
            if answer.status != _OK:
                raise _refused(answer.status)
            said = answer.headers.get("Docker-Content-Digest")
            body = await _manifest(answer)
        ours = f"sha256:{hashlib.sha256(body).hexdigest()}"
        if said is not None and _checked(said, reference) != ours:
            raise _Failed("digest-mismatch")
        return _checked(ours, reference)

    @asynccontextmanager
    async def _answer(
        self, method: str, image: Image, reference: str
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer after authorization and redirects; the Authorization header goes to the registry only."""
        origin = url = self._url(image, reference)
        header, asked = self._tokens.kept(image), False
        for _ in range(_MOST_HOPS + 2):
            at_home = url.origin() == origin.origin()
            headers = _HEADERS | ({"Authorization": header} if header and at_home else {})
            async with self._session.request(method, url, headers=headers, allow_redirects=False) as answer:
                if answer.status == _UNAUTHORIZED and at_home and not asked:
                    asked = True
                    self._tokens.forget(image)
                    challenges = challenges_in(answer.headers.getall("WWW-Authenticate", []))
                    header = await self._tokens.authorize(image, origin, challenges)
                elif answer.status in _REDIRECTS:
                    url = self._next(url, answer.headers.get("Location", ""))
                else:
                    yield answer
                    return
        raise _Failed("too-many-redirects")

    def _url(self, image: Image, reference: str) -> URL:
        host = URL(f"https://{image.host}").host or ""
        scheme = "http" if self._may_be_plain(host, image.host) else "https"
        return URL(f"{scheme}://{image.host}/v2/{image.path}/manifests/{reference}")

    def _may_be_plain(self, host: str, with_port: str) -> bool:
        return is_loopback(host) or bool({host, with_port} & self._insecure)

    def _next(self, url: URL, location: str) -> URL:
        """Where a redirect leads. From https it never leads to http."""
        following = url.join(URL(location))
        host = following.host or ""
        plain = url.scheme == "http" and self._may_be_plain(host, f"{host}:{following.port}")
        if (
            not location
            or not host
            or not (following.scheme == "https" or (plain and following.scheme == "http"))
        ):
            raise _Failed("redirect-refused")
        return following


def _checked(said: str, reference: str) -> str:
    """The digest that was stated, where it is one and is the one that was asked for."""
    if not DIGEST.fullmatch(said):
        raise _Failed("malformed-digest")
    if DIGEST.fullmatch(reference) and said != reference:
        raise _Failed("digest-mismatch")
    return said


def _refused(status: int) -> Exception:
    if status == _NOT_FOUND:
        return _Missing()
    if status == _UNAUTHORIZED:
        return _Failed("unauthorized")
    return _Failed(f"http-{status}", retry=status == _TOO_MANY or status >= _SERVER_ERRORS)


async def _manifest(answer: aiohttp.ClientResponse) -> bytes:
    """The body, if it is a manifest at all: a sign-in page answers 200 as well, and has a hash too."""
    if answer.content_type not in MANIFESTS:
        raise _Failed("not-a-manifest")
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > _MOST_MANIFEST_BYTES:
            raise _Failed("too-large")
    try:
        said = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _Failed("not-a-manifest") from error
    if not isinstance(said, dict) or said.get("schemaVersion") != _SCHEMA:
        raise _Failed("not-a-manifest")
    return bytes(body)
