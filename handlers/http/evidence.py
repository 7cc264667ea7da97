"""POST /api/v1/evidence: CI states what it built, tested, scanned or deployed.

The body decides, not its Content-Type: a JSON object is accepted whatever it is announced as, for `curl --data` says
that it sends a form.
"""

import asyncio
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from aiohttp import web
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    PlainValidator,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from bot.domain.artifact import DIGEST, TAG
from bot.domain.evidence import EvidenceKind
from bot.domain.refusal import Refusal
from bot.flows.evidence import Statement, accept
from handlers.http.answers import problem, refused
from handlers.http.bodies import BadBody, json_object, shown
from handlers.http.context import CONTEXT
from handlers.http.doors import sender
from handlers.http.instants import instant

_MOST_COUNTED: Final = 2**31 - 1
_MOST_PROBLEMS: Final = 20
_READ_AT_ONCE: Final = 64 * 1024
_PLACED: Final = frozenset({EvidenceKind.DEPLOYMENT, EvidenceKind.VERIFICATION})
"""What happens in an environment, and says nothing to any gate without it."""

Count = Annotated[int, Field(strict=True, ge=0, le=_MOST_COUNTED)]
Counted = Annotated[str, Field(min_length=1, max_length=64)]


class Posted(BaseModel):
    """The body, by the contract of DESIGN §4; an unknown field is a misspelt one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: EvidenceKind
    service: str = Field(max_length=128)
    artifact: str
    digest: str
    environment: str | None = Field(None, max_length=128, validate_default=True)
    outcome: Literal["passed", "failed"]
    at: Annotated[datetime, PlainValidator(instant)]
    counts: dict[Counted, Count] = Field(default_factory=dict, max_length=50)
    details: dict[str, JsonValue] = Field(default_factory=dict)

    @field_validator("artifact")
    @classmethod
    def _tag(cls, value: str) -> str:
        if not TAG.fullmatch(value):
            raise ValueError("it is no image tag (letters, digits, . _ -, at most 128)")
        return value

    @field_validator("digest")
    @classmethod
    def _digest(cls, value: str) -> str:
        if not DIGEST.fullmatch(value):
            raise ValueError("it is no digest (sha256: and 64 hex digits in lower case)")
        return value

    @field_validator("environment")
    @classmethod
    def _place(cls, value: str | None, so_far: ValidationInfo) -> str | None:
        kind = so_far.data.get("kind")
        if value is None and kind in _PLACED:
            raise ValueError(f"it is missing; a {kind.value} happens in one")
        return value


async def post_evidence(request: web.Request) -> web.Response:
    """201 for a new statement, 200 for one that was accepted before; a 4xx names the field."""
    source = sender(request)
    try:
        posted = await _posted(await request.read())
    except BadBody as bad:
        return problem(400, bad.code, bad.sentence, field=bad.field)
    except ValidationError as error:
        return _invalid(error)
    return await _accept(request, source, posted)


async def _posted(body: bytes) -> Posted:
    """The statement in `body`. A large one is read in a thread: it takes up to a second, and Slack waits for no one."""
    if len(body) <= _READ_AT_ONCE:
        return Posted.model_validate(json_object(body))
    return await asyncio.to_thread(lambda: Posted.model_validate(json_object(body)))


def _invalid(error: ValidationError) -> web.Response:
    """Every field that is wrong, and the first of them for programs that show one."""
    found = error.errors(include_url=False, include_input=False, include_context=False)[:_MOST_PROBLEMS]
    problems = [(_field(each["loc"]), _wrong(dict(each))) for each in found]
    field, message = problems[0]
    listed: list[JsonValue] = [{"field": f, "message": m} for f, m in problems]
    return problem(422, "invalid-field", f"{field}: {message}.", field=field, problems=listed)


def _field(place: tuple[int | str, ...]) -> str:
    return shown(".".join(str(part) for part in place if part != "[key]")) or "body"


def _wrong(error: dict[str, Any]) -> str:
    if error["type"] == "missing":
        return "it is missing"
    if error["type"] == "extra_forbidden":
        return "there is no such field (details may hold anything)"
    message = str(error["msg"]).removeprefix("Value error, ")
    return message.replace("Input should be", "it must be")


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
        at=posted.at,
        counts=posted.counts,
        details=posted.details,
    )
    try:
        accepted = await accept(context.ledger, context.in_force.policy, statement)
    except Refusal as refusal:
        return refused(refusal)
    body: dict[str, JsonValue] = {"id": accepted.id, "repeated": accepted.repeated}
    return web.json_response(body, status=200 if accepted.repeated else 201)
