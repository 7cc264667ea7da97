"""One pretend Slack workspace on a loopback address: Web API, deliveries, Socket Mode, control API and page."""

import ipaddress
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from sandbox.control import Control
from sandbox.courier import Courier
from sandbox.gestures.modals import Modals
from sandbox.gestures.presses import Presses
from sandbox.gestures.speech import Speech
from sandbox.gestures.suggestions import Suggestions
from sandbox.manifest import App
from sandbox.page import Page
from sandbox.response_urls import ResponseUrlDoor
from sandbox.shapes import Refused
from sandbox.web_api import WebApi
from sandbox.workspace import Workspace
from sandbox.world import Pace, Secrets, World

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_BODY_LIMIT = 4 * 1024 * 1024
_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})


class Sandbox:
    """A workspace with one app in it.

    `deadline` and `retry_delays` (seconds) scale Slack's patience; `strict_rate` enforces about one message a second
    for each channel, three at once. Without a manifest every command, scope and event is allowed.
    """

    def __init__(  # noqa: PLR0913 - what a sandbox is made of
        self,
        workspace: Workspace,
        *,
        signing_secret: str,
        bot_token: str,
        app_token: str,
        manifest: Mapping[str, Any] | None,
        events_url: str | None,
        links: Iterable[tuple[str, str]] = (),
        deadline: float = 3.0,
        retry_delays: tuple[float, ...] = (0.05, 1.0, 3.0),
        strict_rate: bool = False,
    ) -> None:
        for title, url in (links := tuple(links)):
            if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).netloc:
                raise ValueError(f"link {title!r}: {url!r} is no http address")
        self.world = World.create(
            workspace,
            App.from_manifest(manifest),
            secrets=Secrets(signing_secret=signing_secret, bot_token=bot_token, app_token=app_token),
            pace=Pace(deadline=deadline, retries=retry_delays, strict_rate=strict_rate),
            links=links,
            events_url=events_url,
        )
        self._courier = Courier(self.world)
        self._page = Page(self.world)
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Where the page is, such as http://127.0.0.1:8070; empty before the start."""
        return self.world.base_url

    @property
    def api_url(self) -> str:
        """The Web API's base address, for the app's client."""
        return f"{self.url}/api/"

    @property
    def events_url(self) -> str | None:
        """Where signed payloads go while the app has no socket open."""
        return self.world.events_url

    @events_url.setter
    def events_url(self, url: str | None) -> None:
        self.world.events_url = url
        self.world.changes.bump()

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen on a loopback address; raises Refused for any other, OSError for one in use."""
        require_loopback(host)
        await self._courier.start()
        self._runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        try:
            await site.start()
        except OSError:
            await self.stop()
            raise
        bound = self._runner.addresses[0]
        shown = f"[{host}]" if ":" in host else host
        self.world.base_url = f"http://{shown}:{bound[1]}"

    async def stop(self) -> None:
        """Close every connection and stop listening."""
        await self.world.sockets.disconnect(reason="link_disabled")
        await self._page.close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        await self._courier.stop()

    def _application(self) -> web.Application:
        speech = Speech(self.world, self._courier)
        presses = Presses(self.world, self._courier)
        modals = Modals(self.world, self._courier)
        suggestions = Suggestions(self.world, self._courier, presses)
        application = web.Application(middlewares=[self._guard], client_max_size=_BODY_LIMIT)
        api, door = WebApi(self.world), ResponseUrlDoor(self.world)
        application.add_routes(
            [
                web.get("/api/{method}", api.serve),
                web.post("/api/{method}", api.serve),
                web.post("/response/{key}", door.serve),
                web.get("/socket", self.world.sockets.serve),
                *Control(self.world, speech, presses, modals, suggestions).routes(),
                *self._page.routes(),
            ]
        )
        return application

    @web.middleware
    async def _guard(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Only this machine's own pages and programs: the Host is loopback, and so is any Origin, being our own."""
        host = urlsplit(f"//{request.host}").hostname
        if host not in _NAMES and not _is_loopback(host or ""):
            return web.Response(status=403, text="this sandbox is for this machine only\n")
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != request.host:
            return web.Response(status=403, text="another site's page may not drive this sandbox\n")
        response = await handler(request)
        if not response.prepared:
            response.headers["Content-Security-Policy"] = self._page.policy()
            response.headers["X-Content-Type-Options"] = "nosniff"
            response.headers["Referrer-Policy"] = "no-referrer"
            response.headers["Cache-Control"] = "no-store"
        return response


def require_loopback(host: str) -> None:
    """Raise Refused unless this host is reachable from this machine only."""
    if host != "localhost" and not _is_loopback(host):
        raise Refused(
            f"the sandbox listens on loopback only, not on {host}: anyone who reaches it can be anybody"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
