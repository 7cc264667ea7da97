"""GET /api/v1/decision: the same decision that Slack shows, for pipelines."""

from datetime import UTC, datetime

from aiohttp import web
from pydantic import JsonValue

from bot.domain.outcome import GateOutcome, Readiness
from bot.domain.refusal import Refusal
from bot.flows.preview import Question, preview
from handlers.http.answers import caller, problem, unauthorized
from handlers.http.context import CONTEXT
from handlers.wording.refusals import sentence

REQUIRED = ("service", "artifact", "environment")


async def get_decision(request: web.Request) -> web.Response:
    """200 with the verdict of all gates; the verdict is in the body, the status code says only that we answered."""
    if caller(request) is None:
        return unauthorized()
    query = request.query
    for name in REQUIRED:
        if not query.get(name):
            return problem(400, "missing-parameter", f"The parameter {name} is needed.", field=name)
    try:
        at = _instant(query.get("at"))
    except ValueError:
        text = "at is an RFC 3339 instant with its offset, such as 2026-03-02T14:00:00Z."
        return problem(400, "bad-instant", text, field="at")
    context = request.app[CONTEXT]
    question = Question(
        service=query["service"],
        artifact=query["artifact"],
        environment=query["environment"],
        at=at,
        ticket=query.get("ticket"),
        fixes=query.get("fixes"),
    )
    try:
        answer = await preview(context.collector, context.in_force.policy, context.clock, question)
    except Refusal as refusal:
        return problem(422, refusal.code, sentence(refusal))
    return web.json_response({**readiness_json(answer.readiness), "digest": answer.digest})


def _instant(text: str | None) -> datetime | None:
    if not text:
        return None
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(text)
    return at.astimezone(UTC)


def readiness_json(readiness: Readiness) -> dict[str, JsonValue]:
    """A readiness as the API and `--json` show it."""
    until = readiness.waits_until
    return {
        "readiness": readiness.status.value,
        "may_be_approved": readiness.may_be_approved,
        "may_start": readiness.may_start,
        "waits_until": None if until is None else until.isoformat(),
        "judged_at": readiness.judged_at.isoformat(),
        "policy": readiness.policy_digest,
        "gates": [_gate(o) for o in readiness.outcomes],
    }


def _gate(outcome: GateOutcome) -> dict[str, JsonValue]:
    return {
        "gate": outcome.gate,
        "status": outcome.status.value,
        "code": outcome.code,
        "facts": dict(outcome.facts),
        "until": None if outcome.until is None else outcome.until.isoformat(),
        "evidence": [
            {"source": c.source, "at": None if c.at is None else c.at.isoformat()} for c in outcome.cites
        ],
    }
