"""POST /alertmanager: the webhook (version 4) of Prometheus Alertmanager, with a bearer token.

Alertmanager sends again what was answered with 5xx, and never what was answered with 4xx.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Annotated, Final, Literal

import structlog
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from bot.domain.canonical import digest_of
from bot.flows.alerts import Alert, Told, alerts
from handlers.http.answers import problem
from handlers.http.bodies import BadBody, json_object, shown
from handlers.http.context import CONTEXT
from handlers.http.doors import sender
from handlers.wording.told import too_busy

log = structlog.get_logger(__name__)

ADDRESS: Final = "/alertmanager"
LARGEST: Final = 4 * 1024 * 1024
"""Bytes of a payload, after it was unpacked: some 10,000 alerts."""
MOST_WAITING: Final = 32
"""So many payloads wait to be counted in; Alertmanager sends the others again."""
_READ_AT_ONCE: Final = 64 * 1024
_MOST_SHOWN: Final = 50
_SOON: Final = "5"

Label = Annotated[str, Field(max_length=10_000)]


class PostedAlert(BaseModel):
    """What is read of an alert; whatever else stands there is for others."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    status: Literal["firing", "resolved"]
    labels: dict[Label, Label]
    fingerprint: Annotated[str, Field(min_length=1, max_length=128)] | None = None

    def alert(self) -> Alert:
        """The alert; versions before 0.19 send no fingerprint, and then its labels name it."""
        labels: dict[str, JsonValue] = {**self.labels}
        return Alert(
            fingerprint=self.fingerprint or digest_of(labels)[-16:],
            firing=self.status == "firing",
            labels=self.labels,
        )


class Posted(BaseModel):
    """What is read of a payload; unknown fields are accepted, for each version brings new ones."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    version: Literal["4"] = "4"
    group_key: Annotated[str, Field(alias="groupKey", min_length=1, max_length=100_000)]
    receiver: Annotated[str, Field(max_length=10_000)] = ""
    truncated: Annotated[int, Field(alias="truncatedAlerts", ge=0)] = 0
    alerts: tuple[PostedAlert, ...]


@dataclass(slots=True)
class Alerts:
    """The payloads that wait to be counted in, one after the other: Slack's commands go between them."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0


QUEUE: web.AppKey[Alerts] = web.AppKey("alerts", Alerts)


async def post_alerts(request: web.Request) -> web.Response:
    """200 once the payload is counted in; 503 where too many wait; a 4xx names the field."""
    source = sender(request)
    queue = request.app[QUEUE]
    if queue.waiting >= MOST_WAITING:
        answer = problem(503, "too-busy", too_busy())
        answer.headers["Retry-After"] = _SOON
        return answer
    queue.waiting += 1
    try:
        async with queue.turn:
            return await _count(request, source)
    finally:
        queue.waiting -= 1


async def _count(request: web.Request, source: str) -> web.Response:
    body = await request.read()
    try:
        told = (
            _told(body, source)
            if len(body) <= _READ_AT_ONCE
            else await asyncio.to_thread(_told, body, source)
        )
    except BadBody as bad:
        return problem(400, bad.code, bad.sentence, field=bad.field)
    except ValidationError as error:
        return _invalid(error)
    context = request.app[CONTEXT]
    counted = await alerts(context.patient, context.in_force.policy, told)
    if counted.unmatched:
        log.info(
            "alertmanager.unmatched", source=source, alerts=len(told.alerts), unmatched=counted.unmatched
        )
    if counted.dropped:
        log.warning("alertmanager.truncated", source=source, dropped=counted.dropped)
    monitors: list[JsonValue] = [*counted.monitors[:_MOST_SHOWN]]
    answer: dict[str, JsonValue] = {
        "alerts": len(told.alerts),
        "unmatched": counted.unmatched,
        "monitors": monitors,
    }
    if counted.dropped:
        answer["dropped"] = counted.dropped
    return web.json_response(answer)


def _told(body: bytes, source: str) -> Told:
    posted = Posted.model_validate(json_object(body))
    return Told(
        source=source,
        receiver=posted.receiver,
        group=posted.group_key,
        alerts=tuple(each.alert() for each in posted.alerts),
        truncated=posted.truncated > 0,
    )


def _invalid(error: ValidationError) -> web.Response:
    wrong = error.errors(include_url=False, include_input=False, include_context=False)[0]
    name = shown(".".join(str(part) for part in wrong["loc"])) or "body"
    words = (
        str(wrong["msg"]).replace("Input should be", "it must be").replace("Field required", "it is missing")
    )
    return problem(422, "invalid-field", f"{name}: {words}.", field=name)
