"""Count signatures into seats: roles asked anew, the excluded left out, every click that does not count explained."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from pydantic import JsonValue

from bot.domain.approval import Approval, ApprovalState, approval_record
from bot.domain.audit import Fact
from bot.domain.calendar import CalendarVerdict
from bot.domain.change_request import ChangeRequest
from bot.domain.evidence import Evidence, EvidenceKind, newest
from bot.domain.quorum import Quorum, seat_people
from bot.domain.refusal import Refusal
from bot.domain.snapshot import Snapshot
from bot.flows import owing
from bot.flows.living_calendar import living
from bot.flows.roles import roles_of
from bot.policy import Policy
from bot.ports import Transaction


def seats_of(policy: Policy, environment: str) -> list[tuple[str, ...]]:
    """One entry for each place in the quorum: the roles that may fill it."""
    return [seat.role for seat in policy.environments[environment].approval.seats for _ in range(seat.count)]


def quorum_of(tx: Transaction, policy: Policy, request: ChangeRequest) -> Quorum:
    """How the seats of the present revision stand, by the signatures that count."""
    return quorum_with(policy, request, counted_roles(tx, request))


def counted_roles(tx: Transaction, request: ChangeRequest) -> dict[str, frozenset[str]]:
    """The people whose signatures count for the present revision, with the roles that they counted for."""
    return {a.person: frozenset(a.roles) for a in _in_state(tx, request, ApprovalState.COUNTED)}


def quorum_with(policy: Policy, request: ChangeRequest, roles: Mapping[str, frozenset[str]]) -> Quorum:
    """How the seats would stand if these people with these roles had signed."""
    minimum = policy.environments[request.environment].approval.minimum
    return seat_people(seats_of(policy, request.environment), roles, minimum=minimum)


def may_fill_a_seat(policy: Policy, request: ChangeRequest, person: str, now: datetime) -> frozenset[str]:
    """The roles of `person` that some seat wants.

    Raises Refusal `own-request`, `no-longer-in-policy`, `no-seats`, `excluded` or `no-seat`.
    """
    if person == request.requester.person:  # always, whatever the policy lists: nobody approves their own
        raise Refusal("own-request", {"request": request.id})
    if request.environment not in policy.environments or request.service not in policy.services:
        raise Refusal("no-longer-in-policy", {"request": request.id})
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


def not_an_author(policy: Policy, request: ChangeRequest, person: str, evidence: Iterable[Evidence]) -> None:
    """Commit authors as CI stated them with the newest build. Where nobody stated them, nobody can be cleared.

    Raises Refusal `authors-unknown` or `commit-author`.
    """
    if "commit-authors" in policy.environments[request.environment].approval.exclude:
        wrote_none_of_it(policy, request, person, evidence)


def wrote_none_of_it(
    policy: Policy, request: ChangeRequest, person: str, evidence: Iterable[Evidence]
) -> None:
    """Raises Refusal `authors-unknown` or `commit-author`."""
    build = newest((e for e in evidence if e.artifact == request.artifact.tag), EvidenceKind.BUILD)
    authors = None if build is None else build.details.get("authors")
    if not isinstance(authors, list) or not authors:
        raise Refusal("authors-unknown", {"request": request.id})
    names = {a.strip().casefold() for a in authors if isinstance(a, str)}
    if "" in names or not all(isinstance(a, str) for a in authors):  # one of them is no name: who is it?
        raise Refusal("authors-unknown", {"request": request.id})
    known = policy.people[person]
    if names & {n.casefold() for n in (person, known.github, known.email) if n}:
        raise Refusal("commit-author", {"request": request.id})


def count_signatures(tx: Transaction, policy: Policy, request: ChangeRequest, snapshot: Snapshot) -> bool:
    """Decide on each signature of the present revision that is still undecided; whether there was one."""
    signed = _in_state(tx, request, ApprovalState.SIGNED)
    for approval in signed:
        try:
            roles = _seat_roles(tx, policy, request, approval, snapshot)
        except Refusal as refusal:
            _refuse(tx, policy, request, approval, refusal)
        else:
            _count(tx, policy, request, approval, roles)
    return bool(signed)


def recount(tx: Transaction, policy: Policy, request: ChangeRequest, snapshot: Snapshot) -> None:
    """Ask once more whether those who count still may (P8): a role may have been lost since, or an author named."""
    for approval in _in_state(tx, request, ApprovalState.COUNTED):
        try:
            roles = tuple(sorted(_seat_roles(tx, policy, request, approval, snapshot)))
        except Refusal as refusal:
            _refuse(tx, policy, request, approval, refusal)
            owing.note(tx, policy, request, "approval-lost", person=approval.person, why=refusal.code)
            continue
        if roles != approval.roles:
            tx.approvals.put(replace(approval, roles=roles), Fact(type="approval.recounted"))


def _in_state(tx: Transaction, request: ChangeRequest, state: ApprovalState) -> list[Approval]:
    return [a for a in tx.approvals.of(request.id) if a.state is state and a.revision == request.revision]


def _seat_roles(
    tx: Transaction, policy: Policy, request: ChangeRequest, approval: Approval, snapshot: Snapshot
) -> frozenset[str]:
    roles = may_fill_a_seat(policy, request, approval.person, tx.now)
    not_an_author(policy, request, approval.person, snapshot.evidence)
    return roles


def _count(
    tx: Transaction, policy: Policy, request: ChangeRequest, approval: Approval, roles: frozenset[str]
) -> None:
    verdict = living(tx, policy).calendar.at(
        approval.signed_at, environment=request.environment, service=request.service
    )
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
    """P11's `deployment_window`: the best window that is open, or the calendar's verdict where none is."""
    windows = [rule.name for rule in verdict.rules if rule.kind == "window"]
    return windows[-1] if windows else verdict.verdict.value


def _refuse(
    tx: Transaction, policy: Policy, request: ChangeRequest, approval: Approval, refusal: Refusal
) -> None:
    tx.approvals.put(
        replace(approval, state=ApprovalState.REFUSED, code=refusal.code),
        Fact(type="approval.refused", facts={"code": refusal.code, **refusal.facts}),
    )
    facts: dict[str, JsonValue] = {"code": refusal.code, **refusal.facts}
    owing.tell_person(tx, policy, approval.person, "approver-answer", request.id, facts)
