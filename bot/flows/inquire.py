"""Answers that change nothing: how a request, all requests and the environments stand."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.domain.approval import Approval, ApprovalState
from bot.domain.authority import Answers
from bot.domain.change_request import ChangeRequest, RequestState
from bot.domain.deployment import Run
from bot.domain.environment import EnvironmentStatus
from bot.domain.evidence import Evidence, EvidenceKind, newest
from bot.domain.incident import Incident
from bot.domain.outcome import GateOutcome
from bot.domain.quorum import Quorum
from bot.domain.refusal import Refusal
from bot.flows import shown
from bot.flows.asking import known_request
from bot.flows.authority import repository_source
from bot.flows.collect import Collector
from bot.flows.colours import statuses
from bot.flows.count import (
    counted_roles,
    may_fill_a_seat,
    may_sign_again,
    not_an_author,
    quorum_of,
    quorum_with,
)
from bot.flows.evaluate import judged
from bot.flows.lifting import with_lifters
from bot.flows.shown import Uncounted
from bot.flows.wait import startable
from bot.gates import Earliest
from bot.policy import Policy
from bot.ports import Clock, Ledger, Place, Transaction

SHORTLY_BEFORE = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestView:
    """A request with all that its message shows."""

    request: ChangeRequest
    approvals: tuple[Approval, ...]
    quorum: Quorum
    could_sign: tuple[str, ...]  # people who may fill a seat that is still empty
    runs: tuple[Run, ...]
    place: Place | None
    now: datetime
    build: Evidence | None = None  # what CI said of the build: commit and authors (P10)
    also_ready: tuple[ChangeRequest, ...] = ()  # what else of this requester waits for the Start button alone
    could_fill: tuple[
        tuple[str, ...], ...
    ] = ()  # who could fill each seat of the quorum; nobody where it is held
    silent: tuple[tuple[str, str], ...] = ()  # sources of roles that did not answer last, each with a code
    uncounted: tuple[Uncounted, ...] = ()  # signatures of this revision that do not count, and why


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentView:
    """An incident with all that its message shows."""

    incident: Incident
    status: EnvironmentStatus | None
    others: tuple[EnvironmentStatus, ...]
    changed: tuple[ChangeRequest, ...]  # what went live there within the hour before, newest first
    place: Place | None
    now: datetime


async def request_view(
    ledger: Ledger, policy: Policy, request_id: str, *, with_ready: bool = False
) -> RequestView:
    """One request; `with_ready` with what else of its requester can start now. Raises Refusal `unknown-request`."""

    def query(tx: Transaction) -> RequestView:
        view = view_of(tx, policy, known_request(tx, request_id, lock=False))
        return replace(view, also_ready=_also_ready(tx, view.request)) if with_ready else view

    return await ledger.read(query)


def _also_ready(tx: Transaction, request: ChangeRequest) -> tuple[ChangeRequest, ...]:
    return tuple(
        r
        for r in tx.requests.open(state=RequestState.APPROVED)
        if r.id != request.id
        and r.requester.person == request.requester.person
        and not r.start.by_itself
        and startable(r, tx.now)
    )


def view_of(tx: Transaction, policy: Policy, request: ChangeRequest) -> RequestView:
    """The view of `request` in this transaction. A policy that lost its environment shows no seats."""
    approvals = tuple(tx.approvals.of(request.id))
    seats = _seats(tx, policy, request, approvals)
    return RequestView(
        request=replace(request, readiness=with_lifters(tx, policy, request.readiness)),
        approvals=approvals,
        quorum=seats.quorum,
        could_sign=seats.could_sign,
        could_fill=seats.could_fill,
        silent=seats.silent,
        uncounted=tuple(
            shown.uncounted(tx, request, a.person, a.code or "")
            for a in approvals
            if a.revision == request.revision and a.state is ApprovalState.REFUSED and request.is_open
        ),
        runs=tuple(tx.runs.of(request.id)),
        place=tx.place(request.id, "card"),
        now=tx.now,
        build=newest(tx.evidence.about(request.service, artifact=request.artifact.tag), EvidenceKind.BUILD),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seats:
    """How the seats stand, and who could fill those that are empty, by what the sources said last."""

    quorum: Quorum
    could_sign: tuple[str, ...] = ()
    could_fill: tuple[tuple[str, ...], ...] = ()
    silent: tuple[tuple[str, str], ...] = ()


def _seats(
    tx: Transaction, policy: Policy, request: ChangeRequest, approvals: tuple[Approval, ...]
) -> _Seats:
    if request.environment not in policy.environments or request.service not in policy.services:
        return _Seats(quorum=Quorum(seats=(), people=0, minimum=0))
    quorum = quorum_of(tx, policy, request)
    if not request.is_open or quorum.filled:
        return _Seats(quorum=quorum)
    answers = shown.recall(tx, policy, request)
    could = _could_sign(tx, policy, request, quorum, approvals, answers)
    fits = tuple(
        ()
        if seat.person
        else tuple(person for person, roles in could.items() if roles.intersection(seat.roles))
        for seat in quorum.seats
    )
    fits = _for_their_own(fits)
    problems = ((source, each.problem) for source, each in answers.by_source.items())
    wrote = repository_source(policy, request)  # it names who may not, so its silence hides nobody who may
    silent = tuple((source, code) for source, code in problems if code is not None and source != wrote)
    return _Seats(quorum=quorum, could_sign=tuple(could), could_fill=fits, silent=silent)


def _for_their_own(fits: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
    """Whoever is the only one for a seat is not named beside another one that somebody else can fill as well."""
    needed = {fit[0] for fit in fits if len(fit) == 1}
    return tuple(tuple(p for p in fit if p not in needed) or fit for fit in fits)


def _could_sign(
    tx: Transaction,
    policy: Policy,
    request: ChangeRequest,
    quorum: Quorum,
    approvals: tuple[Approval, ...],
    answers: Answers,
) -> dict[str, frozenset[str]]:
    """Everybody whose signature would bring the quorum nearer, with the roles that it would count for. Whoever signed
    this revision already is left out, unless it is worth signing again."""
    counted = counted_roles(tx, request)
    signed = {a.person for a in approvals if a.revision == request.revision and not may_sign_again(a)}
    evidence = tx.evidence.about(request.service, artifact=request.artifact.tag)
    told = answers.by_source.get(repository_source(policy, request) or "")
    wrote = frozenset[str]() if told is None else told.members
    could: dict[str, frozenset[str]] = {}
    for person in policy.people:
        if person in signed or person in wrote:
            continue
        try:
            roles = may_fill_a_seat(policy, request, person, tx.now, answers)
            not_an_author(policy, request, person, evidence)
        except Refusal:
            continue
        if quorum_with(policy, request, counted | {person: roles}).missing < quorum.missing:
            could[person] = roles
    return could


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """Every gate's answer on facts gathered for this question."""

    view: RequestView
    outcomes: tuple[GateOutcome, ...]
    fresh: bool  # False: the request is over or left the policy; these are the outcomes of its last judgement
    earliest: Earliest | None = None  # when all of them pass; None where it is not fresh


