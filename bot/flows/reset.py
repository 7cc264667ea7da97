"""Take away everything that somebody enrolled and linked: two administrators, neither of them the person (P8, F11)."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from pydantic import JsonValue

from bot.domain.approval import ApprovalState, SecondFactor
from bot.domain.audit import Fact
from bot.domain.change_request import Actor, ChangeRequest, RequestState
from bot.domain.refusal import Refusal
from bot.domain.second_factor import INTENT_LASTS, Intent, Purpose
from bot.flows import owing
from bot.flows.administrators import act_as_administrator, administrators, is_administrator, settled
from bot.flows.asking import Asker, bounded_reason, known
from bot.flows.enroll_proof import void_proofs
from bot.flows.factor_notes import tell, tell_channel
from bot.flows.held_factors import held_factors
from bot.flows.intents import open_intent
from bot.flows.link import known_person
from bot.flows.make_way import end_between_calls
from bot.flows.rollouts import run_of
from bot.policy import Policy
from bot.ports import Ledger, Transaction

WITHIN: Final = timedelta(hours=1)
"""The second administrator follows the first within this time, or is the first."""
_PLACE: Final = "factor-reset"
_WAITING: Final = frozenset({ApprovalState.SIGNED, ApprovalState.COUNTED})
_MAY_START: Final = frozenset(
    {RequestState.EVALUATING, RequestState.AWAITING_APPROVAL, RequestState.APPROVED}
)  # a rollback that comes with its approval is signed before it is judged


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A way to our page for one administrator. `first` asked before, where this is the second one."""

    token: str
    person: str
    until: datetime
    first: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Raised:
    """The person says that it was not them: told to whoever can do something about it."""

    person: str
    told: tuple[str, ...]


async def begin_reset(
    ledger: Ledger, policy: Policy, asker: Asker, person: str, reason: str | None
) -> Begun | Raised:
    """An administrator's click becomes an intent. The person themselves raises an alarm instead: that is easy.

    Raises Refusal.
    """
    known("person-name", person, list(policy.people))

    def step(tx: Transaction) -> Begun | Raised:
        actor = known_person(tx, policy, asker)
        if actor.person == person:
            return _raise_alarm(tx, policy, actor, bounded_reason(reason))
        by = actor.person or ""
        _may_reset(tx, policy, by, person)
        why = bounded_reason(reason, required=True)
        held_factors(tx, policy, by, None)
        token = open_intent(tx, purpose=Purpose.RESET, person=by, asker=asker, subject=person, words=why)
        return Begun(token=token, person=person, until=tx.now + INTENT_LASTS, first=first_of(tx, person))

    return await ledger.write(step)


def check_reset(tx: Transaction, policy: Policy, intent: Intent) -> None:
    """Whether the reset could be carried out now. Raises Refusal."""
    _may_reset(tx, policy, intent.person, intent.subject or "")


def reset_act(tx: Transaction, policy: Policy, intent: Intent, factor: SecondFactor) -> None:
    """The first administrator's factor asks for the reset, the second one's carries it out. Raises Refusal."""
    person = intent.subject or ""
    _may_reset(tx, policy, intent.person, person)
    settled(tx, policy, factor)
    first = first_of(tx, person)
    facts: dict[str, JsonValue] = {
        "reason": intent.words,
        "method": factor.method,
        "credential": factor.credential,
    }
    if first is None or not is_administrator(policy, first, tx.now):
        until = tx.now + WITHIN
        tx.put_place(_subject(person), _PLACE, {"by": intent.person, "at": tx.now.isoformat()})
        fact = Fact(type="reset.asked", by=intent.actor, facts={**facts, "evidence": dict(factor.evidence)})
        tx.trail.record(fact, subject=_subject(person))
        able: list[JsonValue] = [p for p in administrators(policy, tx.now, but=person) if p != intent.person]
        tell(
            tx,
            policy,
            person,
            "reset-asked",
            by=intent.person,
            reason=intent.words,
            until=until.isoformat(),
            able=able,
        )
        return
    tx.put_place(_subject(person), _PLACE, {})
    why = {**facts, "first": first, "evidence": dict(factor.evidence)}
    done = take_away(tx, policy, person, intent.actor, why)
    tell(tx, policy, person, "reset-done", by=intent.person, first=first, reason=intent.words, **done)


def nothing_enrolled(tx: Transaction, policy: Policy, person: str, actor: Actor, *, again: bool) -> None:
    """Before the host enrols: whatever is enrolled is taken away first, where that is meant (`again`).

    Raises Refusal `enrolled-already`.
    """
    held = tx.credentials.of(person)
    if held and not again:
        raise Refusal("enrolled-already", {"person": person})
    if held or (again and tx.identities.of(person)):
        done = take_away(tx, policy, person, actor, {"reason": "enrolled anew from the host"})
        tell(tx, policy, person, "reset-by-host", **done)


