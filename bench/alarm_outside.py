"""What an alarm meets outside the bot: a service that falls ill when it is told to, and Slack, both with one clock."""

import asyncio
import time

from aiohttp import web

from bench import outside
from bench.serving import until_stopped

INCIDENTS = "incidents"


class Ward:
    """One service, and when it was first seen to be ill, and when Slack heard of it."""

    def __init__(self) -> None:
        self.ill = False
        self.failed_at: float | None = None
        self.told_at: float | None = None

    async def health(self, _: web.Request) -> web.Response:
        """Well, or not."""
        if not self.ill:
            return web.Response()
        if self.failed_at is None:
            self.failed_at = time.perf_counter()
        return web.Response(status=503)

    async def be(self, request: web.Request) -> web.Response:
        """Be ill or well from now on."""
        self.ill = request.match_info["how"] == "ill"
        if self.ill:
            self.failed_at = self.told_at = None
        return web.Response()

    async def took(self, _: web.Request) -> web.Response:
        """Milliseconds from the answer that failed until Slack's request was there; null where it is not there yet."""
        done = self.failed_at is not None and self.told_at is not None
        took = (self.told_at or 0) - (self.failed_at or 0)
        return web.json_response({"ms": took * 1000 if done else None})

    async def api(self, request: web.Request) -> web.Response:
        """Slack's Web API; the first message after the failure is what is waited for."""
        body = await request.text()
        if self.ill and self.failed_at and self.told_at is None and "postMessage" in request.path:
            self.told_at = time.perf_counter() if INCIDENTS in body else None
        return await outside.api(request)


async def serve() -> None:
    """Serve on a free port of 127.0.0.1 until SIGTERM; the first line of output tells the address."""
    ward, app = Ward(), web.Application()
    app.router.add_route("*", "/api/{method}", ward.api)
    app.router.add_get("/health", ward.health)
    app.router.add_post("/be/{how}", ward.be)
    app.router.add_get("/took", ward.took)
    await until_stopped(app)


if __name__ == "__main__":
    asyncio.run(serve())
