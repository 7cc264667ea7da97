"""POST /api/v1/evidence: CI states what it built, tested, scanned or deployed."""

import json
import re
from datetime import UTC, datetime
from typing import Literal

from aiohttp import web
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, ValidationError, field_validator

from bot.domain.artifact import DIGEST, TAG
from bot.domain.evidence import EvidenceKind
from bot.domain.refusal import Refusal
from bot.flows.evidence import Statement, accept
from handlers.http.answers import caller, problem, unauthorized
from handlers.http.context import CONTEXT
from handlers.wording.refusals import sentence

LIMIT = 1024 * 1024
NAME = re.compile(r"[^\s\x00-\x1f\x7f]{1,128}")
FIELD_OF = {"unknown-service": "service", "unknown-environment": "environment", "from-the-future": "at"}


class Posted(BaseModel):
    """The body, by the contract of DESIGN §4; an unknown field is a misspelt one."""

    model_config = ConfigDict(extra="forbid", strict=False)

    kind: EvidenceKind
    service: str = Field(max_length=128)
    artifact: str
    digest: str | None = None
    environment: str | None = Field(None, max_length=128)
    outcome: Literal["passed", "failed"]
    at: AwareDatetime
    counts: dict[str, int] = Field(default_factory=dict, max_length=50)
    details: dict[str, JsonValue] = Field(default_factory=dict)

    @field_validator("artifact")
    @classmethod
    def _tag(cls, value: str) -> str:
        if not TAG.fullmatch(value):
            raise ValueError("not an image tag (letters, digits, . _ -, at most 128)")
        return value

    @field_validator("digest")
    @classmethod
    def _digest(cls, value: str | None) -> str | None:
        if value is not None and not DIGEST.fullmatch(value):
            raise ValueError("not a digest (sha256: and 64 hex digits)")
        return value

    @field_validator("counts")
    @classmethod
    def _counts(cls, value: dict[str, int]) -> dict[str, int]:
        if any(n < 0 or n > 2**31 for n in value.values()):
            raise ValueError("counts are whole numbers from 0 on")
        return value


async def post_evidence(request: web.Request) -> web.Response:
    """201 for a new statement, 200 for one that was accepted before; a 4xx names the field."""
    source = caller(request)
    if source is None:
        return unauthorized()
    try:
        body = await request.content.read(LIMIT + 1)
        while len(body) <= LIMIT and not request.content.at_eof():
            body += await request.content.read(LIMIT + 1 - len(body))
    except OSError:
        return problem(400, "body-broken", "The body ended before it was complete.")
    if len(body) > LIMIT:
        return problem(413, "too-large", "Evidence may have 1 MiB at most; put large reports elsewhere.")
    try:
        posted = Posted.model_validate(_parsed(body))
    except ValidationError as error:
        return _invalid(error)
    except ValueError:
        return problem(400, "not-json", "The body is not JSON with one object at its top.")
    return await _accept(request, source, posted)


def _parsed(body: bytes) -> JsonValue:
    value: JsonValue = json.loads(body, parse_constant=_no_constant, parse_float=_whole)
    if not isinstance(value, dict):
        raise ValueError("not an object")  # noqa: TRY004 -- the caller tells JSON from fields
    return value


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _whole(text: str) -> JsonValue:
    """Records hold whole numbers and text, so that their canonical form is beyond doubt: 0.5 is kept as text."""
    return text


def _invalid(error: ValidationError) -> web.Response:
    first = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or "body"
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "missing":
        message = "it is missing"
    elif first["type"] == "extra_forbidden":
        message = "there is no such field (details may hold anything)"
    return problem(422, "invalid-field", f"{field}: {message}.", field=field)


async def _accept(request: web.Request, source: str, posted: Posted) -> web.Response:
    context = request.app[CONTEXT]
    statement = Statement(
        source=source,
        kind=posted.kind,
        service=posted.service,
        artifact=posted.artifact,
        digest=posted.digest,
        environment=posted.environment,
        passed=posted.outcome == "passed",
        at=_utc(posted.at),
        counts=posted.counts,
        details=posted.details,
    )
    try:
        accepted = await accept(context.ledger, context.in_force.policy, statement)
    except Refusal as refusal:
        return problem(422, refusal.code, sentence(refusal), field=FIELD_OF.get(refusal.code))
    body: dict[str, JsonValue] = {"id": accepted.id, "repeated": accepted.repeated}
    return web.json_response(body, status=200 if accepted.repeated else 201)


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC)