def take_away(
    tx: Transaction, policy: Policy, person: str, by: Actor, why: dict[str, JsonValue]
) -> dict[str, JsonValue]:
    """Revoke every factor and every link of `person`, void what they signed and what still waits for its start, and
    what they proved but did not use; gives how many of each."""
    credentials, links = tx.credentials.of(person), tx.identities.of(person)
    for credential in credentials:
        tx.credentials.put(
            replace(credential, revoked_at=tx.now), Fact(type="credential.revoked", by=by, facts=why)
        )
    for link in links:
        tx.identities.put(replace(link, revoked_at=tx.now), Fact(type="identity.revoked", by=by, facts=why))
    if tx.place(_subject(person), "login") is not None:
        tx.put_place(_subject(person), "login", {})  # nobody asks for their roles by the old grant any more
    void_proofs(tx, person)
    _end_uncalled(tx, policy, person, by)
    requests = void_signed(tx, policy, person, by)
    return {
        "factors": len(credentials),
        "links": len(links),
        "requests": [*requests],
    }


def void_signed(
    tx: Transaction, policy: Policy, person: str, by: Actor, *, credential: str | None = None
) -> list[str]:
    """Void what this person signed (with one credential) and what waits for its start by it; gives the requests."""
    waiting = [r for r in tx.requests.open() if r.state in _MAY_START]
    return [r.id for r in waiting if _void(tx, policy, r, person, by, credential)]


def _end_uncalled(tx: Transaction, policy: Policy, person: str, by: Actor) -> None:
    """What this person approved and nothing was called of yet (a freeze or a hold keeps it) does not start by that."""
    for request in tx.requests.open(state=RequestState.STARTING):
        approval = tx.approvals.get(f"{request.id}/{request.revision}/{person}")
        run = run_of(tx, request)
        if approval is not None and approval.state in _WAITING and run is not None and run.called_at is None:
            end_between_calls(tx, policy, request, by)


def first_of(tx: Transaction, person: str) -> str | None:
    """The administrator who asked for this reset within the hour and waits for a second one."""
    kept = tx.place(_subject(person), _PLACE)
    by, at = (None, None) if kept is None else (kept.get("by"), kept.get("at"))
    if not isinstance(by, str) or not isinstance(at, str) or tx.now - datetime.fromisoformat(at) >= WITHIN:
        return None
    return by


def _may_reset(tx: Transaction, policy: Policy, by: str, person: str) -> None:
    known("person-name", person, list(policy.people))
    act_as_administrator(policy, by, tx.now, on=person)
    if first_of(tx, person) == by:
        able: list[JsonValue] = [p for p in administrators(policy, tx.now, but=person) if p != by]
        raise Refusal("needs-another-administrator", {"person": person, "able": able})


def _raise_alarm(tx: Transaction, policy: Policy, actor: Actor, reason: str | None) -> Raised:
    person = actor.person or ""
    told = administrators(policy, tx.now, but=person)
    fact = Fact(type="reset.alarm", by=actor, facts={"reason": reason})
    tx.trail.record(fact, subject=_subject(person))
    tell_channel(tx, policy, person, "reset-alarm", reason=reason, able=[*told])
    return Raised(person=person, told=told)


def _void(
    tx: Transaction, policy: Policy, request: ChangeRequest, person: str, by: Actor, credential: str | None
) -> bool:
    """Void what this person signed of the present revision; one that was approved by it waits for approval again."""
    approval = tx.approvals.get(f"{request.id}/{request.revision}/{person}")
    if approval is None or approval.state not in _WAITING:
        return False
    if credential not in (None, approval.factor.credential):
        return False
    code = "factors-reset"
    tx.approvals.put(
        replace(approval, state=ApprovalState.VOID, code=code),
        Fact(type="approval.voided", by=by, facts={"code": code}),
    )
    if request.state is RequestState.APPROVED:
        waits = replace(request, state=RequestState.AWAITING_APPROVAL, approved_at=None)
        tx.requests.put(waits, Fact(type="request.approval-lost", by=by, facts={"person": person}))
        owing.answer(tx, policy, waits, "approval-lost")
    owing.note(tx, policy, request, "approval-lost", person=person, why=code)
    owing.card(tx, policy, request)
    owing.evaluate_at(tx, request, tx.now)
    return True


def _subject(person: str) -> str:
    return f"person/{person}"
