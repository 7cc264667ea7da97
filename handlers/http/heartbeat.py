"""POST /heartbeat/NAME: a job reports that it ran and how it went; the bot notices when it falls silent.

The body is optional, so that `curl -X POST` at the end of a cron job suffices.
"""

import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from bot.domain.refusal import Refusal
from bot.flows.heartbeats import Word, heartbeat, named
from handlers.http.answers import problem
from handlers.http.bodies import BadBody, json_object, shown
from handlers.http.context import CONTEXT
from handlers.http.doors import sender
from handlers.wording.refusals import sentence
from handlers.wording.told import too_often

_STATUS: Final = {"unknown-monitor": 404, "ambiguous-monitor": 409, "not-a-heartbeat": 409}
BURST: Final = 10
"""So many reports of one monitor may come at once."""
EVERY: Final = timedelta(seconds=1)
"""Afterwards one comes in this time."""


class Report(BaseModel):
    """How it is, by the words of the health contract, and a line for people; an unknown field is a misspelt one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    status: Word = Word.OK
    detail: str | None = Field(None, max_length=10_000)


@dataclass(slots=True)
class Paces:
    """How often each monitor may report; as many entries as the policy has heartbeats, at most."""

    spent: dict[str, tuple[float, datetime]] = field(default_factory=dict)

    def wait(self, monitor: str, now: datetime) -> int:
        """0 where it may be counted in, and it is; otherwise in how many seconds to come back."""
        used, since = self.spent.get(monitor, (0.0, now))
        used = max(0.0, used - max(timedelta(0), now - since) / EVERY)
        wait = max(0.0, used + 1 - BURST)
        self.spent[monitor] = (used if wait else used + 1, now)
        return math.ceil(wait * EVERY.total_seconds())


PACES: web.AppKey[Paces] = web.AppKey("paces", Paces)


async def post_heartbeat(request: web.Request) -> web.Response:
    """200 with the colour that the monitor has now, and the instant at which it will be missed."""
    source = sender(request)
    context = request.app[CONTEXT]
    policy = context.in_force.policy
    try:
        place, monitor = named(policy, *_asked(request))
    except Refusal as refusal:
        return problem(_STATUS[refusal.code], refusal.code, sentence(refusal), field="monitor")
    name = f"{place}/{monitor.name}"
    try:
        report = _report(await request.read())
    except BadBody as bad:
        return problem(400, bad.code, bad.sentence, field=bad.field)
    except ValidationError as error:
        return _invalid(error)
    if seconds := request.app[PACES].wait(name, context.clock.now()):
        answer = problem(429, "too-often", too_often(name, seconds), field="monitor")
        answer.headers["Retry-After"] = str(seconds)
        return answer
    heard = await heartbeat(
        context.patient, policy, place, monitor, word=report.status, detail=report.detail, source=source
    )
    body: dict[str, JsonValue] = {
        "monitor": name,
        "colour": heard.colour.value,
        "missed_at": heard.missed_at.isoformat(),
    }
    return web.json_response(body)


def _asked(request: web.Request) -> tuple[str, str | None]:
    """The monitor and its environment, the slash between them quoted or not."""
    whole = "/".join(
        request.match_info[part] for part in ("environment", "monitor") if part in request.match_info
    )
    environment, _, name = whole.rpartition("/")
    return name, environment or None


def place_asked(request: web.Request) -> str:
    """What is asked for, as a token for one heartbeat names it: NAME or ENVIRONMENT/NAME."""
    name, environment = _asked(request)
    return name if environment is None else f"{environment}/{name}"


def _report(body: bytes) -> Report:
    return Report.model_validate(json_object(body)) if body.strip() else Report()


def _invalid(error: ValidationError) -> web.Response:
    wrong = error.errors(include_url=False, include_input=False, include_context=False)[0]
    name = shown(".".join(str(part) for part in wrong["loc"])) or "body"
    words = "there is no such field; a report has status and detail"
    if wrong["type"] != "extra_forbidden":
        words = str(wrong["msg"]).replace("Input should be", "it must be")
    return problem(422, "invalid-field", f"{name}: {words}.", field=name)
