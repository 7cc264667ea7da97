"""Ask for a deployment: everything that can be said at once is said at once, and the rest is made durable."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from pydantic import JsonValue

from bot.domain.artifact import TAG, Artifact
from bot.domain.audit import Fact
from bot.domain.calendar import Verdict
from bot.domain.change_request import ASAP, Actor, BrokenGlass, ChangeRequest, Kind, Start
from bot.domain.refusal import Refusal
from bot.flows import break_glass, owing
from bot.flows.access import may_request
from bot.flows.asking import Asker, bounded_reason, known, plain_text
from bot.flows.collect import running
from bot.flows.link import known_person
from bot.flows.living_calendar import Uncompiled, compiled, living
from bot.flows.on_duty import rostered
from bot.gates import calendar
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
    closed_at: datetime | None = None
    """The instant that `at=` names, where the calendar is closed then."""
    opens_at: datetime | None = None
    """The first instant after it at which the calendar is not; None where nobody knows one."""
    emergency: str | None = None
    """The incident that it names."""
    glass: BrokenGlass | None = None
    """What it broke; None with an emergency: the policy has no break-glass there, so it passes nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """An `Ask` that the policy knows all names of."""

    actor: Actor
    service: str
    environment: str
    artifact: Artifact
    ticket: str | None
    fixes: str | None
    emergency: str | None
    start: Start
    reason: str | None


async def submit(ledger: Ledger, policy: Policy, ask: Ask) -> Submitted:
    """Write the request, its audit entry and the timer "evaluate now" in one transaction.

    Without an environment it is for the most protected one. An emergency breaks the glass where the policy has one
    there (P13). Raises Refusal where the policy has no such thing, the text is no tag, the same is asked for already,
    or an emergency lacks what the policy demands of it.
    """
    wanted = _believed(policy, ask)

    def step(tx: Transaction, *, compiles: bool) -> Submitted:
        seen = tx.remembered(ask.key)
        if isinstance(seen, str):
            return _submitted(policy, wanted, seen, repeated=True)
        known_person(tx, policy, ask.asker)
        _start_fits(wanted.start, tx.now)
        glass = _glass(policy, wanted, tx.now)
        opening = _opening(tx, policy, wanted, compiles=compiles)
        number = tx.requests.next_number()  # its lock makes whoever asks for the same at once see this one
        _not_open_already(tx, wanted)
        request = break_glass.with_glass(tx, policy, _new(tx, policy, wanted, number, opening), glass)
        may_request(rostered(tx, policy), wanted.actor.person or "", request, tx.now, benefit=True)
        tx.requests.put(request, Fact(type="request.submitted", by=wanted.actor))
        break_glass.tell_broken(tx, policy, request)
        tx.put_place(request.id, "reply", ask.asker.reply)
        tx.remember(ask.key, request.id)
        owing.evaluate_at(tx, request, tx.now)
        told = _submitted(policy, wanted, request.id, repeated=False)
        closed = opening.asked_for if opening.closed and wanted.start.mode == "at" else None
        return replace(told, closed_at=closed, opens_at=opening.opens_at, glass=request.break_glass)

    try:
        return await ledger.write(partial(step, compiles=False))
    except Uncompiled as missing:  # so seldom that looking first would cost more than it spares
        await compiled(missing.calendar, wanted.environment, wanted.service, missing.instant)
        return await ledger.write(partial(step, compiles=True))


def _believed(policy: Policy, ask: Ask) -> _Wanted:
    environments = list(policy.environments)
    actor = ask.asker.actor(policy)
    service = known("service", ask.service, list(policy.services))
    environment = known("environment", ask.environment or environments[0], environments)
    if ask.fixes is not None:
        known("environment", ask.fixes, environments)
    return _Wanted(
        actor=actor,
        service=service,
        environment=environment,
        artifact=_artifact(ask.artifact),
        ticket=_bounded("ticket", ask.ticket),
        fixes=ask.fixes,
        emergency=_bounded("incident", ask.emergency),
        start=ask.start,
        reason=bounded_reason(ask.reason),
    )


