"""Everything outside the bot, on loopback and quick: Slack's Web API, response URLs, a registry, a healthy service."""

import asyncio
import hashlib
import os
import time
from datetime import UTC, datetime

from aiohttp import web

from bench.commands import CHANNEL, TEAM
from bench.serving import until_stopped

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
MANIFEST_BYTES = "1612"


async def api(request: web.Request) -> web.Response:
    """Any Web API method succeeds."""
    await request.read()
    stamp = f"{time.time():.6f}"
    identity = {"team_id": TEAM, "user_id": "U00BOT", "bot_id": "B00BOT", "app_id": "A01BENCH"}
    return web.json_response(
        {"ok": True, "ts": stamp, "channel": CHANNEL, "message": {"ts": stamp}, **identity},
        headers={"x-oauth-scopes": "commands,chat:write,chat:write.public"},
    )


async def respond(request: web.Request) -> web.Response:
    """A response URL."""
    await request.read()
    return web.Response(text="ok")


async def manifest(request: web.Request) -> web.Response:
    """Every tag exists and stands for a digest of its own."""
    digest = f"sha256:{hashlib.sha256(request.path.encode()).hexdigest()}"
    # A registry says how long the manifest is; without that a client has to give up its connection after each HEAD.
    said = {"Docker-Content-Digest": digest, "Content-Type": MANIFEST, "Content-Length": MANIFEST_BYTES}
    return web.Response(headers=said)


async def health(_: web.Request) -> web.Response:
    """A service that is well (contract D3)."""
    checks = {"database": True, "pioneer": True, "websocket": True, "memory": True}
    at = datetime.now(UTC).isoformat()
    return web.json_response({"status": "ok", "checks": checks, "timestamp": at})


async def serve() -> None:
    """Serve on a free port of 127.0.0.1 until SIGTERM; the first line of output tells the address."""
    # It shares a core with the load generator, whose clock must not wait for it: the answers here may.
    os.nice(15)
    app = web.Application()
    app.router.add_route("*", "/api/{method}", api)
    app.router.add_post("/commands/{team}/{unique}", respond)
    app.router.add_get("/v2/{name:.+}/manifests/{reference}", manifest)
    app.router.add_get("/health", health)
    await until_stopped(app)


if __name__ == "__main__":
    asyncio.run(serve())
