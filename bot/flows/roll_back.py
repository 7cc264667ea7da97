"""Ask to go back to the version before (P16): by on-call, the platform lead or an approver, with an incident ticket, to
what ran there and still exists. It is approved as the policy says, waits for no window, and stops what rolls out."""

from dataclasses import dataclass, replace
from typing import Final

from pydantic import JsonValue

from bot.domain.approval import SecondFactor, signature
from bot.domain.artifact import TAG, Artifact
from bot.domain.audit import Fact
from bot.domain.change_request import SYSTEM, Actor, ChangeRequest, Kind, RequestState
from bot.domain.evidence import Evidence
from bot.domain.fingerprint import evidence_digest, fingerprint, fingerprint_facts
from bot.domain.refusal import Refusal
from bot.flows import owing
from bot.flows.access import may_request
from bot.flows.asking import Asker, bounded_reason, known
from bot.flows.break_glass import TICKET, ticket_form
from bot.flows.count import may_fill_a_seat, may_sign_again
from bot.flows.going_back import GoingBack, going_back
from bot.flows.link import known_person
from bot.flows.make_way import hold_for, under_way
from bot.flows.on_duty import rostered
from bot.flows.seats import seat_plan
from bot.flows.suspects import rollback_filed
from bot.policy import Policy
from bot.ports import Ledger, Transaction