def _submitted(policy: Policy, wanted: _Wanted, request_id: str, *, repeated: bool) -> Submitted:
    return Submitted(
        request_id=request_id,
        service=wanted.service,
        artifact=wanted.artifact.tag,
        environment=wanted.environment,
        gates=len(policy.environments[wanted.environment].gates),
        repeated=repeated,
        emergency=wanted.emergency,
    )


def _glass(policy: Policy, wanted: _Wanted, now: datetime) -> break_glass.Glass | None:
    return break_glass.asked_for(
        policy,
        wanted.environment,
        emergency=wanted.emergency,
        reason=wanted.reason,
        start=wanted.start,
        now=now,
    )


def _new(tx: Transaction, policy: Policy, wanted: _Wanted, number: int, opening: "_Opening") -> ChangeRequest:
    return ChangeRequest(
        id=f"DEP-{number}",
        number=number,
        kind=_kind(tx, wanted),
        service=wanted.service,
        environment=wanted.environment,
        artifact=wanted.artifact,
        requester=wanted.actor,
        requested_at=tx.now,
        expires_at=_expiry(tx, policy, wanted, opening),
        evidence_deadline=tx.now + EVIDENCE_PATIENCE,
        ticket=wanted.ticket,
        reason=wanted.reason,
        fixes=wanted.fixes,
        emergency=wanted.emergency,
        start=wanted.start,
    )


@dataclass(frozen=True, slots=True)
class _Opening:
    """The calendar at the instant asked for: whether it is closed then, and when it is not."""

    asked_for: datetime
    closed: bool = False
    opens_at: datetime | None = None


def _opening(tx: Transaction, policy: Policy, wanted: _Wanted, *, compiles: bool) -> _Opening:
    """A request for an instant is judged for that instant; it is taken, and told when it can really start.

    Raises Uncompiled where that would compile the calendar and it must not.
    """
    at = wanted.start.at or tx.now
    if calendar.NAME not in policy.environments[wanted.environment].gates:
        return _Opening(at)
    rules = living(tx, policy).calendar
    place = {"environment": wanted.environment, "service": wanted.service}
    if not compiles and not rules.is_compiled(at, **place):
        raise Uncompiled(rules, at)
    verdict = rules.at(at, **place)
    if verdict.verdict is not Verdict.PROHIBITED:
        return _Opening(at)
    return _Opening(at, closed=True, opens_at=verdict.next_change)


def _expiry(tx: Transaction, policy: Policy, wanted: _Wanted, opening: _Opening) -> datetime:
    """One for a later instant, or for the next opening, lives until then, and as long after it as any other."""
    begins = tx.now
    if wanted.start.by_itself:
        begins = max(begins, opening.asked_for, opening.opens_at or opening.asked_for)
    return begins + policy.environments[wanted.environment].approval.expires


def _kind(tx: Transaction, wanted: _Wanted) -> Kind:
    if wanted.emergency is not None:
        return Kind.EMERGENCY
    deployed = tx.evidence.deployments(wanted.service, wanted.environment)
    return Kind.INITIAL if running(deployed, wanted.environment) is None else Kind.PROMOTION


def _artifact(text: str) -> Artifact:
    if not TAG.fullmatch(text):
        raise Refusal("bad-artifact", {"name": text[:80]})
    return Artifact(text)


def _bounded(field: str, text: str | None) -> str | None:
    """The text without outer white space; blank is none. Raises Refusal `too-long`."""
    kept = plain_text(text)
    if len(kept) > 64:  # noqa: PLR2004 -- longer than any ticket system's key
        raise Refusal("too-long", {"field": field, "length": len(kept), "limit": 64})
    return kept or None


def _start_fits(start: Start, now: datetime) -> None:
    if start.at is None:
        return
    facts: dict[str, JsonValue] = {"at": start.at.isoformat()}
    if start.at <= now:
        raise Refusal("start-in-the-past", facts)
    if start.at > now + LATEST_START:
        raise Refusal("start-too-late", {**facts, "limit_days": LATEST_START.days})


def _not_open_already(tx: Transaction, wanted: _Wanted) -> None:
    there = tx.requests.open(
        service=wanted.service, environment=wanted.environment, artifact=wanted.artifact.tag
    )
    for other in there:
        raise Refusal(
            "already-asked",
            {"request": other.id, "by": other.requester.person, "state": other.state.value},
        )
