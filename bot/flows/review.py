"""The review that every used break-glass owes (P13): who may write it, when it falls due, and the daily reminders."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from pydantic import JsonValue

from bot.domain.approval import ApprovalState
from bot.domain.audit import Fact
from bot.domain.authority import Answers
from bot.domain.change_request import Actor, BrokenGlass, ChangeRequest, Review
from bot.domain.owed import Timer
from bot.domain.refusal import Refusal
from bot.flows import loud, owing
from bot.flows.asking import Asker, bounded_reason, known_request
from bot.flows.authority import Authority, asked_at_a_press
from bot.flows.authorship import Known, not_an_author
from bot.flows.count import may_fill_a_seat
from bot.flows.link import known_person
from bot.flows.on_duty import rostered
from bot.policy import Policy
from bot.ports import Ledger, Transaction

KIND: Final = "review"
"""The kind of its timer; the subject is the request."""
DAY: Final = timedelta(days=1)
_ALL, _OWED = "break-glass", "reviews-owed"


async def review(
    ledger: Ledger,
    policy: Policy,
    asker: Asker,
    request_id: str,
    words: str | None,
    *,
    key: str,
    authority: Authority | None = None,
) -> ChangeRequest:
    """Write down what was found. By anybody who could fill a seat, but neither the requester nor whoever signed: the
    live sources of roles are asked about the asker first, by `authority`, and silence is no yes.

    Opens nothing, so it takes no second factor. Raises Refusal
    `nothing-to-review`, `reviewed-already`, `review-too-early`, `not-yours-to-review`, `review-no-words`, or why the
    asker could fill no seat.
    """
    actor = asker.actor(policy)
    asked = await asked_at_a_press(ledger, authority, policy, request_id, actor.person)

    def step(tx: Transaction) -> ChangeRequest:
        request = known_request(tx, request_id)
        if tx.remembered(key) is not None:
            return request
        known_person(tx, policy, asker)
        glass = _reviewable(request)
        _may_review(tx, policy, request, actor, asked.answers)
        found = bounded_reason(words)
        if found is None:
            raise Refusal("review-no-words", {"request": request.id})
        tx.remember(key, request.id)
        written = Review(by=actor, at=tx.now, words=found)
        reviewed = replace(request, break_glass=replace(glass, review=written))
        facts: dict[str, JsonValue] = {"words": found, "due": _text(glass.review_due)}
        tx.requests.put(reviewed, Fact(type="break-glass.reviewed", by=actor, facts=facts))
        tx.unschedule(KIND, request.id)
        _owed_no_more(tx, request)
        loud.incidents(tx, policy, reviewed, "reviewed", {"person": actor.person, "words": found})
        owing.note(tx, policy, reviewed, "glass-reviewed", person=actor.person, reason=found)
        owing.card(tx, policy, reviewed)
        return reviewed

    return await ledger.write(step)


async def owed(ledger: Ledger) -> tuple[ChangeRequest, ...]:
    """The requests whose break-glass was used and not reviewed yet, the first due first."""

    def query(tx: Transaction) -> tuple[ChangeRequest, ...]:
        found = [request for id_ in _owed(tx) if (request := tx.requests.get(id_)) is not None]
        return tuple(sorted(found, key=lambda r: (_due(r) or tx.now, r.number)))

    return await ledger.read(query)


async def remind(ledger: Ledger, policy: Policy, request_id: str) -> None:
    """A moment of its timer: a day before it is due, when it is due, then daily until it is written. One message to
    the channel and to each person a day; of days that the bot was away, the last alone is told."""

    def step(tx: Transaction) -> None:
        request = tx.requests.get(request_id)
        due = None if request is None else _due(request)
        if request is None or due is None:
            return
        day = (tx.now - due) // DAY
        key = f"review:{request.id}:{max(day, -1)}"
        if day >= -1 and tx.remembered(key) is None:
            tx.remember(key, True)
            _remind(tx, policy, request, day)
        tx.schedule(Timer(kind=KIND, subject=request.id, due_at=next_moment(due, tx.now)))

    await ledger.write(step)


def falls_due(tx: Transaction, request: ChangeRequest) -> None:
    """Its glass was used just now: from here on its review is owed."""
    due = _due(request)
    if due is None:
        return
    tx.put_place(_ALL, _OWED, {"requests": [*_owed(tx), request.id]})
    tx.schedule(Timer(kind=KIND, subject=request.id, due_at=next_moment(due, tx.now)))


def next_moment(due: datetime, now: datetime) -> datetime:
    """The first moment after `now` at which somebody is reminded of a review that is due then."""
    return due + max((now - due) // DAY + 1, -1) * DAY


def _due(request: ChangeRequest) -> datetime | None:
    """When its review is due; None where none is owed (any more)."""
    glass = request.break_glass
    return None if glass is None or glass.review is not None else glass.review_due


def _reviewable(request: ChangeRequest) -> BrokenGlass:
    glass = request.break_glass
    if glass is None or glass.used_at is None:
        raise Refusal("nothing-to-review", {"request": request.id, "broken": glass is not None})
    if glass.review is not None:
        facts: dict[str, JsonValue] = {
            "request": request.id, "by": glass.review.by.person, "at": glass.review.at.isoformat(),
        }  # fmt: skip
        raise Refusal("reviewed-already", facts)
    if request.is_open:
        raise Refusal("review-too-early", {"request": request.id, "state": request.state.value})
    return glass


def _may_review(
    tx: Transaction, policy: Policy, request: ChangeRequest, actor: Actor, answers: Answers
) -> None:
    """Whoever asked for it or signed it took part. Where its environment left the policy, anybody else will do:
    nobody could fill a seat there any more."""
    signed = {a.person for a in tx.approvals.of(request.id) if a.state is not ApprovalState.REFUSED}
    if actor.person == request.requester.person or actor.person in signed:
        asked = actor.person == request.requester.person
        raise Refusal("not-yours-to-review", {"request": request.id, "asked": asked})
    if request.environment in policy.environments and request.service in policy.services:
        may_fill_a_seat(rostered(tx, policy), request, actor.person or "", tx.now, answers)
        _took_no_part(tx, policy, request, actor.person or "")


def _took_no_part(tx: Transaction, policy: Policy, request: ChangeRequest, person: str) -> None:
    """Neither wrote it nor dispatched it, for all that is known: where nobody knows, a review is better than none."""
    evidence = tx.evidence.about(request.service, artifact=request.artifact.tag)
    known = Known(links=tx.identities.of(person), asked=False)
    try:
        not_an_author(policy, request, person, evidence, known)
    except Refusal as refusal:
        if refusal.code in ("commit-author", "dispatched-it"):
            raise


def _remind(tx: Transaction, policy: Policy, request: ChangeRequest, day: int) -> None:
    glass = request.break_glass
    code = "review-soon" if day < 0 else "review-overdue" if day else "review-due"
    facts: dict[str, JsonValue] = {"due": None if glass is None else _text(glass.review_due), "days": day}
    loud.incidents(tx, policy, request, code, facts)
    signed = [a.person for a in tx.approvals.of(request.id) if a.state is ApprovalState.COUNTED]
    for person in dict.fromkeys((request.requester.person, *signed)):
        loud.person(tx, policy, person, request, code, facts)


def _owed(tx: Transaction) -> list[str]:
    names = (tx.place(_ALL, _OWED) or {}).get("requests")
    return [str(name) for name in names] if isinstance(names, list) else []


def _owed_no_more(tx: Transaction, request: ChangeRequest) -> None:
    tx.put_place(_ALL, _OWED, {"requests": [id_ for id_ in _owed(tx) if id_ != request.id]})


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