async def why(ledger: Ledger, policy: Policy, collector: Collector, clock: Clock, request_id: str) -> Why:
    """Every gate with its evidence, asked anew while the request is open. Raises Refusal `unknown-request`."""
    view = await request_view(ledger, policy, request_id)
    request = view.request
    gone = request.environment not in policy.environments or request.service not in policy.services
    if gone or not request.is_open:
        outcomes = () if request.readiness is None else request.readiness.outcomes
        return Why(view=view, outcomes=outcomes, fresh=False)
    acknowledged = request.reason is not None
    judgement = await judged(collector, policy, request, clock.now(), acknowledged=acknowledged)
    readiness = await ledger.read(lambda tx: with_lifters(tx, policy, judgement.readiness))
    outcomes = () if readiness is None else readiness.outcomes
    return Why(view=view, outcomes=outcomes, fresh=True, earliest=judgement.earliest)


async def newest_requests(
    ledger: Ledger, *, limit: int = 10, before: int | None = None
) -> list[ChangeRequest]:
    """A page of requests, newest first."""
    return await ledger.read(lambda tx: tx.requests.newest(limit=limit, before=before))


async def environments(ledger: Ledger, policy: Policy) -> tuple[EnvironmentStatus, ...]:
    """All environments, most protected first (K2)."""
    return await ledger.read(lambda tx: statuses(tx, policy, tx.now))


async def incident_view(ledger: Ledger, policy: Policy, incident_id: str) -> IncidentView:
    """One incident. Raises Refusal `unknown-incident`."""

    def query(tx: Transaction) -> IncidentView:
        incident = tx.incidents.get(incident_id)
        if incident is None:
            raise Refusal("unknown-incident", {"incident": incident_id[:40]})
        seen = statuses(tx, policy, tx.now)
        return IncidentView(
            incident=incident,
            status=next((s for s in seen if s.name == incident.environment), None),
            others=tuple(s for s in seen if s.name != incident.environment),
            changed=_changed_before(tx, incident),
            place=tx.place(incident.id, "card"),
            now=tx.now,
        )

    return await ledger.read(query)


def _changed_before(tx: Transaction, incident: Incident) -> tuple[ChangeRequest, ...]:
    """What went live in the hour before; named as a fact, never claimed as the cause."""
    recent = tx.requests.newest(limit=50, environment=incident.environment)
    return tuple(
        r
        for r in recent
        if r.state is RequestState.LIVE
        and r.closing is not None
        and timedelta(0) <= incident.opened_at - r.closing.at <= SHORTLY_BEFORE
    )[:3]
