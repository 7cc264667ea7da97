"""A small PagerDuty on a loopback port: Events API v2, change events, on-calls, users, webhooks v3 and faults.

What goes wrong by order is `faults`, as in the pretend GitHub; every request that came in stands in `asked`.
"""

import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any, Final

import aiohttp
from aiohttp import web

from sandbox.github.faults import Faults, happen
from sandbox.pagerduty.incidents import BadEvent, Incident, Incidents, Json, check_payload

MOST_BYTES: Final = 512 * 1024
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, and what was answered; no status: a fault."""

    path: str
    status: int | None


@dataclass(slots=True)
class _Shift:
    schedule: str
    user: str
    level: int
    start: datetime | None
    end: datetime | None


@dataclass(slots=True)
class _Hook:
    """A webhook subscription; while a secret is exchanged there are two."""

    url: str
    secrets: list[str] = field(default_factory=list)


class FakePagerDuty:
    """Stands in for events.pagerduty.com and api.pagerduty.com."""

    def __init__(self, *, keys: Mapping[str, str], token: str) -> None:
        """`keys`: routing keys with the names of their services; `token`: of the REST API."""
        self.faults = Faults()
        self.incidents = Incidents()
        self.events: list[Json] = []
        self.changes: list[Json] = []
        self.asked: list[Asked] = []
        self.lose_answers = 0  # so many requests are done, and their answers lost on the way
        self.hook: _Hook | None = None
        self.url = ""
        self._keys = dict(keys)
        self._token = token
        self._users: dict[str, Json] = {}
        self._shifts: list[_Shift] = []
        self._ids = count(1)
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Serve, on a free port."""
        app = web.Application(middlewares=[self._at_the_door], client_max_size=2 * MOST_BYTES)
        app.router.add_post("/v2/enqueue", self._enqueue)
        app.router.add_post("/v2/change/enqueue", self._change)
        app.router.add_get("/oncalls", self._oncalls)
        app.router.add_get("/users/{id}", self._user)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/"

    async def stop(self) -> None:
        """Serve no more."""
        if self._runner is not None:
            await self._runner.cleanup()

    def add_user(self, name: str, email: str) -> str:
        """A new account; gives its id."""
        user = f"PUSER{next(self._ids)}"
        self._users[user] = {"id": user, "type": "user", "summary": name, "name": name, "email": email}
        return user

    def put_on_call(
        self,
        schedule: str,
        user: str,
        *,
        level: int = 1,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> None:
        """Somebody is on call from `start` to `end`; for good where nothing is said."""
        self._shifts.append(_Shift(schedule, user, level, start, end))

    def subscribe(self, url: str, *secrets: str) -> None:
        """Have webhooks sent there, signed with every one of these secrets."""
        self.hook = _Hook(url, [*secrets])

    async def answer(self, key: str, verb: str, *, user: str | None) -> tuple[int, bytes]:
        """Somebody acknowledges or resolves (`acknowledged`, `resolved`) the incident of a key; gives what the
        subscriber answered, and the bytes that it was sent."""
        incident = self.incidents.open(key)
        if incident is None:
            raise LookupError(key)
        incident.status = verb
        agent = None if user is None else self._users[user] | {"type": "user_reference"}
        body = json.dumps({"event": self.event(incident, f"incident.{verb}", agent)}).encode()
        return await self.post(body), body

    def event(self, incident: Incident, kind: str, agent: Json | None) -> Json:
        """A v3 event, as its webhook carries it."""
        data = {"id": incident.id, "type": "incident", "number": incident.number, "status": incident.status,
                "incident_key": incident.key, "title": incident.summary}  # fmt: skip
        shown = None if agent is None else {k: agent[k] for k in ("id", "type", "summary") if k in agent}
        return {
            "id": f"01EVENT{next(self._ids):06}",
            "event_type": kind,
            "resource_type": "incident",
            "occurred_at": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            "agent": shown,
            "client": None,
            "data": data,
        }

    async def post(self, body: bytes) -> int:
        """Send these bytes to the subscriber, signed; gives the status."""
        if self.hook is None:
            raise LookupError("nobody subscribed")
        signed = (hmac.new(s.encode(), body, hashlib.sha256).hexdigest() for s in self.hook.secrets)
        headers = {
            "Content-Type": "application/json",
            "X-PagerDuty-Signature": ",".join(f"v1={each}" for each in signed),
        }
        async with (
            aiohttp.ClientSession() as session,
            session.post(self.hook.url, data=body, headers=headers) as answer,
        ):
            await answer.read()
            return answer.status

    @web.middleware
    async def _at_the_door(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        fault = self.faults.take(request.path)
        if fault is not None:
            await request.read()
            self.asked.append(Asked(request.path, None))
            return await happen(fault, request)
        answer = await handler(request)
        self.asked.append(Asked(request.path, answer.status))
        if self.lose_answers and request.transport is not None:
            self.lose_answers -= 1
            request.transport.abort()
        return answer

    async def _enqueue(self, request: web.Request) -> web.Response:
        try:
            event = await self._event(request)
            incident = self.incidents.take(event)
        except BadEvent as bad:
            return _refused(str(bad))
        self.events.append(event)
        key = event.get("dedup_key") if incident is None else incident.key
        return web.json_response(
            {"status": "success", "message": "Event processed", "dedup_key": key}, status=202
        )

    async def _change(self, request: web.Request) -> web.Response:
        try:
            event = await self._event(request)
            check_payload(event.get("payload"), with_severity=False)
        except BadEvent as bad:
            return _refused(str(bad))
        self.changes.append(event)
        return web.json_response({"status": "success", "message": "Change event processed"}, status=202)

    async def _event(self, request: web.Request) -> Json:
        body = await request.read()
        if len(body) > MOST_BYTES:
            raise BadEvent("the event is larger than 512 KB")
        try:
            event: Any = json.loads(body)
        except ValueError:
            raise BadEvent("the body is no JSON") from None
        if not isinstance(event, dict) or event.get("routing_key") not in self._keys:
            raise BadEvent("'routing_key' is missing or unknown")
        return event

    async def _oncalls(self, request: web.Request) -> web.Response:
        if refusal := self._stranger(request):
            return refusal
        wanted = request.query.getall("schedule_ids[]", [])
        with_users = "users" in request.query.getall("include[]", [])
        shifts = [shift for shift in self._shifts if shift.schedule in wanted]
        shown = [self._shown(shift, with_users=with_users) for shift in shifts]
        return web.json_response({"oncalls": shown, "limit": 100, "offset": 0, "more": False, "total": None})

    def _shown(self, shift: _Shift, *, with_users: bool) -> Json:
        user = self._users[shift.user]
        bare = {"id": user["id"], "type": "user_reference", "summary": user["summary"]}
        return {
            "user": user if with_users else bare,
            "schedule": {"id": shift.schedule, "type": "schedule_reference"},
            "escalation_level": shift.level,
            "start": None if shift.start is None else shift.start.isoformat(),
            "end": None if shift.end is None else shift.end.isoformat(),
        }

    async def _user(self, request: web.Request) -> web.Response:
        if refusal := self._stranger(request):
            return refusal
        user = self._users.get(request.match_info["id"])
        if user is None:
            return web.json_response({"error": {"message": "Not Found", "code": 2100}}, status=404)
        return web.json_response({"user": user})

    def _stranger(self, request: web.Request) -> web.Response | None:
        if request.headers.get("Authorization") == f"Token token={self._token}":
            return None
        return web.json_response({"error": {"message": "Unauthorized", "code": 2006}}, status=401)


def _refused(reason: str) -> web.Response:
    body = {"status": "invalid event", "message": "Event object is invalid", "errors": [reason]}
    return web.json_response(body, status=400)
