"""Serves the workspace's page: static files, what one person's screen shows, and a live hint when it changed."""

import asyncio
import contextlib
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import WSCloseCode, web

from sandbox.board import Message
from sandbox.payloads import view_body
from sandbox.shapes import Json, Refused
from sandbox.world import World

STATIC = Path(__file__).parent / "static"
_GATHER_SECONDS = 0.03
_SHOWN = 200


class Page:
    """Answers `/`, `/static/…`, `/screen` and `/live`."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._live: set[web.WebSocketResponse] = set()

    def routes(self) -> list[web.AbstractRouteDef]:
        """All routes."""
        return [
            web.get("/", self._index),
            web.get("/screen", self._screen),
            web.get("/cast", self._cast),
            web.get("/live", self._serve_live),
            web.static("/static", STATIC),
        ]

    async def close(self) -> None:
        """End all live connections."""
        for socket in list(self._live):
            await socket.close(code=WSCloseCode.GOING_AWAY)

    def policy(self) -> str:
        """The page's Content-Security-Policy: its own files, and frames of the linked pages only."""
        frames = " ".join(sorted({_origin(url) for _, url in self._world.links})) or "'none'"
        return (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
            f"frame-src {frames}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )

    async def _index(self, _: web.Request) -> web.StreamResponse:
        return web.FileResponse(STATIC / "index.html")

    async def _cast(self, _: web.Request) -> web.Response:
        """Everything that does not change: team, people, channels, commands, links."""
        world, workspace = self._world, self._world.workspace
        people = [
            {
                "id": p.id,
                "name": p.name,
                "real_name": p.real_name,
                "tz": p.tz,
                "title": p.title,
                "direct": p.direct,
            }
            for p in workspace.people
        ]
        return web.json_response(
            {
                "team": workspace.team.name,
                "bot": {"id": workspace.bot.user_id, "name": workspace.bot.name},
                "people": people,
                "channels": [{"id": c.id, "name": c.name, "topic": c.topic} for c in workspace.channels],
                "usergroups": [{"id": g.id, "handle": g.handle} for g in workspace.usergroups],
                "commands": [
                    {"name": c.name, "description": c.description, "usage_hint": c.usage_hint}
                    for c in world.app.commands.values()
                ],
                "shortcuts": [
                    {
                        "callback_id": s.callback_id,
                        "name": s.name,
                        "type": s.type,
                        "description": s.description,
                    }
                    for s in world.app.shortcuts.values()
                ],
                "home": world.app.home_enabled,
                "links": [{"title": title, "url": url} for title, url in world.links],
            }
        )

    async def _screen(self, request: web.Request) -> web.Response:
        """What one person sees: their channels, one conversation, a thread, modals, Home, new requests."""
        world = self._world
        try:
            person = world.person(request.query.get("user", ""))
            channel = world.channel_for(person, request.query.get("channel") or "dm")
        except Refused as error:
            return web.json_response({"refused": str(error)}, status=409)
        thread = request.query.get("thread")
        seen = world.is_member(channel, person.id)
        home = world.views.home(person.id)
        after = request.query.get("after", "0")
        return web.json_response(
            {
                "changes": world.changes.count,
                "unread": self._unread(person.id, person.direct),
                "messages": self._shown(world.board.timeline(channel.id, person.id)[-_SHOWN:])
                if seen
                else [],
                "thread": self._shown(world.board.thread(channel.id, thread, person.id))
                if thread and seen
                else [],
                "modals": [view_body(one) for one in world.views.stack(person.id)],
                "home": view_body(home) if home else None,
                "requests": world.inspector.entries(int(after) if after.isdigit() else 0),
                "sockets": world.sockets.count,
                "reachable": world.sockets.count > 0 or world.events_url is not None,
            }
        )

    def _unread(self, user: str, direct: str) -> Json:
        board, world = self._world.board, self._world
        counts = {
            c.id: board.unread(user, c.id) for c in world.workspace.channels if world.is_member(c, user)
        }
        return {**counts, direct: board.unread(user, direct)}

    def _shown(self, said: list[Message]) -> list[Json]:
        return [
            {**self._world.board.wire(one), "channel": one.channel, "ephemeral": one.only_for is not None}
            for one in said
        ]

    async def _serve_live(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(heartbeat=20)
        await socket.prepare(request)
        self._live.add(socket)
        reader = asyncio.create_task(self._tell(socket))
        try:
            async for _ in socket:
                pass
        finally:
            self._live.discard(socket)
            reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reader
        return socket

    async def _tell(self, socket: web.WebSocketResponse) -> None:
        """Say that something changed, once for changes that come together."""
        told = -1
        with contextlib.suppress(ConnectionError, RuntimeError):
            while not socket.closed:
                count = await self._world.changes.wait_past(told, 60)
                if count == told:
                    continue
                await asyncio.sleep(_GATHER_SECONDS)
                told = self._world.changes.count
                await socket.send_json({"changes": told})


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
