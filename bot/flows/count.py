"""Count signatures into seats: roles asked anew, the excluded left out, every click that does not count explained."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from pydantic import JsonValue

from bot.domain.approval import Approval, ApprovalState, approval_record
from bot.domain.audit import Fact
from bot.domain.authority import NOT_ASKED, Answers, Word
from bot.domain.calendar import CalendarVerdict
from bot.domain.change_request import ChangeRequest
from bot.domain.identity import Provider
from bot.domain.quorum import Quorum, seat_people
from bot.domain.refusal import Refusal
from bot.domain.snapshot import Snapshot
from bot.flows import owing, shown
from bot.flows.authority import sources_for
from bot.flows.authorship import Known, not_an_author, wrote_none_of_it
from bot.flows.living_calendar import living
from bot.flows.on_duty import rostered
from bot.flows.roles import Held, roles_of, word_on
from bot.flows.seats import SeatPlan, seat_plan
from bot.flows.state_rules import as_asked, left_policy
from bot.policy import Policy
from bot.ports import Transaction

__all__ = [
    "all_asked",
    "asked_about",
    "count_signatures",
    "counted_roles",
    "may_fill_a_seat",
    "may_sign_again",
    "not_an_author",
    "quorum_of",
    "quorum_with",
    "recount",
    "undecided",
    "window_name",
    "wrote_none_of_it",
]

PASSING: Final = frozenset({"not-answered", "authors-unknown"})
"""Why a signature did not count although its signer may well be allowed to sign: nobody answered. They press again."""


def may_sign_again(approval: Approval) -> bool:
    """Whether its signer may sign the same revision once more: their click did not count, because a source was silent,
    or they took it back."""
    if approval.state is ApprovalState.WITHDRAWN:
        return True
    if approval.state is ApprovalState.VOID:
        return approval.code == "factors-reset"
    return approval.state is ApprovalState.REFUSED and approval.code in {*PASSING, "no-seat"}


def quorum_of(tx: Transaction, policy: Policy, request: ChangeRequest) -> Quorum:
    """How the seats of the present revision stand, by the signatures that count."""
    return quorum_with(policy, request, counted_roles(tx, request))


def counted_roles(tx: Transaction, request: ChangeRequest) -> dict[str, frozenset[str]]:
    """The people whose signatures count for the present revision, with the roles that they counted for."""
    return {a.person: frozenset(a.roles) for a in _in_state(tx, request, ApprovalState.COUNTED)}


def quorum_with(policy: Policy, request: ChangeRequest, roles: Mapping[str, frozenset[str]]) -> Quorum:
    """How the seats would stand if these people with these roles had signed."""
    plan = seat_plan(policy, request)
    return seat_people(plan.seats, roles, minimum=plan.minimum)


def may_fill_a_seat(
    policy: Policy,
    request: ChangeRequest,
    person: str,
    now: datetime,
    answers: Answers = NOT_ASKED,
    *,
    benefit: bool = False,
) -> frozenset[str]:
    """The roles of `person` that some seat wants. `benefit` (of the doubt): where a source did not answer, it counts
    as if it had said yes; for the safe direction, and before the sources are asked, never to fill a seat.

    Raises Refusal `own-request`, `no-longer-in-policy`, `no-seats`, `excluded`, `no-seat` or `not-answered`.
    """
    policy = as_asked(policy, request)
    if left_policy(policy, request) is not None:
        raise Refusal("no-longer-in-policy", {"request": request.id})
    plan = seat_plan(policy, request)
    if person == request.requester.person and not plan.own:  # whatever the policy lists
        raise Refusal("own-request", {"request": request.id})
    if plan.asks_nobody:
        raise Refusal("no-seats", {"environment": request.environment})
    if not plan.own:
        _not_excluded(policy, request, person, now, answers, benefit=benefit)
    held = roles_of(policy, person, now, answers, request)
    found = (held.possible if benefit else held.roles) & plan.counting
    if not found:
        raise _no_seat(request, plan, held, person, answers)
    return found


def _not_excluded(
    policy: Policy, request: ChangeRequest, person: str, now: datetime, answers: Answers, *, benefit: bool
) -> None:
    """By name or by role. Whoever may hold an excluded role, for all that is known, is excluded as well."""
    excluded = policy.environments[request.environment].approval.exclude
    words = {name: word_on(policy, name, person, now, answers) for name in excluded if name in policy.roles}
    by = {name for name, (word, _) in words.items() if word is Word.YES} | ({person} & set(excluded))
    if by:
        raise Refusal("excluded", {"request": request.id, "by": [*sorted(by)]})
    silent = sorted({s for word, sources in words.values() if word is Word.UNANSWERED for s in sources})
    if silent and not benefit:
        roles: list[JsonValue] = [*sorted(n for n, (word, _) in words.items() if word is Word.UNANSWERED)]
        facts: dict[str, JsonValue] = {"request": request.id, "excluded": roles}
        raise Refusal("not-answered", facts | {"silent": _codes(silent, person, answers)})


def _no_seat(request: ChangeRequest, plan: SeatPlan, held: Held, person: str, answers: Answers) -> Refusal:
    """No role that a seat wants; or nobody knows, because a source did not answer."""
    roles: list[JsonValue] = [*sorted(plan.counting - held.not_for)]
    silent = sorted({source for role, source in held.unanswered if role in plan.counting})
    if silent:
        codes = _codes(silent, person, answers)
        return Refusal("not-answered", {"request": request.id, "roles": roles, "silent": codes})
    not_for: list[JsonValue] = [*sorted(plan.counting & held.not_for)]
    return Refusal("no-seat", {"roles": roles, "unanswered": [], "not_for": not_for})


def _codes(sources: list[str], person: str, answers: Answers) -> list[JsonValue]:
    """Each silent source with the code of why."""
    return [{"source": source, "code": answers.why_silent(source, person)} for source in sources]


def asked_about(policy: Policy, approval: Approval, snapshot: Snapshot) -> bool:
    """Whether everything that this signature depends on was asked after it was given. One that arrives while the
    sources are asked waits for the next round: answers about somebody else prove nothing about its signer. Instants
    alone do not tell: what is committed after the look at who signed may bear an earlier one."""
    found, people = snapshot.answers.by_source, snapshot.answers.people
    if people is not None and approval.person not in people:
        return False
    sources = sources_for(policy, snapshot.request)
    return all(s in found and found[s].asked_at >= approval.signed_at for s in sources)


def count_signatures(tx: Transaction, policy: Policy, request: ChangeRequest, snapshot: Snapshot) -> bool:
    """Decide on each signature of the present revision that is still undecided; whether there was one. Those that
    arrived too late for what the sources were asked stay undecided, and are looked at again at once."""
    decided = False
    for approval in _in_state(tx, request, ApprovalState.SIGNED):
        if not asked_about(policy, approval, snapshot):
            continue
        decided = True
        try:
            roles = _seat_roles(tx, policy, request, approval, snapshot)
        except Refusal as refusal:
            _refuse(tx, policy, request, approval, refusal)
        else:
            _count(tx, policy, request, approval, roles, snapshot)
    return decided


def undecided(tx: Transaction, request: ChangeRequest) -> bool:
    """Whether a signature of the present revision waits to be decided on."""
    return bool(_in_state(tx, request, ApprovalState.SIGNED))


def recount(
    tx: Transaction, policy: Policy, request: ChangeRequest, snapshot: Snapshot
) -> dict[str, Refusal]:
    """Ask once more whether those who count still may (P8): a role may have been lost since, or an author named.

    Gives what could not be answered, by person: nothing starts by it, and nobody's approval is lost by it either.
    """
    silent: dict[str, Refusal] = {}
    for approval in _in_state(tx, request, ApprovalState.COUNTED):
        try:
            roles = tuple(sorted(_seat_roles(tx, policy, request, approval, snapshot)))
        except Refusal as refusal:
            if refusal.code == "not-answered" or (refusal.code in PASSING and snapshot.authors_problem):
                silent[approval.person] = refusal
                continue
            _refuse(tx, policy, request, approval, refusal)
            owing.note(tx, policy, request, "approval-lost", person=approval.person, why=refusal.code)
            continue
        if roles != approval.roles:
            tx.approvals.put(replace(approval, roles=roles), Fact(type="approval.recounted"))
    return silent


def all_asked(tx: Transaction, policy: Policy, request: ChangeRequest, snapshot: Snapshot) -> bool:
    """Whether the sources were asked about everybody who counts."""
    counted = _in_state(tx, request, ApprovalState.COUNTED)
    return all(asked_about(policy, approval, snapshot) for approval in counted)


def _in_state(tx: Transaction, request: ChangeRequest, state: ApprovalState) -> list[Approval]:
    return [a for a in tx.approvals.of(request.id) if a.state is state and a.revision == request.revision]


def _seat_roles(
    tx: Transaction, policy: Policy, request: ChangeRequest, approval: Approval, snapshot: Snapshot
) -> frozenset[str]:
    person = approval.person
    _is_somebody_else(tx, policy, request, approval)
    roles = may_fill_a_seat(rostered(tx, policy), request, person, tx.now, snapshot.answers)
    known = Known.by(snapshot, tx.identities.of(person))
    not_an_author(policy, request, person, snapshot.evidence, known)
    return roles


def _is_somebody_else(tx: Transaction, policy: Policy, request: ChangeRequest, approval: Approval) -> None:
    """Whoever the accounts belong to that were linked for good, whatever the directory says by now: a second Slack
    account, or an edited one, makes nobody a second person."""
    signer = _owner(tx, approval.via)
    if signer not in (None, approval.person):
        raise Refusal("account-of-another", {"request": request.id, "person": approval.person})
    if _owner(tx, request.requester.via) == approval.person and not seat_plan(policy, request).own:
        raise Refusal("own-request", {"request": request.id})


def _owner(tx: Transaction, via: str) -> str | None:
    """Whose Slack account that is, or was, by its link; None where it was never linked."""
    provider, _, subject = via.partition(":")
    link = tx.identities.find(Provider.SLACK, subject) if provider == Provider.SLACK.value else None
    return None if link is None else link.person


def _count(
    tx: Transaction,
    policy: Policy,
    request: ChangeRequest,
    approval: Approval,
    roles: frozenset[str],
    snapshot: Snapshot,
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
    facts: dict[str, JsonValue] = {"approval": record}
    said: list[JsonValue] = [
        {"source": source, "says": each.of(approval.person).value, "asked_at": each.asked_at.isoformat()}
        for source, each in snapshot.answers.by_source.items()
    ]
    tx.approvals.put(
        replace(approval, state=ApprovalState.COUNTED, roles=tuple(sorted(roles)), code=None),
        Fact(type="approval.counted", facts=facts | ({"sources": said} if said else {})),
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
    shown.keep_uncounted(tx, request, approval.person, facts)
    owing.tell_person(tx, policy, approval.person, "approver-answer", request.id, facts)
