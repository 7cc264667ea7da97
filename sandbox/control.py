"""The control API: people's gestures, what they see, the inspector and faults, for tests, tours and the page."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from sandbox.board import Message
from sandbox.gestures.modals import Modals
from sandbox.gestures.presses import Presses
from sandbox.gestures.speech import Speech
from sandbox.gestures.suggestions import Suggestions
from sandbox.payloads import view_body
from sandbox.shapes import Delivered, Json, Refused
from sandbox.world import World

_LONGEST_POLL = 30.0


class Control:
    """Answers `/control/…`. A gesture that is impossible is refused with 409 and the reason."""

    def __init__(
        self, world: World, speech: Speech, presses: Presses, modals: Modals, suggestions: Suggestions
    ) -> None:
        self._world = world
        self._speech = speech
        self._presses = presses
        self._modals = modals
        self._suggestions = suggestions

    def routes(self) -> list[web.RouteDef]:
        """All routes."""
        gestures: dict[str, Callable[[Json], Awaitable[Delivered | None]]] = {
            "command": self._command,
            "say": self._say,
            "click": self._click,
            "shortcut": self._shortcut,
            "submit": self._submit,
            "options": self._options,
            "close": self._close,
            "open_home": self._open_home,
        }
        readings: dict[str, Callable[[web.Request], Json]] = {
            "messages": self._messages,
            "ephemerals": self._ephemerals,
            "direct_messages": self._direct_messages,
            "modal": self._modal,
            "home": self._home,
            "requests": self._requests,
            "faults": lambda _: {"faults": self._world.faults.as_json()},
        }
        return [
            *(web.post(f"/control/{name}", _gesture(run)) for name, run in gestures.items()),
            *(web.get(f"/control/{name}", _reading(run)) for name, run in readings.items()),
            web.get("/control/changes", self._changes),
            web.post("/control/faults", self._arm),
            web.delete("/control/faults", self._disarm),
            web.post("/control/read", self._read),
        ]

    async def _command(self, body: Json) -> Delivered:
        return await self._speech.command(
            _need(body, "user"), _need(body, "command"), str(body.get("text", "")), _need(body, "channel")
        )

    async def _say(self, body: Json) -> Delivered | None:
        thread_ts = body.get("thread_ts")
        return await self._speech.say(
            _need(body, "user"),
            _need(body, "text"),
            _need(body, "channel"),
            str(thread_ts) if thread_ts else None,
        )

    async def _click(self, body: Json) -> Delivered:
        place = str(body.get("place") or "message")
        user, action_id, value = _need(body, "user"), _need(body, "action_id"), body.get("value")
        block_id = body.get("block_id")
        if place in {"modal", "home"}:
            return await self._presses.in_view(user, place, action_id, value, block_id, body.get("states"))
        channel, ts = _need(body, "channel"), _need(body, "ts")
        return await self._presses.in_message(
            user, channel, ts, action_id, value, block_id, body.get("states")
        )

    async def _shortcut(self, body: Json) -> Delivered:
        return await self._presses.shortcut(
            _need(body, "user"), _need(body, "callback_id"), body.get("channel"), body.get("ts")
        )

    async def _submit(self, body: Json) -> Delivered:
        values = body.get("values")
        if not isinstance(values, dict):
            raise Refused("values: a mapping from block_id or action_id to what is typed")
        return await self._modals.submit(_need(body, "user"), values)

    async def _options(self, body: Json) -> Delivered:
        return await self._suggestions.ask(
            _need(body, "user"),
            _need(body, "action_id"),
            str(body.get("query") or ""),
            str(body.get("place") or "message"),
            body.get("channel"),
            body.get("ts"),
        )

    async def _close(self, body: Json) -> Delivered | None:
        return await self._modals.close(_need(body, "user"), everything=bool(body.get("everything")))

    async def _open_home(self, body: Json) -> Delivered | None:
        return await self._speech.open_home(_need(body, "user"))

    def _messages(self, request: web.Request) -> Json:
        channel = self._world.workspace.channel(request.query.get("channel", ""))
        if channel is None:
            raise Refused(f"there is no channel {request.query.get('channel')}")
        root = request.query.get("thread_ts")
        board = self._world.board
        said = board.thread(channel.id, root, None) if root else board.timeline(channel.id, None)
        return {"messages": self._wire(said)}

    def _ephemerals(self, request: web.Request) -> Json:
        person = self._world.person(request.query.get("user", ""))
        said = self._wire(self._world.board.ephemerals(person.id))
        return {"messages": said}

    def _direct_messages(self, request: web.Request) -> Json:
        person = self._world.person(request.query.get("user", ""))
        return {"messages": self._wire(self._world.board.all(person.direct, None))}

    def _modal(self, request: web.Request) -> Json:
        shown = self._world.views.top(self._world.person(request.query.get("user", "")).id)
        return {"view": view_body(shown) if shown else None}

    def _home(self, request: web.Request) -> Json:
        shown = self._world.views.home(self._world.person(request.query.get("user", "")).id)
        return {"view": view_body(shown) if shown else None}

    def _requests(self, request: web.Request) -> Json:
        return {"requests": self._world.inspector.entries(int(_number(request, "after", 0)))}

    def _wire(self, said: list[Message]) -> list[Json]:
        return [{**self._world.board.wire(one, metadata=True), "channel": one.channel} for one in said]

    async def _changes(self, request: web.Request) -> web.Response:
        since, patience = int(_number(request, "since", -1)), _number(request, "timeout", 0)
        count = await self._world.changes.wait_past(since, min(patience, _LONGEST_POLL))
        return web.json_response({"changes": count})

    async def _arm(self, request: web.Request) -> web.Response:
        body = await _body(request)
        known = {"kind", "method", "times"}
        details = {key: value for key, value in body.items() if key not in known}
        try:
            kind, times = _need(body, "kind"), int(body.get("times") or 1)
            if kind == "close_socket":
                await self._world.sockets.disconnect(**details)
            else:
                self._world.faults.arm(kind, method=body.get("method"), times=times, details=details)
        except (Refused, TypeError, ValueError) as error:
            return web.json_response({"refused": str(error)}, status=409)
        self._world.changes.bump()
        return web.json_response({"faults": self._world.faults.as_json()})

    async def _disarm(self, _: web.Request) -> web.Response:
        self._world.faults.clear()
        self._world.changes.bump()
        return web.json_response({"faults": []})

    async def _read(self, request: web.Request) -> web.Response:
        body = await _body(request)
        try:
            self._world.board.mark_read(_need(body, "user"), _need(body, "channel"), _need(body, "ts"))
        except Refused as error:
            return web.json_response({"refused": str(error)}, status=409)
        return web.json_response({})


def _need(body: Json, key: str) -> str:
    value = body.get(key)
    if not isinstance(value, str) or not value:
        raise Refused(f"{key}: missing")
    return value


def _number(request: web.Request, key: str, default: float) -> float:
    try:
        return float(request.query.get(key, default))
    except ValueError as error:
        raise web.HTTPBadRequest(text=f"{key}: not a number") from error


async def _body(request: web.Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.text())
    except ValueError as error:
        raise web.HTTPBadRequest(text="not JSON") from error
    if not isinstance(body, dict):
        raise web.HTTPBadRequest(text="not a JSON object")
    return body


def _gesture(
    run: Callable[[Json], Awaitable[Delivered | None]],
) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(request: web.Request) -> web.Response:
        body = await _body(request)
        try:
            delivered = await run(body)
        except Refused as error:
            return web.json_response({"refused": str(error)}, status=409)
        nothing = Delivered(acknowledged=True, attempts=0)
        return web.json_response((delivered or nothing).as_json())

    return answer


def _reading(run: Callable[[web.Request], Json]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(request: web.Request) -> web.Response:
        try:
            return web.json_response(run(request))
        except Refused as error:
            return web.json_response({"refused": str(error)}, status=409)

    return answer
