"""Count signatures into seats: roles asked anew, the excluded left out, every click that does not count explained."""

from dataclasses import replace
from datetime import datetime

from pydantic import JsonValue

from bot.domain.approval import Approval, ApprovalState, approval_record
from bot.domain.audit import Fact
from bot.domain.calendar import CalendarVerdict
from bot.domain.change_request import ChangeRequest
from bot.domain.evidence import EvidenceKind, newest
from bot.domain.quorum import Quorum, seat_people
from bot.domain.refusal import Refusal
from bot.domain.snapshot import Snapshot
from bot.flows import owing
from bot.flows.roles import roles_of
from bot.policy import Policy
from bot.ports import Transaction


def seats_of(policy: Policy, environment: str) -> list[tuple[str, ...]]:
    """One entry for each place in the quorum: the roles that may fill it."""
    return [seat.role for seat in policy.environments[environment].approval.seats for _ in range(seat.count)]


def quorum_of(tx: Transaction, policy: Policy, request: ChangeRequest) -> Quorum:
    """How the seats of the present revision stand, by the signatures that count."""
    counted = {
        a.person: frozenset(a.roles)
        for a in tx.approvals.of(request.id)
        if a.revision == request.revision and a.state is ApprovalState.COUNTED
    }
    minimum = policy.environments[request.environment].approval.minimum
    return seat_people(seats_of(policy, request.environment), counted, minimum=minimum)


def may_fill_a_seat(policy: Policy, request: ChangeRequest, person: str, now: datetime) -> frozenset[str]:
    """The roles of `person` that some seat wants. Raises Refusal `own-request` or `no-seat`."""
    if person == request.requester.person:  # always, whatever the policy lists: nobody approves their own
        raise Refusal("own-request", {"request": request.id})
    wanted = {role for seat in seats_of(policy, request.environment) for role in seat}
    held = roles_of(policy, person, now)
    if not wanted:
        raise Refusal("no-seats", {"environment": request.environment})
    excluded = set(policy.environments[request.environment].approval.exclude)
    if person in excluded or held.roles & excluded:
        raise Refusal("excluded", {"request": request.id, "by": [*sorted(excluded & {person, *held.roles})]})
    if not held.roles & wanted:
        unanswered = sorted({source for role, source in held.unanswered if role in wanted})
        raise Refusal("no-seat", {"roles": [*sorted(wanted)], "unanswered": [*unanswered]})
    return held.roles & wanted


def count_signatures(tx: Transaction, policy: Policy, request: ChangeRequest, snapshot: Snapshot) -> None:
    """Decide on each signature of the present revision that is still undecided."""
    for approval in tx.approvals.of(request.id):
        if approval.state is not ApprovalState.SIGNED or approval.revision != request.revision:
            continue
        try:
            _not_an_author(policy, request, approval.person, snapshot)
            roles = may_fill_a_seat(policy, request, approval.person, tx.now)
        except Refusal as refusal:
            _refuse(tx, policy, request, approval, refusal)
            continue
        _count(tx, policy, request, approval, roles)


def _count(
    tx: Transaction, policy: Policy, request: ChangeRequest, approval: Approval, roles: frozenset[str]
) -> None:
    verdict = policy.calendar.at(approval.signed_at, environment=request.environment, service=request.service)
    record = approval_record(
        artifact=request.artifact.tag,
        approver=policy.people[approval.person].email or approval.person,
        approved_at=approval.signed_at,
        deployment_window=window_name(verdict),
        requested_at=request.requested_at,
    )
    tx.approvals.put(
        replace(approval, state=ApprovalState.COUNTED, roles=tuple(sorted(roles))),
        Fact(type="approval.counted", facts={"approval": record}),
    )
    owing.note(tx, policy, request, "approval-counted", person=approval.person, method=approval.factor.method)


def window_name(verdict: CalendarVerdict) -> str:
    """P11's `deployment_window`: the window that is open, or the calendar's verdict where none is."""
    windows = [rule.name for rule in verdict.rules if rule.kind == "window"]
    return windows[0] if windows else verdict.verdict.value


def _refuse(
    tx: Transaction, policy: Policy, request: ChangeRequest, approval: Approval, refusal: Refusal
) -> None:
    tx.approvals.put(
        replace(approval, state=ApprovalState.REFUSED, code=refusal.code),
        Fact(type="approval.refused", facts={"code": refusal.code, **refusal.facts}),
    )
    facts: dict[str, JsonValue] = {"code": refusal.code, **refusal.facts}
    owing.tell_person(tx, policy, approval.person, "approver-answer", request.id, facts)


def _not_an_author(policy: Policy, request: ChangeRequest, person: str, snapshot: Snapshot) -> None:
    """Commit authors as CI stated them with the build. Where nobody stated them, nobody can be cleared."""
    if "commit-authors" not in policy.environments[request.environment].approval.exclude:
        return
    build = newest(snapshot.about_artifact(), EvidenceKind.BUILD)
    authors = None if build is None else build.details.get("authors")
    if not isinstance(authors, list):
        raise Refusal("authors-unknown", {"request": request.id})
    known = policy.people[person]
    names = {str(a).lower() for a in authors}
    if names & {n.lower() for n in (person, known.github, known.email) if n}:
        raise Refusal("commit-author", {"request": request.id})
