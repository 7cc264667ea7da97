"""What every page of ours refuses: another host's name, another site's form, a body that is not what it says."""

import ipaddress
from collections.abc import Mapping
from http import HTTPStatus
from ipaddress import IPv4Address, IPv6Address
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from aiohttp import web
from pydantic import JsonValue

from bot.ports import Factors
from handlers.http.bodies import BadBody, json_object
from handlers.http.context import CONTEXT

Address = IPv4Address | IPv6Address
ROOT: Final = "/mfa/"
"""Where all pages stand."""
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
BODY_LIMIT: Final = 64 * 1024
"""Bytes of what a page sends: an answer of an authenticator has a few thousand."""
FIELDS: Final = 20
_PORTS: Final = {"http": 80, "https": 443}
_WHOLE_NETWORK: Final = 64
_HOPS: Final = 32


class PageRefused(Exception):  # noqa: N818 -- an answer, not an error
    """The request is not one of our pages' own; `code` names the sentence (handlers/wording/factors.PAGES)."""

    def __init__(self, status: HTTPStatus, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


def is_page(request: web.Request) -> bool:
    """Whether the address is one of ours for people, whose answers are pages; there are none without an origin."""
    found = request.app[CONTEXT].factors
    return found is not None and found.pages is not None and request.path.startswith(ROOT)


def check(request: web.Request) -> None:
    """Every request for a page: our own host's name; and a POST comes from a page of our own, or from nobody.

    A browser sends Origin with every POST, so one without it is not from a page. Raises PageRefused.
    """
    ours = origin(request)
    if _place(f"{urlsplit(ours).scheme}://{request.headers.get('Host', '')}") != _place(ours):
        raise PageRefused(HTTPStatus.MISDIRECTED_REQUEST, "other-host")
    if request.method in ("GET", "HEAD"):
        return
    if request.headers.getall("Origin", []) != [ours]:
        raise PageRefused(HTTPStatus.FORBIDDEN, "other-origin")
    if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        raise PageRefused(HTTPStatus.FORBIDDEN, "other-origin")


def factors(request: web.Request) -> Factors:
    """What second factors are checked with: the pages stand only where it is there."""
    found = request.app[CONTEXT].factors
    if found is None:
        raise LookupError("pages without factors")
    return found


def origin(request: web.Request) -> str:
    """Our own origin, as it was configured: never what the request says of itself."""
    ours = factors(request).pages
    if ours is None:
        raise LookupError("pages without an origin")
    return ours


def is_secure(request: web.Request) -> bool:
    """Whether our origin is https."""
    return origin(request).startswith("https:")


async def form(request: web.Request) -> Mapping[str, str]:
    """The fields of a form, each once. Raises PageRefused."""
    body = await _body(request, FORM)
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            errors="strict",
            max_num_fields=FIELDS,
        )
    except ValueError:
        raise PageRefused(HTTPStatus.BAD_REQUEST, "bad-body") from None
    if len({name for name, _ in pairs}) != len(pairs):
        raise PageRefused(HTTPStatus.BAD_REQUEST, "bad-body")
    return dict(pairs)


async def json_body(request: web.Request) -> Mapping[str, JsonValue]:
    """The JSON object that our own script sent. Raises PageRefused."""
    return json_text(await _body(request, JSON))


def json_text(text: bytes | str) -> Mapping[str, JsonValue]:
    """A JSON object, such as a form's field with what an authenticator answered. Raises PageRefused."""
    try:
        return json_object(text if isinstance(text, bytes) else text.encode("utf-8", "replace"))
    except BadBody:
        raise PageRefused(HTTPStatus.BAD_REQUEST, "bad-body") from None


async def _body(request: web.Request, kind: str) -> bytes:
    if request.content_type != kind:  # a form of another site can say text/plain, never application/json
        raise PageRefused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "bad-body")
    body = await request.read()
    if len(body) > BODY_LIMIT:
        raise PageRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "bad-body")
    return body


def client_address(request: web.Request) -> str:
    """Whom failures are counted for: the peer, or, behind proxies that are trusted, the right-most address that is
    not one of theirs. What stands further left in X-Forwarded-For anybody can write. IPv6: the network of 64 bits,
    which is what one subscriber is given."""
    trusted = request.app[CONTEXT].trusted_proxies
    at = _address(request.remote or "")
    if at is None:
        return "unknown"
    hops = ",".join(request.headers.getall("X-Forwarded-For", [])).split(",")
    for hop in reversed(hops[-_HOPS:]):
        if not any(at in network for network in trusted):
            break
        before = _address(hop.strip())
        if before is None:
            break
        at = before
    return str(at) if at.version == 4 else str(ipaddress.ip_network((at, _WHOLE_NETWORK), strict=False))  # noqa: PLR2004


def set_cookie(
    request: web.Request, response: web.StreamResponse, name: str, value: str, *, seconds: int
) -> None:
    """A cookie that no script reads and no other site's form sends. It comes back with a link that somebody follows
    to us from the identity provider (SameSite=Lax), and, over https, no other host can have set it (`__Host-`)."""
    response.set_cookie(
        _cookie_name(request, name),
        value,
        max_age=seconds,
        path="/",
        secure=is_secure(request),
        httponly=True,
        samesite="Lax",
    )


def cookie(request: web.Request, name: str) -> str | None:
    """A cookie of ours, or None."""
    return request.cookies.get(_cookie_name(request, name))


def drop_cookie(request: web.Request, response: web.StreamResponse, name: str) -> None:
    """Have the browser forget it."""
    response.del_cookie(
        _cookie_name(request, name), path="/", secure=is_secure(request), httponly=True, samesite="Lax"
    )


def _cookie_name(request: web.Request, name: str) -> str:
    return f"__Host-{name}" if is_secure(request) else name


def _place(url: str) -> tuple[str | None, int | None] | None:
    """Host and port; None for what is no address."""
    try:
        parts = urlsplit(url)
        if parts.username is not None or parts.path.strip("/") or parts.query or parts.fragment:
            return None
        return parts.hostname, parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None


def _address(text: str) -> Address | None:
    """An address, without the zone or the port that some write beside it; an IPv4 one as such."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found
