"""Ask for a deployment: everything that can be said at once is said at once, and the rest is made durable."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import JsonValue

from bot.domain.artifact import TAG, Artifact
from bot.domain.audit import Fact
from bot.domain.change_request import ASAP, Actor, ChangeRequest, Kind, Start
from bot.domain.refusal import Refusal
from bot.flows import owing
from bot.flows.asking import Asker, bounded_reason, known
from bot.policy import Policy
from bot.ports import Ledger, Transaction

EVIDENCE_PATIENCE = timedelta(minutes=10)  # how long a source may be silent before the request is refused
LATEST_START = timedelta(days=90)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What `/deploy request` says, taken apart but not yet believed. `key` is Slack's id of the command."""

    asker: Asker
    key: str
    service: str
    artifact: str
    environment: str | None = None
    ticket: str | None = None
    fixes: str | None = None
    emergency: str | None = None
    start: Start = ASAP
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """The request that now exists; `repeated`: it existed already, Slack sent the same command again."""

    request_id: str
    service: str
    artifact: str
    environment: str
    gates: int
    repeated: bool


async def submit(ledger: Ledger, policy: Policy, ask: Ask) -> Submitted:
    """Write the request, its audit entry and the timer "evaluate now" in one transaction.

    Raises Refusal where the policy has no such thing, the text is no tag, or the same is asked for already.
    """
    actor = ask.asker.actor(policy)
    service = known("service", ask.service, list(policy.services))
    environment = known(
        "environment", ask.environment or next(iter(policy.environments)), list(policy.environments)
    )
    artifact = _artifact(ask.artifact)
    if ask.fixes is not None:
        known("environment", ask.fixes, list(policy.environments))
    reason = bounded_reason(ask.reason)
    _bounded("ticket", ask.ticket)
    _bounded("incident", ask.emergency)

    def step(tx: Transaction) -> Submitted:
        seen = tx.remembered(ask.key)
        if isinstance(seen, str):
            return Submitted(
                request_id=seen,
                service=service,
                artifact=artifact.tag,
                environment=environment,
                gates=len(policy.environments[environment].gates),
                repeated=True,
            )
        _start_fits(ask.start, tx.now)
        _not_open_already(tx, service, environment, artifact)
        request = _new(tx, policy, ask, actor, service, environment, artifact, reason)
        tx.requests.put(request, Fact(type="request.submitted", by=actor))
        tx.put_place(request.id, "reply", ask.asker.reply)
        tx.remember(ask.key, request.id)
        owing.evaluate_at(tx, request, tx.now)
        return Submitted(
            request_id=request.id,
            service=service,
            artifact=artifact.tag,
            environment=environment,
            gates=len(policy.environments[environment].gates),
            repeated=False,
        )

    return await ledger.write(step)


def _new(
    tx: Transaction,
    policy: Policy,
    ask: Ask,
    actor: Actor,
    service: str,
    environment: str,
    artifact: Artifact,
    reason: str | None,
) -> ChangeRequest:
    number = tx.requests.next_number()
    return ChangeRequest(
        id=f"DEP-{number}",
        number=number,
        kind=_kind(tx, ask, service, environment),
        service=service,
        environment=environment,
        artifact=artifact,
        requester=actor,
        requested_at=tx.now,
        expires_at=_expiry(policy, environment, ask.start, tx.now),
        evidence_deadline=tx.now + EVIDENCE_PATIENCE,
        ticket=ask.ticket,
        reason=reason,
        fixes=ask.fixes,
        emergency=ask.emergency,
        start=ask.start,
    )


def _expiry(policy: Policy, environment: str, start: Start, now: datetime) -> datetime:
    """A request for a later instant lives until then, and as long after it as any other."""
    lifetime = policy.environments[environment].approval.expires
    return max(now, start.at or now) + lifetime


def _kind(tx: Transaction, ask: Ask, service: str, environment: str) -> Kind:
    if ask.emergency is not None:
        return Kind.EMERGENCY
    running = tx.evidence.deployments(service, environment, limit=1)
    return Kind.PROMOTION if running else Kind.INITIAL


def _artifact(text: str) -> Artifact:
    if not TAG.fullmatch(text):
        raise Refusal("bad-artifact", {"name": text[:80]})
    return Artifact(text)


def _bounded(field: str, text: str | None) -> None:
    if text is not None and len(text) > 64:  # noqa: PLR2004 -- longer than any ticket system's key
        raise Refusal("too-long", {"field": field, "length": len(text), "limit": 64})


def _start_fits(start: Start, now: datetime) -> None:
    if start.at is None:
        return
    facts: dict[str, JsonValue] = {"at": start.at.isoformat()}
    if start.at <= now:
        raise Refusal("start-in-the-past", facts)
    if start.at > now + LATEST_START:
        raise Refusal("start-too-late", {**facts, "limit_days": LATEST_START.days})


def _not_open_already(tx: Transaction, service: str, environment: str, artifact: Artifact) -> None:
    for other in tx.requests.open(service=service, environment=environment):
        if other.artifact.tag == artifact.tag:
            raise Refusal(
                "already-asked",
                {"request": other.id, "by": other.requester.person, "state": other.state.value},
            )
