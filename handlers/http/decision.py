"""GET /api/v1/decision: the same decision that Slack shows, for pipelines."""

from datetime import datetime
from difflib import get_close_matches
from typing import Final

from aiohttp import web
from pydantic import JsonValue

from bot.domain.outcome import GateOutcome, Readiness
from bot.domain.refusal import Refusal
from bot.flows.asking import known
from bot.flows.preview import Answer, Question, preview
from handlers.http.answers import problem, refused
from handlers.http.context import CONTEXT
from handlers.http.instants import WANTED, instant
from handlers.wording.gates import line

REQUIRED: Final = ("service", "artifact", "environment")
PARAMETERS: Final = (*REQUIRED, "at", "ticket", "fixes")
_LONGEST: Final = 128


class BadParameter(Exception):  # noqa: N818 -- it names what was sent
    """A parameter is missing or malformed."""

    def __init__(self, code: str, field: str, sentence: str) -> None:
        super().__init__(code)
        self.code = code
        self.field = field
        self.sentence = sentence


async def get_decision(request: web.Request) -> web.Response:
    """200 with the verdict of all gates; the verdict is in the body, the status code says only that we answered."""
    try:
        question = _question(request)
    except BadParameter as bad:
        return problem(400, bad.code, bad.sentence, field=bad.field)
    context = request.app[CONTEXT]
    policy = context.in_force.policy
    if question.fixes is not None:
        try:
            known("environment", question.fixes, list(policy.environments))
        except Refusal as refusal:
            return refused(refusal, field="fixes")
    try:
        answer = await preview(context.collector, policy, context.clock, question)
    except Refusal as refusal:
        return refused(refusal)
    return web.json_response(answer_json(question, answer))


def _question(request: web.Request) -> Question:
    """What is asked. A parameter nobody knows is a misspelt one: to pass it over would answer another question."""
    query = request.query
    for name in dict.fromkeys(query):
        if name not in PARAMETERS:
            raise BadParameter("unknown-parameter", name[:80], _unknown(name))
        if len(query.getall(name)) > 1:
            raise BadParameter("parameter-twice", name, f"The parameter {name} stands twice; say it once.")
        if len(query[name]) > _LONGEST:
            text = f"The parameter {name} is longer than {_LONGEST} characters."
            raise BadParameter("bad-parameter", name, text)
    for name in REQUIRED:
        if not query.get(name):
            raise BadParameter("missing-parameter", name, f"The parameter {name} is needed.")
    return Question(
        service=query["service"],
        artifact=query["artifact"],
        environment=query["environment"],
        at=_instant(query.get("at")),
        ticket=query.get("ticket") or None,
        fixes=query.get("fixes") or None,
    )


def _unknown(name: str) -> str:
    meant = get_close_matches(name, PARAMETERS, n=1)
    hint = f"did you mean {meant[0]}?" if meant else f"there are {', '.join(PARAMETERS)}."
    return f"There is no parameter “{name[:80]}”; {hint}"


def _instant(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        return instant(text)
    except ValueError:
        sentence = f"at must be {WANTED} (in an address, + is written %2B)."
        raise BadParameter("bad-instant", "at", sentence) from None


def answer_json(question: Question, answer: Answer) -> dict[str, JsonValue]:
    """The whole answer, as the API and `check --json` give it."""
    running = answer.running
    return {
        "service": question.service,
        "artifact": question.artifact,
        "environment": question.environment,
        **readiness_json(answer.readiness),
        "too_old_by_then": [outcome.gate for outcome in answer.earliest.ages],
        "digest": answer.digest,
        "running": None if running is None else {"artifact": running.tag, "digest": running.digest},
    }


def readiness_json(readiness: Readiness) -> dict[str, JsonValue]:
    """A readiness as the API and `--json` show it."""
    until = readiness.waits_until
    return {
        "readiness": readiness.status.value,
        "may_be_approved": readiness.may_be_approved,
        "may_start": readiness.may_start,
        "waits_until": None if until is None else until.isoformat(),
        "earliest": None if readiness.earliest is None else readiness.earliest.isoformat(),
        "awaits": list(readiness.awaits),
        "judged_at": readiness.judged_at.isoformat(),
        "policy": readiness.policy_digest,
        "gates": [_gate(o, readiness) for o in readiness.outcomes],
    }


def _gate(outcome: GateOutcome, readiness: Readiness) -> dict[str, JsonValue]:
    """Code and facts for programs, text and what unblocks it for the people who read a pipeline's log."""
    words = line(outcome, now=readiness.judged_at, earliest=readiness.earliest)
    return {
        "gate": outcome.gate,
        "status": outcome.status.value,
        "code": outcome.code,
        "bypassed": outcome.bypassed,
        "text": words.text,
        "unblocks": words.unblocks,
        "facts": dict(outcome.facts),
        "until": None if outcome.until is None else outcome.until.isoformat(),
        "awaits": outcome.awaits,
        "evidence": [
            {"source": c.source, "at": None if c.at is None else c.at.isoformat()} for c in outcome.cites
        ],
    }
