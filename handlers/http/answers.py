"""How the HTTP handlers answer: JSON, one sentence for each refusal, and the field it is about."""

from aiohttp import web
from pydantic import JsonValue

from bot.domain.refusal import Refusal
from handlers.wording.refusals import sentence

FIELD_OF = {
    "unknown-service": "service",
    "unknown-environment": "environment",
    "bad-artifact": "artifact",
    "from-the-future": "at",
}
"""Which field of a request a refusal is about."""


def problem(
    status: int, code: str, sentence: str, *, field: str | None = None, **more: JsonValue
) -> web.Response:
    """A refusal as JSON: a code for programs, a sentence for people, the field where there is one."""
    body: dict[str, JsonValue] = {"error": code, "message": sentence}
    if field is not None:
        body["field"] = field
    return web.json_response(body | more, status=status)


def refused(refusal: Refusal, *, status: int = 422, field: str | None = None) -> web.Response:
    """What a flow refused, in words."""
    return problem(status, refusal.code, sentence(refusal), field=field or FIELD_OF.get(refusal.code))
