"""Remind whoever could fill a seat that is still empty: seldom, never twice within an hour, never anybody who cannot
approve; and tell the requester once where nobody can (P10)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pydantic import JsonValue

from bot.domain.change_request import ChangeRequest, RequestState
from bot.domain.owed import Timer
from bot.domain.refusal import Refusal
from bot.flows import owing
from bot.flows.authority import repository_source, sources_for
from bot.flows.authorship import Known, not_an_author
from bot.flows.count import counted_roles, may_fill_a_seat, may_sign_again, quorum_of, quorum_with
from bot.flows.held_factors import held_factors
from bot.flows.on_duty import rostered
from bot.flows.seats import seat_plan
from bot.flows.shown import recall
from bot.flows.state_rules import as_asked, left_policy
from bot.policy import Policy
from bot.ports import Ledger, Place, Transaction

KIND: Final = "remind"
"""The kind of the timer, whose subject is the request, and the surface under which it stands who was told when."""
NOTE: Final = "reminder-note"
"""The kind of the message."""
FLAP: Final = timedelta(hours=1)
"""Nobody hears of the same request twice within this, however often it opens anew."""
MOST: Final = 10
"""So many people are reminded of one request at a time."""
BEFORE_THE_END: Final = 6
"""The last reminder comes this part of its life before it expires."""
_SIGN, _ENROL, _NOBODY = "sign", "enrol", "nobody"
_NOTHING_TO_USE: Final = frozenset({"not-enrolled", "method-forbidden"})
"""Why somebody cannot use a second factor there, where enrolling one mends it."""


def schedule(tx: Transaction, policy: Policy, request: ChangeRequest) -> None:
    """`request` opens for approval now: its reminders are set from here."""
    if seat_plan(policy, request).asks_nobody:
        return
    kept = tx.place(request.id, KIND) or {}
    tx.put_place(request.id, KIND, {**kept, "opened": tx.now.isoformat()})
    tx.schedule(Timer(kind=KIND, subject=request.id, due_at=_next(policy, request, tx.now, tx.now)))


async def remind(ledger: Ledger, policy: Policy, request_id: str) -> None:
    """A moment of its timer. Does nothing once it is approved, under way or over."""
    await ledger.write(lambda tx: _remind(tx, policy, request_id))


def _remind(tx: Transaction, policy: Policy, request_id: str) -> None:
    request = tx.requests.get(request_id, lock=True)
    if request is None or left_policy(policy, request) is not None or not _may_open_again(tx, request):
        return
    policy = as_asked(policy, request)
    kept = tx.place(request.id, KIND) or {}
    opened = _instant(kept, "opened") or request.requested_at
    told = _instant(kept, "told")
    if told is not None and tx.now - told < FLAP:
        tx.schedule(Timer(kind=KIND, subject=request.id, due_at=told + FLAP))
        return
    if request.state is RequestState.AWAITING_APPROVAL and request.held is None:
        kept = _tell(tx, policy, request, kept)
        tx.put_place(request.id, KIND, kept)
    due = _next(policy, request, opened, tx.now)
    if tx.now < due < request.expires_at:
        tx.schedule(Timer(kind=KIND, subject=request.id, due_at=due))


def _may_open_again(tx: Transaction, request: ChangeRequest) -> bool:
    """Whether it waits for people, or may do so once more: an approval can be lost, or taken back."""
    waits = request.is_open and request.state not in (RequestState.STARTING, RequestState.EVALUATING)
    return waits and tx.now < request.expires_at


def _next(policy: Policy, request: ChangeRequest, opened: datetime, now: datetime) -> datetime:
    """The next instant to remind at: a while after it opened, and again before it expires."""
    first = opened + as_asked(policy, request).environments[request.environment].approval.remind_after
    last = request.expires_at - (request.expires_at - request.requested_at) / BEFORE_THE_END
    return min((at for at in (first, last) if at > now), default=request.expires_at)


def _tell(tx: Transaction, policy: Policy, request: ChangeRequest, kept: Place) -> Place:
    """Tell whoever could sign, or the requester that nobody can; what is kept of it."""
    if quorum_of(tx, policy, request).filled:
        return kept
    able = could_fill(tx, policy, request)
    expires: dict[str, JsonValue] = {"expires": request.expires_at.isoformat()}
    for each in able[:MOST]:
        owing.tell_person(tx, policy, each.person, NOTE, request.id, {"code": each.code, **expires})
    if able:
        return {**kept, "told": tx.now.isoformat()}
    if kept.get(_NOBODY) == request.revision or _unsaid(tx, policy, request):
        return kept
    facts: dict[str, JsonValue] = {"code": _NOBODY, **expires}
    owing.tell_person(tx, policy, request.requester.person, NOTE, request.id, facts)
    return {**kept, _NOBODY: request.revision, "told": tx.now.isoformat()}


def _unsaid(tx: Transaction, policy: Policy, request: ChangeRequest) -> bool:
    """Whether some source that says who may sign has said nothing: then nobody knows that nobody can."""
    said = recall(tx, policy, request).by_source
    return any(s not in said or said[s].problem is not None for s in sources_for(policy, request))


@dataclass(frozen=True, slots=True)
class Able:
    """Somebody who could fill an empty seat: now, or once they enrolled a second factor."""

    person: str
    code: str


def could_fill(tx: Transaction, policy: Policy, request: ChangeRequest) -> list[Able]:
    """Everybody whose signature would bring the quorum nearer, by what the live sources said last: those who can sign
    now first. Whoever signed, is excluded, or wrote the change is left out; so is whoever's factor cannot be used yet."""
    policy = rostered(tx, policy)
    quorum, counted = quorum_of(tx, policy, request), counted_roles(tx, request)
    answers = recall(tx, policy, request)
    told = answers.by_source.get(repository_source(policy, request) or "")
    wrote = frozenset[str]() if told is None else told.members
    evidence = tx.evidence.about(request.service, artifact=request.artifact.tag)
    signed = {
        a.person
        for a in tx.approvals.of(request.id)
        if a.revision == request.revision and not may_sign_again(a)
    }
    found: list[Able] = []
    for person in policy.people:
        if person in signed or person in wrote or policy.people[person].slack is None:
            continue
        try:
            roles = may_fill_a_seat(policy, request, person, tx.now, answers)
            not_an_author(
                policy, request, person, evidence, Known(links=tx.identities.of(person), asked=False)
            )
        except Refusal:
            continue
        if quorum_with(policy, request, counted | {person: roles}).missing >= quorum.missing:
            continue
        code = _code(tx, policy, request, person)
        if code is not None:
            found.append(Able(person, code))
    return sorted(found, key=lambda each: each.code != _SIGN)


def _code(tx: Transaction, policy: Policy, request: ChangeRequest, person: str) -> str | None:
    try:
        held_factors(tx, policy, person, request.environment)
    except Refusal as refusal:
        return _ENROL if refusal.code in _NOTHING_TO_USE else None
    return _SIGN


def _instant(kept: Place, key: str) -> datetime | None:
    said = kept.get(key)
    return datetime.fromisoformat(said) if isinstance(said, str) else None
