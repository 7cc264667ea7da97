"""The HTTP application: routes, limits, one log line a request."""

import time
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web

from handlers.http.answers import problem
from handlers.http.context import CONTEXT, HttpContext
from handlers.http.decision import get_decision
from handlers.http.evidence import post_evidence
from handlers.http.health import get_health, get_healthz, get_metrics, get_readyz
from handlers.http.requests import get_request, list_requests

log = structlog.get_logger(__name__)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
QUIET = frozenset({"/healthz", "/readyz", "/metrics", "/health"})


def build_http(context: HttpContext, slack_events: Handler | None) -> web.Application:
    """All routes of the contract that exist; `slack_events` is None where Slack comes by Socket Mode only."""
    app = web.Application(client_max_size=1024 * 1024, middlewares=[_logged])
    app[CONTEXT] = context
    if slack_events is not None:
        app.router.add_post("/slack/events", slack_events)
    app.router.add_post("/api/v1/evidence", post_evidence)
    app.router.add_get("/api/v1/decision", get_decision)
    app.router.add_get("/api/v1/requests", list_requests)
    app.router.add_get("/api/v1/requests/{id}", get_request)
    app.router.add_get("/health", get_health)
    app.router.add_get("/healthz", get_healthz)
    app.router.add_get("/readyz", get_readyz)
    app.router.add_get("/metrics", get_metrics)
    return app


@web.middleware
async def _logged(request: web.Request, handler: Handler) -> web.StreamResponse:
    """One line for each request without its body or query; a bug answers 500 with a sentence, not a stack."""
    began = time.perf_counter()
    try:
        response = await handler(request)
    except web.HTTPException as error:
        _line(request, error.status, began)
        raise
    except Exception:
        log.exception("http.failed", method=request.method, path=request.path)
        return problem(500, "internal", "Something broke here; nothing was changed. The log has the details.")
    _line(request, response.status, began)
    return response


def _line(request: web.Request, status: int, began: float) -> None:
    if request.path not in QUIET or status >= 400:  # noqa: PLR2004
        ms = round((time.perf_counter() - began) * 1000, 1)
        log.info("http.request", method=request.method, path=request.path, status=status, ms=ms)
