"""GET /api/v1/requests and /api/v1/requests/ID: the record of what was asked and what came of it."""

import re
from typing import Final

from aiohttp import web
from pydantic import JsonValue

from bot.domain.change_request import ChangeRequest
from bot.domain.refusal import Refusal
from bot.flows.inquire import newest_requests, request_view
from handlers.http.answers import problem, refused
from handlers.http.context import CONTEXT
from handlers.http.decision import readiness_json

PAGE: Final = 50
_NUMBER: Final = re.compile(
    r"[0-9]{1,9}"
)  # what the database's column holds, and more than anybody will ask for
_ID: Final = re.compile(r"[A-Za-z0-9-]{1,32}")


async def list_requests(request: web.Request) -> web.Response:
    """A page of requests, newest first; `next` is the address of the next page."""
    before = request.query.get("before")
    if before is not None and not _NUMBER.fullmatch(before):
        return problem(400, "bad-parameter", "before is a request number, such as 42.", field="before")
    ledger = request.app[CONTEXT].ledger
    found = await newest_requests(ledger, limit=PAGE + 1, before=None if before is None else int(before))
    page = found[:PAGE]
    more = f"/api/v1/requests?before={page[-1].number}" if len(found) > PAGE else None
    return web.json_response({"requests": [request_json(r) for r in page], "next": more})


async def get_request(request: web.Request) -> web.Response:
    """One request with its approvals and runs. The deployer's output stays out: it may hold anything."""
    context = request.app[CONTEXT]
    wanted = request.match_info["id"]
    try:
        if not _ID.fullmatch(wanted):  # not every database can even be asked for the others
            raise Refusal("unknown-request", {"request": wanted[:40]})  # noqa: TRY301 -- one answer for both
        view = await request_view(context.ledger, context.in_force.policy, wanted)
    except Refusal as refusal:
        return refused(refusal, status=404, field="id")
    approvals: list[JsonValue] = [
        {
            "person": a.person,
            "revision": a.revision,
            "state": a.state.value,
            "roles": list(a.roles),
            "method": a.factor.method,
            "signed_at": a.signed_at.isoformat(),
        }
        for a in view.approvals
    ]
    runs: list[JsonValue] = [
        {
            "id": r.id,
            "state": r.state.value,
            "code": r.code,
            "intended_at": r.intended_at.isoformat(),
            "finished_at": None if r.finished_at is None else r.finished_at.isoformat(),
        }
        for r in view.runs
    ]
    return web.json_response({**request_json(view.request), "approvals": approvals, "runs": runs})


def request_json(request: ChangeRequest) -> dict[str, JsonValue]:
    """A request as the API shows it."""
    return {
        "id": request.id,
        "state": request.state.value,
        "kind": request.kind.value,
        "service": request.service,
        "environment": request.environment,
        "artifact": request.artifact.tag,
        "digest": request.artifact.digest,
        "ticket": request.ticket,
        "reason": request.reason,
        "requester": request.requester.person,
        "requested_at": request.requested_at.isoformat(),
        "expires_at": request.expires_at.isoformat(),
        "revision": request.revision,
        "fingerprint": request.fingerprint,
        "closed": None
        if request.closing is None
        else {
            "code": request.closing.code,
            "by": request.closing.by.person,
            "at": request.closing.at.isoformat(),
            "reason": request.closing.reason,
        },
        "readiness": None if request.readiness is None else readiness_json(request.readiness),
    }
