"""How the HTTP handlers answer: JSON, one sentence for each refusal, and the field it is about."""

import hmac

from aiohttp import web
from pydantic import JsonValue

from bot.domain.refusal import Refusal
from handlers.http.context import CONTEXT
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


def caller(request: web.Request) -> str | None:
    """The name of the bearer token, or None."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        return None
    # So are bytes that are no text decoded by aiohttp.
    return holder(request, token.strip().encode("utf-8", "surrogateescape"))


def holder(request: web.Request, given: bytes) -> str | None:
    """The name of a token, or None. Every token is compared, each in constant time."""
    found = None
    for name, known in request.app[CONTEXT].tokens.items():
        if hmac.compare_digest(given, known.get_secret_value().encode()):
            found = name
    return found


def unauthorized() -> web.Response:
    """401, without saying what was wrong with the token."""
    answer = problem(
        401,
        "unauthorized",
        "This takes a known token: send “Authorization: Bearer …” with one of PORTCULLIS_API_TOKENS.",
    )
    answer.headers["WWW-Authenticate"] = 'Bearer realm="portcullis"'
    return answer
