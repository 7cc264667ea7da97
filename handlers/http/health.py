"""/health (contract D3, of the bot itself), /healthz, /readyz and /metrics."""

from typing import Final

from aiohttp import web
from pydantic import JsonValue

from handlers.http.context import CONTEXT

NOT_NEEDED: Final = frozenset({"memory", "watch", "pages"})
"""A bot that uses too much memory still works, and so does one whose watch is blind or whose pages reach nobody: to take
it out of service would stop approvals, and what it is told, for nothing."""


async def get_health(request: web.Request) -> web.Response:
    """D3: 200 for ok and warning, 503 for error."""
    context = request.app[CONTEXT]
    health = await context.health()
    checks: dict[str, JsonValue] = dict(health.checks)
    if health.errors:
        checks["errors"] = list(health.errors)
    body: dict[str, JsonValue] = {
        "status": health.status,
        "checks": checks,
        "timestamp": context.clock.now().isoformat(),
    }
    return web.json_response(body, status=503 if health.status == "error" else 200)


async def get_healthz(_: web.Request) -> web.Response:
    """The process answers."""
    return web.Response(text="ok\n")


async def get_readyz(request: web.Request) -> web.Response:
    """It can do its work: the database answers, the loops go round, Slack is connected."""
    health = await request.app[CONTEXT].health()
    missing = sorted(name for name, good in health.checks.items() if not good and name not in NOT_NEEDED)
    if not missing:
        return web.Response(text="ready\n")
    return web.Response(text="\n".join([f"not ready: {', '.join(missing)}", *health.errors, ""]), status=503)


async def get_metrics(request: web.Request) -> web.Response:
    """The Prometheus exposition."""
    return web.Response(
        body=request.app[CONTEXT].metrics(),
        headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
    )
