"""GET /status and /status.json: shared bytes with a tag, packed once, and a page that admits when it knows nothing."""

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from importlib.resources import files
from typing import Final

import jinja2
import structlog
from aiohttp import ETag, web

from bot.domain.api_token import Scope
from bot.domain.board import Board
from bot.flows.board import board
from bot.policy import Policy
from handlers.http.answers import problem
from handlers.http.context import CONTEXT
from handlers.http.doors import NO_TOKEN, Door, behind
from handlers.http.status.access import Sight, sight
from handlers.http.status.as_json import board_json
from handlers.http.status.kept import Boards, Rendered, View
from handlers.http.status.view import page
from handlers.http.templating import templates
from handlers.wording.board import audience_of
from handlers.wording.times import in_zone

log = structlog.get_logger(__name__)
PATHS: Final = frozenset({"/status", "/status.json"})
"""Where visitors come again and again."""
PAGE, JSON = "html", "json"
TYPES: Final[Mapping[str, str]] = {
    PAGE: "text/html; charset=utf-8",
    JSON: "application/json; charset=utf-8",
}
ASSETS: Final[Mapping[str, str]] = {"style.css": "text/css", "icon.svg": "image/svg+xml"}
"""All that the page loads, with its media type."""
_MAX_AGE: Final = 10
_RETRY_SECONDS: Final = 10
_ONE_YEAR: Final = 31_536_000
_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Robots-Tag": "noindex, nofollow",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'none'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "Vary": "Authorization, Accept-Encoding",
}
BOARDS: web.AppKey[Boards] = web.AppKey("boards", Boards)


def add_routes(app: web.Application) -> None:
    """Register the page, its JSON and what it loads."""
    app[BOARDS] = Boards(board, rendered)
    readers = behind(app, Door(Scope.READ, strangers=True))
    readers.get("/status", get_status)
    readers.get("/status.json", get_status_json)
    behind(app, NO_TOKEN).get("/status/static/{version:[0-9a-f]{12}}/{name}", get_asset)


async def get_status(request: web.Request) -> web.Response:
    """The page: 304 where the browser has it, 401 where it takes a token, 404 where the policy shows none."""
    return await _answer(request, PAGE)


async def get_status_json(request: web.Request) -> web.Response:
    """The same for programs."""
    return await _answer(request, JSON)


async def _answer(request: web.Request, form: str) -> web.Response:
    seen = sight(request)
    if seen is Sight.NOTHING:
        raise web.HTTPNotFound
    if seen is Sight.NEEDS_TOKEN:
        return _unauthorized()
    context, view = request.app[CONTEXT], View(form, seen is Sight.PUBLIC)
    policy, boards = context.in_force.policy, request.app[BOARDS]
    found = boards.ready(view, policy, context.clock)
    if found is None:
        try:
            found = await boards.of(view, context.ledger, policy, context.clock)
        except Exception:
            log.exception("status.unreadable")
            return _silent(form)
    return _sent(request, found, view)


def _sent(request: web.Request, found: Rendered, view: View) -> web.Response:
    headers = {
        **_HEADERS,
        "Cache-Control": f"{'public' if view.public else 'private'}, max-age={_MAX_AGE}",
        "ETag": f'W/"{found.tag}"',  # weak: it may be sent packed
    }
    if "If-None-Match" in request.headers and _has(request, found):
        return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    headers["Content-Type"] = TYPES[view.form]
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return web.Response(body=found.packed, headers=headers)
    return web.Response(body=found.body, headers=headers)


def _has(request: web.Request, found: Rendered) -> bool:
    tags: tuple[ETag, ...] = request.if_none_match or ()
    return any(tag.value in {found.tag, "*"} for tag in tags)


def rendered(view: View, board: Board, policy: Policy) -> bytes:
    """The bytes of a view of the board."""
    audience = audience_of(policy, public=view.public)
    if view.form == JSON:
        return json.dumps(board_json(board, audience)).encode()
    shown = page(board, policy.organization, audience, in_zone(policy.zone))
    return _templates().get_template("status.html").render(page=shown).encode("utf-8", "replace")


def _unauthorized() -> web.Response:
    answer = problem(
        HTTPStatus.UNAUTHORIZED,
        "unauthorized",
        "The status page takes a known token: one of PORTCULLIS_API_TOKENS as a bearer token or as the password. "
        "“status_page: {readers: public}” in the policy shows it to everybody.",
    )
    answer.headers["WWW-Authenticate"] = 'Basic realm="portcullis status", charset="UTF-8"'
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _silent(form: str) -> web.Response:
    """The ledger does not answer: that is said, and nothing old is passed off as new."""
    if form == JSON:
        answer = problem(
            503, "status-unknown", "The record does not answer; nobody can say how anything stands."
        )
    else:
        text = _templates().get_template("silent.html").render()
        answer = web.Response(
            text=text, status=HTTPStatus.SERVICE_UNAVAILABLE, content_type="text/html", charset="utf-8"
        )
    answer.headers.update({**_HEADERS, "Cache-Control": "no-store", "Retry-After": str(_RETRY_SECONDS)})
    return answer


async def get_asset(request: web.Request) -> web.Response:
    """Style and icon. Their addresses change with what they hold, so browsers may keep them."""
    name = request.match_info["name"]
    if name not in ASSETS or request.app[CONTEXT].in_force.policy.status_page.readers == "off":
        raise web.HTTPNotFound
    answer = web.Response(body=_asset(name), content_type=ASSETS[name], charset="utf-8", headers=_HEADERS)
    answer.headers["Cache-Control"] = f"public, max-age={_ONE_YEAR}, immutable"
    return answer


@cache
def _templates() -> jinja2.Environment:
    return templates("handlers.http.status", asset_address)


def asset_address(name: str) -> str:
    """Where the page loads it from."""
    return f"/status/static/{hashlib.sha256(_asset(name)).hexdigest()[:12]}/{name}"


@cache
def _asset(name: str) -> bytes:
    return files("handlers.http.status").joinpath("static", name).read_bytes()
