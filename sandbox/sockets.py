"""Socket Mode's server side: one-time tickets, up to ten connections, envelopes and their acknowledgements."""

import asyncio
import contextlib
import json
import random
import secrets
from dataclasses import dataclass, field

from aiohttp import WSMsgType, web

from sandbox.changes import Changes
from sandbox.shapes import Json
from sandbox.tickets import SocketTickets
from sandbox.workspace import Workspace

LIMIT = 10


class SocketLost(Exception):  # noqa: N818 - a connection ending is no programming error
    """The connection went away before the payload was acknowledged."""


@dataclass(eq=False, slots=True)
class _Connection:
    socket: web.WebSocketResponse
    waiting: dict[str, asyncio.Future[Json]] = field(default_factory=dict)


class SocketHub:
    """All open Socket Mode connections of the app."""

    def __init__(self, workspace: Workspace, changes: Changes) -> None:
        self._workspace = workspace
        self._changes = changes
        self._tickets = SocketTickets()
        self._connections: list[_Connection] = []

    @property
    def count(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    def address(self, base: str) -> str:
        """A fresh one-time WebSocket address."""
        return f"{base.replace('http', 'ws', 1)}/socket?ticket={self._tickets.issue()}&app_id={self._workspace.bot.app_id}"

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Run one connection until it ends."""
        if not self._tickets.take(request.query.get("ticket", "")):
            return web.json_response({"ok": False, "error": "invalid_ticket"}, status=401)
        socket = web.WebSocketResponse(heartbeat=30)
        await socket.prepare(request)
        if len(self._connections) >= LIMIT:
            await socket.send_json({"type": "disconnect", "reason": "too_many_websockets"})
            await socket.close()
            return socket
        connection = _Connection(socket)
        self._connections.append(connection)
        self._changes.bump()
        try:
            await socket.send_json(self._hello())
            async for frame in socket:
                if frame.type is WSMsgType.TEXT:
                    self._acknowledge(connection, frame.data)
        finally:
            self._drop(connection)
        return socket

    async def send(self, kind: str, payload: Json, *, attempt: int, reason: str | None) -> Json:
        """Send one envelope over one random connection and return what the acknowledgement carried.

        Raises SocketLost when the connection ends first; the deadline is the caller's.
        """
        connection = random.choice(self._connections)  # noqa: S311 - a choice, not a secret
        envelope_id = secrets.token_hex(16)
        envelope: Json = {"envelope_id": envelope_id, "type": kind, "payload": payload}
        envelope["accepts_response_payload"] = kind != "events_api"
        if kind == "events_api":
            envelope |= {"retry_attempt": attempt, "retry_reason": reason or ""}
        future: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        connection.waiting[envelope_id] = future
        try:
            await connection.socket.send_json(envelope)
            return await future
        except (ConnectionError, RuntimeError) as error:
            raise SocketLost(str(error)) from error
        finally:
            connection.waiting.pop(envelope_id, None)

    async def disconnect(
        self, *, reason: str = "refresh_requested", abrupt: bool = False, count: int = LIMIT
    ) -> int:
        """Close up to `count` connections, telling why first unless `abrupt`; returns how many."""
        chosen = self._connections[:count]
        for connection in chosen:
            with contextlib.suppress(ConnectionError, RuntimeError):
                if not abrupt:
                    await connection.socket.send_json({"type": "disconnect", "reason": reason})
                await connection.socket.close()
        return len(chosen)

    def _hello(self) -> Json:
        debug = {"host": "sandbox", "build_number": 1, "approximate_connection_time": 18060}
        app = {"app_id": self._workspace.bot.app_id}
        return {"type": "hello", "num_connections": self.count, "debug_info": debug, "connection_info": app}

    def _acknowledge(self, connection: _Connection, text: str) -> None:
        try:
            answer = json.loads(text)
        except ValueError:
            return
        if not isinstance(answer, dict):
            return
        future = connection.waiting.get(str(answer.get("envelope_id")))
        if future is not None and not future.done():
            payload = answer.get("payload")
            future.set_result(payload if isinstance(payload, dict) else {})

    def _drop(self, connection: _Connection) -> None:
        if connection in self._connections:
            self._connections.remove(connection)
        for future in connection.waiting.values():
            if not future.done():
                future.set_exception(SocketLost("the connection was closed"))
        self._changes.bump()