INCIDENT_TICKET, ROLLBACK_PLAN = "incident-ticket", "rollback-plan"
LONGEST_TICKET: Final = 64
NOT_KNOWN_YET: Final = Artifact("unknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What `/deploy rollback` says, taken apart but not yet believed. `key` is Slack's id of the command."""

    asker: Asker
    key: str
    service: str
    environment: str
    incident: str | None = None
    to: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filed:
    """The rollback that is asked for now; `repeated`: Slack sent the same command again."""

    request: ChangeRequest
    repeated: bool = False
    stops: str | None = None
    """The request whose rollout it ends between two calls."""


async def roll_back(ledger: Ledger, policy: Policy, wanted: Wanted) -> Filed:
    """Write the request, its audit entry and the timer "evaluate now" in one transaction; a rollout under way there
    goes no further meanwhile.

    Raises Refusal: an unknown name, `may-not-roll-back`, `needs-incident`, `bad-incident`, `no-reason`,
    `rollback-asked`, or what `going_back` raises.
    """
    actor = wanted.asker.actor(policy)
    service = known("service", wanted.service, list(policy.services))
    environment = known("environment", wanted.environment, list(policy.environments))
    reason = bounded_reason(wanted.reason)
    incident = demanded(policy, environment, wanted.incident, reason)
    if wanted.to is not None and not TAG.fullmatch(wanted.to):
        raise Refusal("bad-artifact", {"name": wanted.to[:80]})

    def step(tx: Transaction) -> Filed:
        seen = tx.remembered(wanted.key)
        if isinstance(seen, str) and (there := tx.requests.get(seen)) is not None:
            return Filed(request=there, repeated=True)
        known_person(tx, policy, wanted.asker)
        number = tx.requests.next_number()  # its lock makes whoever asks for the same at once see this one
        request = _new(tx, policy, number, (service, environment), actor)
        may_roll_back(tx, policy, request, actor)  # first: what runs there is not for everybody to know
        back = going_back(tx, service, environment, wanted.to)
        request = replace(_to(request, back), ticket=incident, reason=reason)
        open_ = open_rollback(tx, service, environment)
        if open_ is not None:
            facts: dict[str, JsonValue] = {"request": open_.id, "by": open_.requester.person}
            raise Refusal("rollback-asked", facts | {"state": open_.state.value, "to": open_.artifact.tag})
        running = under_way(tx, service, environment)
        _file(tx, policy, request, back)
        tx.put_place(request.id, "reply", wanted.asker.reply)
        tx.remember(wanted.key, request.id)
        return Filed(request=request, stops=None if running is None else running.id)

    return await ledger.write(step)


def demanded(policy: Policy, environment: str, incident: str | None, reason: str | None) -> str | None:
    """The incident's ticket, where what the policy demands of a rollback is there: without a section of its own, the
    ticket, unless nobody has to agree there anyway. A rollback plan is told in the reason.

    Raises Refusal `needs-incident`, `bad-incident` or `no-reason`.
    """
    section = policy.environments[environment]
    requires: tuple[str, ...] = (INCIDENT_TICKET,) if section.approval.seats else ()
    if section.rollback is not None:
        requires = section.rollback.requires
    ticket = incident_of(policy, environment, incident)
    if ticket is None and INCIDENT_TICKET in requires:
        raise Refusal(
            "needs-incident", {"environment": environment, "pattern": _pattern(policy, environment)}
        )
    if reason is None and ROLLBACK_PLAN in requires:
        raise Refusal("no-reason")
    return ticket


def incident_of(policy: Policy, environment: str, text: str | None) -> str | None:
    """The text as an incident's ticket. Raises Refusal `bad-incident` where it is none by the policy's form."""
    if not text:
        return None
    if len(text) > LONGEST_TICKET or ticket_form(policy, environment).fullmatch(text) is None:
        raise Refusal("bad-incident", {"name": text[:80], "pattern": _pattern(policy, environment)})
    return text


def looks_like_incident(policy: Policy, environment: str, word: str) -> bool:
    """Whether a word of a command is meant as the incident's ticket, and not as the reason's first word."""
    form = ticket_form(policy, environment) if environment in policy.environments else TICKET
    return len(word) <= LONGEST_TICKET and form.fullmatch(word) is not None


def _pattern(policy: Policy, environment: str) -> str | None:
    form = ticket_form(policy, environment)
    return None if form is TICKET else form.pattern


def may_roll_back(tx: Transaction, policy: Policy, request: ChangeRequest, actor: Actor) -> None:
    """Whoever could approve it may ask for it; where nobody has to approve, whoever may ask for a change there. A
    source of roles that was not asked yet counts as yes: it is asked before the approval counts.

    Raises Refusal `may-not-roll-back` or `may-not-request`.
    """
    person = actor.person or ""
    if seat_plan(policy, request).asks_nobody:
        may_request(rostered(tx, policy), person, request, tx.now, benefit=True)
        return
    try:
        may_fill_a_seat(rostered(tx, policy), request, person, tx.now, benefit=True)
    except Refusal as refusal:
        facts: dict[str, JsonValue] = {"environment": request.environment, "why": refusal.code}
        raise Refusal("may-not-roll-back", {**refusal.facts, **facts}) from refusal


def open_rollback(tx: Transaction, service: str, environment: str) -> ChangeRequest | None:
    """The rollback that is asked for or under way there."""
    there = tx.requests.open(service=service, environment=environment)
    return next((r for r in there if r.kind is Kind.ROLLBACK), None)


def request_rollback(
    tx: Transaction,
    policy: Policy,
    undone: ChangeRequest,
    back: GoingBack,
    actor: Actor,
    *,
    incident: str,
    reason: str | None,
    factor: SecondFactor,
) -> ChangeRequest:
    """File the rollback of `undone`, approved by the very factor that its approval was withdrawn with. Where somebody
    asked to go back to the same version already, that request gets the approval instead: it is filed once.

    Raises Refusal `rollback-asked` where another version is being brought back there.
    """
    number = tx.requests.next_number()
    there = open_rollback(tx, undone.service, undone.environment)
    if there is not None:
        if (there.artifact, there.rollback_target) != (back.target, back.away):
            facts: dict[str, JsonValue] = {"request": there.id, "by": there.requester.person}
            raise Refusal("rollback-asked", facts | {"state": there.state.value, "to": there.artifact.tag})
        if there.state in (RequestState.EVALUATING, RequestState.AWAITING_APPROVAL):
            _sign(tx, policy, _bound(tx, policy, there), actor, factor)
        return there
    request = _to(_new(tx, policy, number, (undone.service, undone.environment), actor), back)
    request = _bound(tx, policy, replace(request, ticket=incident, reason=reason))
    _file(tx, policy, request, back)
    _sign(tx, policy, request, actor, factor)
    return request


def roll_back_by_itself(
    tx: Transaction,
    policy: Policy,
    undone: ChangeRequest,
    back: GoingBack,
    *,
    incident: str,
    reason: str,
) -> ChangeRequest:
    """File the rollback of `undone` that nobody asked for (P15): its gates are asked as of any, and nobody approves it,
    because the approval of `undone` named the version to go back to. A rollback that somebody asked for goes on beside
    it, and finds that version there already."""
    number = tx.requests.next_number()
    new = _new(tx, policy, number, (undone.service, undone.environment), SYSTEM)
    request = replace(_to(new, back), ticket=incident, reason=reason)
    _file(tx, policy, request, back)
    owing.card(tx, policy, request)
    return request


def _new(tx: Transaction, policy: Policy, number: int, place: tuple[str, str], actor: Actor) -> ChangeRequest:
    """A rollback of whatever runs there to whatever ran before: who may ask for one does not depend on that."""
    service, environment = place
    expires = tx.now + policy.environments[environment].approval.expires
    return ChangeRequest(
        id=f"DEP-{number}",
        number=number,
        kind=Kind.ROLLBACK,
        service=service,
        environment=environment,
        artifact=NOT_KNOWN_YET,
        requester=actor,
        requested_at=tx.now,
        expires_at=expires,
        evidence_deadline=expires,  # a registry that is silent in an incident is asked for as long as it takes
    )


def _to(request: ChangeRequest, back: GoingBack) -> ChangeRequest:
    """The rollback with the versions that it means."""
    undoes = None if back.undoes is None else back.undoes.id
    return replace(request, artifact=back.target, rollback_target=back.away, rolls_back=undoes)


def _file(tx: Transaction, policy: Policy, request: ChangeRequest, back: GoingBack) -> None:
    facts: dict[str, JsonValue] = {
        "rolls_back": request.rolls_back, "from": back.away.tag, "to": back.target.tag,
        "ticket": request.ticket, "reason": request.reason,
    }  # fmt: skip
    tx.requests.put(request, Fact(type="request.submitted", by=request.requester, facts=facts))
    if back.undoes is not None:
        owing.note(
            tx,
            policy,
            back.undoes,
            "rollback-asked",
            by=request.id,
            person=request.requester.person,
            to=back.target.tag,
        )
    rollback_filed(tx, policy, request)
    hold_for(tx, policy, request)
    owing.evaluate_at(tx, request, tx.now)


def _bound(tx: Transaction, policy: Policy, request: ChangeRequest) -> ChangeRequest:
    """The request with the facts that a signature given before its first judgement is bound to; any that turns out
    otherwise then opens a new revision, and voids it."""
    if request.fingerprint is not None:
        return request
    about: list[Evidence] = tx.evidence.about(request.service, artifact=request.artifact.tag)
    facts = fingerprint_facts(
        request,
        digest=request.artifact.digest,
        rollback=request.rollback_target,
        policy=policy.digest,
        evidence=evidence_digest(about),
    )
    bound = replace(request, bound=facts, fingerprint=fingerprint(facts, request.revision))
    if tx.requests.get(request.id) is not None:
        tx.requests.put(bound, Fact(type="request.bound"))
    return bound


def _sign(
    tx: Transaction, policy: Policy, request: ChangeRequest, actor: Actor, factor: SecondFactor
) -> None:
    owing.card(tx, policy, request)  # before anything that follows is told: a thread begins with its message
    approval = signature(request, actor, factor, at=tx.now)
    before = tx.approvals.get(approval.id, lock=True)
    if before is None or may_sign_again(before):
        tx.approvals.put(
            approval, Fact(type="approval.signed", by=actor, facts={"withdraws": request.rolls_back})
        )
    owing.evaluate_at(tx, request, tx.now)
