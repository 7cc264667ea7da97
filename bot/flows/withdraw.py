"""Take an approval back: before the start by a word, after it by a second factor that brings the old version back (P16).

Before the start nothing more is needed: the safe direction is easy. Afterwards it changes production, so it takes an
incident ticket and a fresh factor; that one factor takes the approval back, stops the rollout between two calls, and
approves the rollback that is filed with it, once.
"""

from dataclasses import dataclass, replace
from typing import Final

from pydantic import JsonValue

from bot.domain.approval import Approval, ApprovalState, SecondFactor
from bot.domain.artifact import Artifact
from bot.domain.audit import Fact
from bot.domain.change_request import Actor, ChangeRequest, Kind, RequestState
from bot.domain.ran import same_version
from bot.domain.refusal import Refusal
from bot.domain.second_factor import Intent, Purpose
from bot.flows import owing, remind
from bot.flows.asking import Asker, bounded_reason, known_request
from bot.flows.count import quorum_of
from bot.flows.going_back import GoingBack, going_back
from bot.flows.held_factors import held_factors
from bot.flows.intents import open_intent
from bot.flows.link import known_person
from bot.flows.locks import locked
from bot.flows.make_way import end_between_calls, under_way
from bot.flows.roll_back import incident_of, request_rollback
from bot.flows.rollouts import run_of
from bot.flows.state_rules import left_policy
from bot.policy import Policy
from bot.ports import Ledger, Transaction

