"""Renders our own pages: templates that escape everything, our own style and script, and the headers of every page."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from http import HTTPStatus
from importlib.resources import files
from typing import Final, TypeVar
from urllib.parse import urlsplit

import jinja2
from aiohttp import web

from bot.domain.refusal import Refusal
from handlers.http.context import CONTEXT
from handlers.http.mfa import guard
from handlers.http.templating import templates
from handlers.wording import factors as words
from handlers.wording.refusals import sentence
from handlers.wording.said import Names
from handlers.wording.times import When, in_zone

R = TypeVar("R", bound=web.StreamResponse)
TOKEN: Final = "{token:[A-Za-z0-9_-]{43}}"  # noqa: S105 -- the place of one in a route
"""A link's token in a route: anything else is no address of ours."""
ASSETS: Final[Mapping[str, str]] = {
    "style.css": "text/css",
    "passkey.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
"""All that a page loads, with its media type."""
STATUS: Final[Mapping[str, HTTPStatus]] = {
    "link-unknown": HTTPStatus.NOT_FOUND,
    "link-used": HTTPStatus.GONE,
    "link-over": HTTPStatus.GONE,
    "locked-out": HTTPStatus.TOO_MANY_REQUESTS,
    "changed-since": HTTPStatus.CONFLICT,
    "policy-changed": HTTPStatus.CONFLICT,
    "already-signed": HTTPStatus.CONFLICT,
}
"""Of a refusal; 403 where nothing stands here."""
_HEADERS: Final = {
    "X-Frame-Options": "DENY",
    # Not `no-referrer`: with it a browser sends “Origin: null” with our own forms, and the origin is what we check.
    # Only our own origin is told the address of a page.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Permissions-Policy": "publickey-credentials-get=(self), publickey-credentials-create=(self), "
    "camera=(), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Robots-Tag": "noindex, nofollow",
}
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_ONE_YEAR: Final = 31_536_000
_HTTP: Final = {404: "no-such-page", 413: "too-large"}


@cache
def _templates() -> jinja2.Environment:
    return templates("handlers.http.mfa", asset_address)


def render(
    request: web.Request,
    template: str,
    *,
    status: HTTPStatus = HTTPStatus.OK,
    **facts: object,
) -> web.Response:
    """A page from a template of ours."""
    text = _templates().get_template(template).render(**facts)
    response = web.Response(text=text, status=status, content_type="text/html", charset="utf-8")
    return secured(request, response)


def said(
    request: web.Request,
    title: str,
    text: str,
    *,
    status: HTTPStatus = HTTPStatus.OK,
    done: bool = False,
    again: str | None = None,
) -> web.Response:
    """A page that only says something. `done`: it is good news. `again`: our own path where it can be tried again."""
    return render(request, "said.html", status=status, title=title, text=text, done=done, again=again)


def refused(request: web.Request, refusal: Refusal, *, again: str | None = None) -> web.Response:
    """A refusal as a page: one sentence, and who or what unblocks it."""
    text, status = in_words(request, refusal), STATUS.get(refusal.code, HTTPStatus.FORBIDDEN)
    response = said(request, words.refused_title(refusal.code), text, status=status, again=again)
    response.headers["X-Portcullis-Refusal"] = (
        refusal.code
    )  # for programs that test us; the sentence is for people
    return response


def in_words(request: web.Request, refusal: Refusal) -> str:
    """The sentence of a refusal, with this policy's names and zone."""
    return sentence(refusal, names=names(request), when=when(request))


def see_other(path: str) -> web.Response:
    """On to another page of ours; nowhere else, whatever `path` says."""
    parts = urlsplit(path)
    if parts.scheme or parts.netloc or not path.startswith(guard.ROOT):
        raise ValueError("a page leads to our own pages only")
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": path})


def leaving(request: web.Request, to: str) -> web.Response:
    """Send the browser to the identity provider by a page instead of a redirect: the providers that stand behind it
    are then not bound by the `form-action` of the form that began it."""
    return render(request, "leaving.html", to=to, place=urlsplit(to).hostname or to)


def names(request: web.Request) -> Names:
    """How a person of the directory is called."""
    people = request.app[CONTEXT].in_force.policy.people

    def name(person: str) -> str:
        found = people.get(person)
        return (found.name if found is not None else None) or person

    return name


def when(request: web.Request) -> When:
    """Instants on pages: in the policy's zone, which is named."""
    return in_zone(request.app[CONTEXT].in_force.policy.zone)


@web.middleware
async def as_page(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Around every page: the guard before it, refusals as pages, and the headers on whatever is answered."""
    if not guard.is_page(request):
        return await handler(request)
    try:
        guard.check(request)
        response = await handler(request)
    except guard.PageRefused as no:
        response = closed(request, no.status, no.code)
    except Refusal as refusal:
        if request.content_type == guard.JSON:  # our own script asked, and shows the sentence itself
            body = {"error": refusal.code, "message": in_words(request, refusal)}
            response = web.json_response(body, status=STATUS.get(refusal.code, HTTPStatus.FORBIDDEN))
        else:
            response = refused(request, refusal)
    except web.HTTPException as error:
        code = _HTTP.get(error.status, "bad-request")
        response = closed(request, HTTPStatus(error.status), code)
        if "Allow" in error.headers:
            response.headers["Allow"] = error.headers["Allow"]
    return secured(request, response)


def closed(request: web.Request, status: HTTPStatus, code: str) -> web.Response:
    """What is not answered at all, as whoever asked can show it: `code` is one of handlers/wording/factors.PAGES."""
    if request.content_type == guard.JSON:
        return web.json_response({"error": code, "message": words.PAGES[code]}, status=status)
    return said(request, words.PAGE_REFUSED, words.PAGES[code], status=status)


def secured(request: web.Request, response: R) -> R:
    """The headers of every answer of ours to a browser; what is stricter already stays."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Content-Security-Policy", _POLICY)
    response.headers.setdefault("Cache-Control", "no-store")
    if guard.is_secure(request):
        response.headers.setdefault("Strict-Transport-Security", f"max-age={_ONE_YEAR}")
    return response


async def get_asset(request: web.Request) -> web.Response:
    """Style and script. Their addresses change with what they hold, so browsers may keep them."""
    name = request.match_info["name"]
    if name not in ASSETS:
        raise web.HTTPNotFound
    response = web.Response(body=_asset(name), content_type=ASSETS[name], charset="utf-8")
    response.headers["Cache-Control"] = f"public, max-age={_ONE_YEAR}, immutable"
    return response


def asset_address(name: str) -> str:
    """Where a page loads it from."""
    return f"{guard.ROOT}static/{_version(name)}/{name}"


@cache
def _asset(name: str) -> bytes:
    return files("handlers.http.mfa").joinpath("static", name).read_bytes()


@cache
def _version(name: str) -> str:
    return hashlib.sha256(_asset(name)).hexdigest()[:12]
