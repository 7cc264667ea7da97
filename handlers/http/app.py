"""The HTTP application: routes, limits, one log line a request, and a JSON sentence for whatever goes wrong."""

import asyncio
import time
from http import HTTPStatus
from typing import Final

import structlog
from aiohttp import ClientError, web
from aiohttp.http import HttpProcessingError

from bot.domain.api_token import Scope
from handlers.http import mfa, status
from handlers.http.alertmanager import ADDRESS as ALERTMANAGER
from handlers.http.alertmanager import LARGEST, Alerts, post_alerts
from handlers.http.alertmanager import QUEUE as ALERTS
from handlers.http.answers import problem
from handlers.http.calendar_feed import RENDERINGS, Renderings, get_calendar
from handlers.http.context import CONTEXT, HttpContext
from handlers.http.decision import get_decision
from handlers.http.doors import (
    DOORS,
    NO_TOKEN,
    NOT_FOR_THIS,
    Door,
    Handler,
    admitted,
    at_the_door,
    behind,
    every_route_has_a_door,
)
from handlers.http.evidence import post_evidence
from handlers.http.health import get_health, get_healthz, get_metrics, get_readyz
from handlers.http.heartbeat import PACES, Paces, place_asked, post_heartbeat
from handlers.http.requests import get_request, list_requests

log = structlog.get_logger(__name__)
LIMIT: Final = 1024 * 1024
"""Bytes of a body, after it was unpacked."""
QUIET: Final = frozenset({"/healthz", "/readyz", "/metrics", "/health"}) | status.PATHS
_LONGEST_PATH: Final = 200
_NOT_FOUND, _NO_SUCH_METHOD, _TOO_LARGE = 404, 405, 413


def build_http(context: HttpContext, slack_events: Handler | None) -> web.Application:
    """All routes of the contract that exist; `slack_events` is None where Slack comes by Socket Mode only."""
    app = web.Application(client_max_size=LIMIT, middlewares=[_answered, mfa.as_page, _bounded, at_the_door])
    app[CONTEXT] = context
    app[DOORS] = {}
    app.on_startup.append(every_route_has_a_door)
    anybody, readers = behind(app, NO_TOKEN), behind(app, Door(Scope.READ))
    if slack_events is not None:
        anybody.post("/slack/events", slack_events)
    behind(app, Door(Scope.EVIDENCE)).post("/api/v1/evidence", post_evidence)
    readers.get("/api/v1/decision", get_decision)
    readers.get("/api/v1/requests", list_requests)
    readers.get("/api/v1/requests/{id}", get_request)
    app[PACES] = Paces()
    jobs = behind(app, Door(Scope.HEARTBEATS, heartbeat=place_asked))
    jobs.post("/heartbeat/{monitor}", post_heartbeat)
    jobs.post("/heartbeat/{environment}/{monitor}", post_heartbeat)
    app[ALERTS] = Alerts()
    behind(app, Door(Scope.ALERTS)).post(ALERTMANAGER, post_alerts)
    app[RENDERINGS] = Renderings()
    behind(app, Door(Scope.READ, strangers=True)).get("/calendar.ics", get_calendar)
    status.add_routes(app)
    if context.factors is not None and context.factors.pages is not None:
        mfa.add_routes(app)
    anybody.get("/health", get_health)
    anybody.get("/healthz", get_healthz)
    anybody.get("/readyz", get_readyz)
    anybody.get("/metrics", get_metrics)
    return app


@web.middleware
async def _answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    """One line for each request without its body or query; a bug answers 500 with a sentence, not a stack."""
    began = time.perf_counter()
    try:
        response = await handler(request)
    except web.HTTPException as error:
        response = _in_words(request, error)
    except Exception:
        log.exception("http.failed", method=request.method, path=_path(request), ms=_since(began))
        if mfa.is_page(request):
            return mfa.closed(request, HTTPStatus.INTERNAL_SERVER_ERROR, "internal")
        return problem(500, "internal", "Something broke here; the log of the bot has the details.")
    _line(request, response, began)
    return response


@web.middleware
async def _bounded(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Read what is posted before its handler runs: so many bytes, within so many seconds, or not at all."""
    if request.method != "POST" or request.match_info.http_exception is not None:
        return await handler(request)
    if (largest := _largest(request)) != LIMIT:
        request = request.clone(client_max_size=largest)
    seconds = request.app[CONTEXT].body_seconds
    try:
        async with asyncio.timeout(seconds):
            await request.read()  # aiohttp keeps it for whoever reads it next
    except TimeoutError:
        return _cut_off(
            request, 408, "too-slow", f"The body did not arrive within {seconds:g} s; send it again."
        )
    except (OSError, ClientError, HttpProcessingError, web.RequestPayloadError):
        return _cut_off(
            request, 400, "body-broken", "The body broke off, or is not packed as its headers say."
        )
    return await handler(request)


def _largest(request: web.Request) -> int:
    """How many bytes its body may have: a storm of alerts is larger than all else, but strangers send no alerts."""
    return LARGEST if request.path == ALERTMANAGER and admitted(request) else LIMIT


def _cut_off(request: web.Request, status: int, code: str, sentence: str) -> web.Response:
    """What is left of the body must not be taken for the next request."""
    if mfa.is_page(request):
        answer = mfa.closed(request, HTTPStatus(status), code if code == "too-slow" else "bad-body")
    else:
        answer = problem(status, code, sentence, field="body")
    answer.force_close()
    return answer


def _in_words(request: web.Request, error: web.HTTPException) -> web.Response:
    if error.status == _NOT_FOUND:
        return problem(404, "not-found", "There is nothing at this address.")
    if error.status == _NO_SUCH_METHOD:
        allowed = error.headers.get("Allow", "")
        answer = problem(
            405, "no-such-method", f"{request.method} is not for this address; it takes {allowed}."
        )
        answer.headers["Allow"] = allowed
        return answer
    if error.status == _TOO_LARGE:
        words = f"The body is larger than {_largest(request) // LIMIT} MiB; keep large reports elsewhere."
        return _cut_off(request, 413, "too-large", words)
    return problem(error.status, "refused", f"{error.reason}.")


def _line(request: web.Request, response: web.StreamResponse, began: float) -> None:
    """Of a token that is for something else its name stands there too: somebody uses it for what it was not given."""
    status = response.status
    if request.path not in QUIET or status >= 400:  # noqa: PLR2004
        by = {} if (name := response.get(NOT_FOR_THIS)) is None else {"source": name}
        path = _path(request)
        log.info("http.request", method=request.method, path=path, status=status, ms=_since(began), **by)


def _path(request: web.Request) -> str:
    """The path for the log. Of a page only its route: the token of a link stands in its path."""
    if not mfa.is_page(request):
        return request.path[:_LONGEST_PATH]
    resource = request.match_info.route.resource
    return "/mfa/…" if resource is None else resource.canonical


def _since(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 1)