NOTE: Final = "withdrawal-note"
"""The kind of what the requester is told."""
STARTED: Final = frozenset({RequestState.STARTING, RequestState.LIVE})
_BEFORE: Final = frozenset({RequestState.EVALUATING, RequestState.AWAITING_APPROVAL, RequestState.APPROVED})
_GIVEN: Final = frozenset({ApprovalState.SIGNED, ApprovalState.COUNTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What `/deploy withdraw` says. `incident` is the ticket that stands first, if any; `key` is Slack's id."""

    asker: Asker
    key: str
    request: str
    incident: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """How it stands: withdrawn, or, with a `token`, waiting for a second factor at the end of that link."""

    request: ChangeRequest
    token: str | None = None
    back: GoingBack | None = None
    """What comes back with it, once it has started; None where nothing of it was called yet."""


async def withdraw(ledger: Ledger, policy: Policy, wanted: Wanted) -> Withdrawal:
    """Before the start, withdraw at once. After it, open the way to a second factor.

    Raises Refusal `nothing-to-withdraw`, `withdrawn-already`, `over-already`, `incident-first`, `bad-incident`,
    `newer-runs`, what `going_back` raises, or why no second factor could be used.
    """
    actor = wanted.asker.actor(policy)
    reason = bounded_reason(wanted.reason)

    def step(tx: Transaction) -> Withdrawal:
        request = known_request(tx, wanted.request)
        if tx.remembered(wanted.key) is not None:
            return Withdrawal(request=request)
        _in_policy(policy, request)
        if request.state not in STARTED:
            words = " ".join(part for part in (wanted.incident, reason) if part) or None
            tx.remember(wanted.key, request.id)
            return Withdrawal(request=_before(tx, policy, request, actor, words))
        if request.kind is Kind.CONFIGURATION:
            raise Refusal("withdraws-state", {"request": request.id, "state": request.artifact.tag})
        if wanted.incident is None:
            raise Refusal("incident-first", {"request": request.id, "state": request.state.value})
        incident = incident_of(policy, request.environment, wanted.incident) or ""
        person = known_person(tx, policy, wanted.asker).person or ""
        back = _undoable(tx, policy, request, person)
        held_factors(tx, policy, person, request.environment)
        locked(tx, person, None)
        said = f"{incident} {reason or ''}".strip()
        token = open_intent(
            tx, purpose=Purpose.WITHDRAW, person=person, asker=wanted.asker, request=request, words=said
        )
        return Withdrawal(request=request, token=token, back=back)

    return await ledger.write(step)


def check(tx: Transaction, policy: Policy, intent: Intent) -> None:
    """Whether the intent to withdraw can still be carried out. Raises Refusal."""
    _undoable(tx, policy, _bound(tx, intent, lock=False), intent.person)


def withdraw_act(tx: Transaction, policy: Policy, intent: Intent, factor: SecondFactor) -> None:
    """Carry it out by a factor used on our page; everything is checked again. Raises Refusal."""
    request = _bound(tx, intent, lock=True)
    ticket, _, reason = (intent.words or "").partition(" ")
    actor = intent.actor
    _take_back(tx, policy, request, actor, (ticket, reason or None), factor)


def _in_policy(policy: Policy, request: ChangeRequest) -> None:
    if left_policy(policy, request) is not None:
        raise Refusal("no-longer-in-policy", {"request": request.id})


def _bound(tx: Transaction, intent: Intent, *, lock: bool) -> ChangeRequest:
    request = known_request(tx, intent.request or "", lock=lock)
    if (request.revision, request.fingerprint) != (intent.revision, intent.fingerprint):
        raise Refusal("changed-since", {"request": request.id})
    return request


# Before the start


def _before(
    tx: Transaction, policy: Policy, request: ChangeRequest, actor: Actor, words: str | None
) -> ChangeRequest:
    """The approval counts no more from this commit on. What it carried goes back to waiting for approval; signing once
    more takes a fresh factor."""
    if request.state not in _BEFORE:
        raise Refusal("over-already", {"request": request.id, "state": request.state.value})
    approval = _given(tx, request, actor.person or "")
    _mark(tx, approval, actor, {"reason": words})
    facts: dict[str, JsonValue] = {"person": actor.person, "reason": words}
    if request.state is RequestState.APPROVED and not quorum_of(tx, policy, request).filled:
        request = replace(
            request, state=RequestState.AWAITING_APPROVAL, approved_at=None, asked_to_start=None
        )
        tx.requests.put(request, Fact(type="request.approval-withdrawn", by=actor, facts=facts))
        remind.schedule(tx, policy, request)
    owing.card(tx, policy, request)
    owing.note(tx, policy, request, "withdrawn", **facts)
    _tell_requester(tx, policy, request, actor, "withdrawn", facts)
    owing.evaluate_at(tx, request, tx.now)
    return request


def _given(tx: Transaction, request: ChangeRequest, person: str) -> Approval:
    """Their approval of the present revision. Raises Refusal `nothing-to-withdraw` or `withdrawn-already`."""
    found = tx.approvals.get(f"{request.id}/{request.revision}/{person}", lock=True)
    if found is not None and found.state is ApprovalState.WITHDRAWN:
        raise Refusal("withdrawn-already", {"request": request.id})
    if found is None or found.state not in _GIVEN:
        raise Refusal("nothing-to-withdraw", {"request": request.id, "state": request.state.value})
    return found


def _mark(tx: Transaction, approval: Approval, actor: Actor, facts: dict[str, JsonValue]) -> None:
    tx.approvals.put(
        replace(approval, state=ApprovalState.WITHDRAWN, code=None),
        Fact(type="approval.withdrawn", by=actor, facts=facts),
    )


# After it


def _undoable(tx: Transaction, policy: Policy, request: ChangeRequest, person: str) -> GoingBack | None:
    """What comes back with this approval; None where nothing of it was called yet, so that ending it is enough. Raises
    Refusal where it is none that could be withdrawn, or where something newer runs there, or is on its way."""
    _in_policy(policy, request)
    if request.state not in STARTED:
        raise Refusal("over-already", {"request": request.id, "state": request.state.value})
    if request.kind is Kind.ROLLBACK:
        raise Refusal("withdraws-rollback", {"request": request.id})
    _given(tx, request, person)
    running = under_way(tx, request.service, request.environment)
    if running is not None and running.id != request.id and running.kind is not Kind.ROLLBACK:
        raise _newer(request, running.artifact, running.id)
    run = run_of(tx, request)
    if run is not None and run.waits and run.called_at is None:
        return None
    back = going_back(tx, request.service, request.environment)
    if back.undoes is None or back.undoes.id != request.id:
        raise _newer(request, back.away, None if back.undoes is None else back.undoes.id)
    if request.rollback_target is not None and not same_version(back.target, request.rollback_target):
        facts: dict[str, JsonValue] = {
            "request": request.id, "agreed": request.rollback_target.tag, "to": back.target.tag,
            "service": request.service, "environment": request.environment,
        }  # fmt: skip
        raise Refusal("way-back-moved", facts)
    return back


def _newer(request: ChangeRequest, artifact: Artifact, by: str | None) -> Refusal:
    facts: dict[str, JsonValue] = {
        "request": request.id, "newer": by, "artifact": artifact.tag,
        "service": request.service, "environment": request.environment,
    }  # fmt: skip
    return Refusal("newer-runs", facts)


def _take_back(
    tx: Transaction,
    policy: Policy,
    request: ChangeRequest,
    actor: Actor,
    words: tuple[str, str | None],
    factor: SecondFactor,
) -> ChangeRequest:
    """The approval is withdrawn, the rollout ended where it stands between two calls, the rollback filed."""
    incident, reason = words
    back = _undoable(tx, policy, request, actor.person or "")
    approval = _given(tx, request, actor.person or "")
    proved: dict[str, JsonValue] = {
        "method": factor.method, "credential": factor.credential, "evidence": dict(factor.evidence),
    }  # fmt: skip
    _mark(tx, approval, actor, {"ticket": incident, "reason": reason, "factor": proved})
    said: dict[str, JsonValue] = {"person": actor.person, "ticket": incident, "reason": reason}
    owing.note(tx, policy, request, "withdrawn-started", **said)
    stopped = end_between_calls(tx, policy, request, actor)
    filed = request
    if back is not None:
        filed = request_rollback(
            tx, policy, request, back, actor, incident=incident, reason=reason, factor=factor
        )
        said["by"] = filed.id
    if not stopped:
        owing.card(tx, policy, request)
    _tell_requester(tx, policy, request, actor, "withdrawn-started", said)
    return filed


def _tell_requester(
    tx: Transaction,
    policy: Policy,
    request: ChangeRequest,
    actor: Actor,
    code: str,
    facts: dict[str, JsonValue],
) -> None:
    if actor.person != request.requester.person:
        owing.tell_person(tx, policy, request.requester.person, NOTE, request.id, {**facts, "code": code})
