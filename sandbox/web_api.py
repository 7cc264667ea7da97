"""The Web API's front door: arguments merged, token and scopes checked, faults applied, every call recorded."""

import asyncio
import json
import time

from aiohttp import web

from sandbox.api import METHODS, Call, Method
from sandbox.faults import API_FAULTS, Fault
from sandbox.shapes import ApiError, Json
from sandbox.world import World


class WebApi:
    """Answers `/api/{method}`."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer one call, as Slack would or as a fault says."""
        started = time.monotonic()
        name = request.match_info["method"]
        fault = self._world.faults.take(API_FAULTS, frozenset({name}))
        args: Json = {}
        try:
            args = await _arguments(request)
            body, status, headers = await self._answer(request, name, args, fault)
        except ApiError as refusal:
            body, status, headers = refusal.body(), refusal.status, {}
            if status == 429:
                headers["Retry-After"] = "1"
        self._record(name, args, body, status, fault, started)
        if fault is not None and fault.kind == "reset_after_accept":
            if request.transport is not None:
                request.transport.abort()
        elif fault is not None and fault.kind == "500":
            return web.Response(status=500, text="Internal Server Error", headers=headers)
        return web.json_response(body, status=status, headers=headers)

    async def _answer(
        self, request: web.Request, name: str, args: Json, fault: Fault | None
    ) -> tuple[Json, int, dict[str, str]]:
        if fault is not None:
            if fault.kind == "hang":
                await asyncio.sleep(float(fault.details.get("seconds", 5.0)))
            elif fault.kind == "429":
                wait = str(fault.details.get("retry_after", 1))
                return {"ok": False, "error": "ratelimited"}, 429, {"Retry-After": wait}
            elif fault.kind == "500":
                return {"ok": False, "error": "internal_error"}, 500, {}
            elif fault.kind == "ok_false":
                raise ApiError(str(fault.details.get("error", "internal_error")))
        method = METHODS.get(name)
        if method is None:
            raise ApiError("unknown_method", req_method=name)
        self._admit(method, _token(request, args))
        if not method.reads_json and request.content_type == "application/json":
            args = dict(request.query)  # Slack does not say so; it answers as if nothing had been given
        body = method.run(Call(world=self._world, args=args))
        headers = {"X-OAuth-Scopes": ",".join(sorted(self._world.app.scopes or ()))}
        headers["X-Accepted-OAuth-Scopes"] = ",".join(method.scopes)
        return {"ok": True, **body}, 200, headers

    def _admit(self, method: Method, token: str | None) -> None:
        """Check the token and its scopes; raises ApiError."""
        if method.token == "none":  # noqa: S105 - a kind of token
            return
        secrets = self._world.secrets
        if token is None:
            raise ApiError("not_authed")
        if token not in {secrets.bot_token, secrets.app_token}:
            raise ApiError("invalid_auth")
        wanted = secrets.app_token if method.token == "app" else secrets.bot_token  # noqa: S105 - a kind of token
        if token != wanted:
            raise ApiError("not_allowed_token_type")
        needed = self._world.app.missing_scope(method.scopes)
        if needed is not None:
            provided = ",".join(sorted(self._world.app.scopes or ()))
            raise ApiError("missing_scope", needed=needed, provided=provided)

    def _record(
        self, name: str, args: Json, body: Json, status: int, fault: Fault | None, started: float
    ) -> None:
        self._world.inspector.record(
            "in",
            name,
            ok=bool(body.get("ok")),
            status=status,
            error=body.get("error"),
            started=started,
            request=args,
            response=body,
            note=f"fault: {fault.kind}" if fault else "",
        )


def _token(request: web.Request, args: Json) -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return token.strip()
    given = args.get("token")
    return str(given) if given and "token" not in request.query else None


async def _arguments(request: web.Request) -> Json:
    """Query, form and JSON body merged; raises invalid_json or json_not_object as Slack does."""
    args: Json = dict(request.query)
    if request.method == "GET":
        return args
    if request.content_type == "application/json":
        text = await request.text()
        if text.strip():
            try:
                body = json.loads(text)
            except ValueError as error:
                raise ApiError("invalid_json") from error
            if not isinstance(body, dict):
                raise ApiError("json_not_object")
            args |= body
    elif request.content_type in {"application/x-www-form-urlencoded", "multipart/form-data"}:
        args |= {key: value for key, value in (await request.post()).items() if isinstance(value, str)}
    elif await request.read():
        raise ApiError("invalid_post_type")
    for key in ("blocks", "view", "metadata", "attachments"):
        args[key] = _decoded(args.get(key))
    return {key: value for key, value in args.items() if value is not None}


def _decoded(value: object) -> object:
    """A JSON argument given as text, decoded where it is JSON, so that the inspector shows it readably."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
