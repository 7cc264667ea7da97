"""POST /pagerduty/webhooks: what people answer in PagerDuty (v3 webhooks) is answered here.

The signature covers the raw body and no time, so each event is taken once, and what it says has to fit the incident as
it stands: an acknowledgement of what somebody has already, or of what is over, does nothing. The key in it is somebody's
word, whoever holds a routing key: only what was told to PagerDuty is answered there.
"""

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import structlog
from aiohttp import web
from pydantic import JsonValue, SecretStr

from bot.domain.change_request import Actor
from bot.domain.refusal import Refusal
from bot.flows.outside_answers import acknowledge_there, resolve_there, take_back_there
from bot.policy import Policy
from bot.ports import Ledger, PolicyInForce, Transaction
from handlers.http.answers import problem
from handlers.http.bodies import BadBody, json_object
from handlers.http.doors import NO_TOKEN, behind
from handlers.paging.pagerduty import incident_of

log = structlog.get_logger(__name__)

PATH: Final = "/pagerduty/webhooks"
HEADER: Final = "X-PagerDuty-Signature"
LIMIT: Final = 4.0  # seconds; PagerDuty waits for 5
MOST_SIGNATURES: Final = 20
SOMEBODY: Final = "PagerDuty"
"""Who it was, where PagerDuty does not say it or the directory does not know them."""
NOTHING: Final = "nothing"
_OURSELVES: Final = frozenset(
    {"service_reference", "service", "inbound_integration_reference", "integration"}
)
"""Agents that are no people: the echo of an event that we sent ourselves."""

TAKEN_BACK: Final = "incident.unacknowledged"
_SYSTEM: Final = "pagerduty"


class Answer(Protocol):
    """What an event does here; False where it is told in the thread and changes nothing."""

    async def __call__(
        self, ledger: Ledger, policy: Policy, actor: Actor, incident_id: str, /, *, system: str, key: str
    ) -> bool | None: ...


ANSWERS: Final[Mapping[str, Answer]] = {
    "incident.acknowledged": acknowledge_there,
    "incident.resolved": resolve_there,
    TAKEN_BACK: take_back_there,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PagerDutyHook:
    """What the webhooks need. `name` is the installation's, as OutsideAnnouncer has it; `email_of` asks PagerDuty for
    the address of an account."""

    ledger: Ledger
    in_force: PolicyInForce
    secrets: Mapping[str, SecretStr]
    name: str
    email_of: Callable[[str], Awaitable[str | None]]
    limit: float = LIMIT


HOOK: web.AppKey[PagerDutyHook] = web.AppKey("pagerduty", PagerDutyHook)


def add_pagerduty(app: web.Application, hook: PagerDutyHook) -> None:
    """Listen to PagerDuty; before the application is started."""
    app[HOOK] = hook
    behind(app, NO_TOKEN).post(PATH, post_webhook)


async def post_webhook(request: web.Request) -> web.Response:
    """200 with what was done, 401 for a forged signature, 400 for what is no event, 503 where it must be sent again."""
    hook, body = request.app[HOOK], await request.read()
    if not signed(body, request.headers.getall(HEADER, []), hook.secrets.values()):
        return problem(401, "unauthorized", "This is not signed with a secret of this subscription.")
    try:
        event = json_object(body).get("event")
    except BadBody as bad:
        return problem(400, bad.code, bad.sentence, field=bad.field)
    if not isinstance(event, dict):
        return problem(400, "no-event", "A v3 webhook carries one object named “event”.", field="event")
    try:
        async with asyncio.timeout(hook.limit):
            done = await _take(hook, event)
    except TimeoutError:
        return problem(503, "too-slow", "It could not be taken in time; send it again.")
    return web.json_response({"done": done})


def signed(body: bytes, headers: Iterable[str], secrets: Iterable[SecretStr]) -> bool:
    """Whether any of the signatures is that of any secret. All are compared, each in constant time."""
    given = [
        one.strip().removeprefix("v1=") for header in headers for one in header.split(",") if "v1=" in one
    ]
    found = False
    for secret in secrets:
        right = hmac.new(secret.get_secret_value().encode(), body, hashlib.sha256).hexdigest().encode()
        for one in given[:MOST_SIGNATURES]:
            found |= hmac.compare_digest(one.encode("utf-8", "surrogateescape"), right)
    return found


async def _take(hook: PagerDutyHook, event: Mapping[str, JsonValue]) -> str:
    """What came of an event: `acknowledged`, `unacknowledged`, `resolved`, `told` or `nothing`. What it leaves undone it leaves silently: whoever
    sent it cannot mend it, and would send it again."""
    kind, id_, place = event.get("event_type"), event.get("id"), event.get("data")
    answer = ANSWERS.get(kind) if isinstance(kind, str) else None
    incident = incident_of(hook.name, place.get("incident_key")) if isinstance(place, dict) else None
    if answer is None or incident is None or not isinstance(id_, str) or not id_:
        return NOTHING
    agent = event.get("agent")
    if kind != TAKEN_BACK and isinstance(agent, dict) and agent.get("type") in _OURSELVES:
        return NOTHING  # we never take an acknowledgement back: that one is PagerDuty's own
    key = f"pagerduty:{hashlib.sha256(id_.encode('utf-8', 'replace')).hexdigest()}"
    if await hook.ledger.read(lambda tx: tx.remembered(key)) is not None:
        return NOTHING
    actor, policy = await _actor(hook, agent), hook.in_force.policy
    try:
        changed = await answer(hook.ledger, policy, actor, incident, system=_SYSTEM, key=key)
    except Refusal as refusal:
        log.info("pagerduty.no-answer", incident=incident, code=refusal.code)
        done = NOTHING
    else:
        done = "told" if changed is False else str(kind).removeprefix("incident.")

    def keep(tx: Transaction) -> None:
        if tx.remembered(key) is None:  # the same event may have come twice at once
            tx.remember(key, done)

    await hook.ledger.write(keep)
    return done


async def _actor(hook: PagerDutyHook, agent: JsonValue) -> Actor:
    """The person of the directory by the address of their account."""
    account = agent.get("id") if isinstance(agent, dict) else None
    email = await hook.email_of(account) if isinstance(account, str) else None
    found = None if email is None else hook.in_force.policy.person_by_email(email)
    if found is None:
        return Actor(via=SOMEBODY)
    return Actor(via=f"pagerduty:{account}", person=found[0])
