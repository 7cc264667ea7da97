"""How the HTTP handlers answer: JSON, one sentence for each refusal, and the field it is about."""

import hmac

from aiohttp import web
from pydantic import JsonValue

from handlers.http.context import CONTEXT


def problem(status: int, code: str, sentence: str, *, field: str | None = None) -> web.Response:
    """A refusal as JSON: a code for programs, a sentence for people, the field where there is one."""
    body: dict[str, JsonValue] = {"error": code, "message": sentence}
    if field is not None:
        body["field"] = field
    return web.json_response(body, status=status)


def caller(request: web.Request) -> str | None:
    """The name of the bearer token, or None. Every token is compared, each in constant time."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        return None
    found = None
    given = token.strip().encode()
    for name, known in request.app[CONTEXT].tokens.items():
        if hmac.compare_digest(given, known.get_secret_value().encode()):
            found = name
    return found


def unauthorized() -> web.Response:
    """401, without saying what was wrong with the token."""
    answer = problem(
        401, "unauthorized", "A bearer token from PORTCULLIS_API_TOKENS is needed; this one is not known."
    )
    answer.headers["WWW-Authenticate"] = 'Bearer realm="portcullis"'
    return answer
