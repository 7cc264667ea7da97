"""Answers that change nothing: how a request, all requests and the environments stand."""

from dataclasses import dataclass, replace
from datetime import datetime

from bot.domain.approval import Approval, ApprovalState
from bot.domain.authority import Answers
from bot.domain.change_request import ChangeRequest, RequestState
from bot.domain.deployment import Run
from bot.domain.environment import EnvironmentStatus
from bot.domain.evidence import Evidence, EvidenceKind, newest
from bot.domain.incident import Incident
from bot.domain.outcome import GateOutcome
from bot.domain.page import Page, PageState
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
from bot.flows.on_duty import rostered
from bot.flows.shown import Uncounted
from bot.flows.state_rules import as_asked, left_policy
from bot.flows.suspects import Alike, alike, changed_before, reached
from bot.flows.together import waiting
from bot.flows.wait import startable
from bot.gates import Earliest
from bot.policy import Policy
from bot.ports import Clock, Ledger, Place, Transaction


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
    suspect: ChangeRequest | None = None
    reached: bool = True  # the suspect changed what runs there, so there may be something to take back
    alike: tuple[Alike, ...] = ()  # where else the version of the suspect runs, and how it does there
    pages: tuple[Page, ...] = ()  # of `paged`
    waiting: tuple[Incident, ...] = ()  # all that its pages tell of and that nobody has yet, itself included
    leader: Incident | None = None  # the one whose page this is, where another one is spoken of first

    @property
    def paged(self) -> Incident:
        """The incident that a page of this view belongs to, and that an answer to it is given to."""
        return self.leader or self.incident

    @property
    def asked(self) -> tuple[str, ...]:
        """Whom the step that was told last asked: people of the directory, and places by their destinations."""
        chain = self.paged.escalation
        if chain is None or not chain.told:
            return ()
        sent = (PageState.OWED, PageState.REACHED)
        return tuple(p.recipient for p in self.pages if p.step == chain.told and p.state in sent)

    @property
    def answer_by(self) -> datetime | None:
        """Until when an answer is waited for: the time of the step that was told last; before the first, and where the
        chain is at rest, the response time of the severity (F7)."""
        chain = self.paged.escalation
        if chain is not None and chain.told and chain.next_at is not None:
            return chain.next_at
        return self.incident.respond_by

    @property
    def late_since(self) -> datetime | None:
        """Since when an answer is late by the severity; None while it is not."""
        by = self.incident.respond_by
        return by if by is not None and by <= self.now else None


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
    policy = as_asked(policy, request)
    approvals = tuple(tx.approvals.of(request.id))
    seats = _seats(tx, rostered(tx, policy), request, approvals)
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
    if left_policy(policy, request) is not None:
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
    if left_policy(policy, request) is not None or not request.is_open:
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


async def open_incidents(ledger: Ledger) -> dict[str, Incident]:
    """Every incident that is not over, by its id."""
    return await ledger.read(lambda tx: {each.id: each for each in tx.incidents.open()})


async def incident_view(ledger: Ledger, policy: Policy, incident_id: str) -> IncidentView:
    """One incident. Raises Refusal `unknown-incident`."""

    def query(tx: Transaction) -> IncidentView:
        return _incident_view(tx, policy, _known_incident(tx, incident_id))

    return await ledger.read(query)


async def page_view(ledger: Ledger, policy: Policy, incident_id: str) -> IncidentView:
    """What a page of this incident says: of all that it tells of, the first by the fix-first order that nobody has yet
    is spoken of, which is not always the one that leads them. Raises Refusal `unknown-incident`."""
    order = {name: n for n, name in enumerate(policy.environments)}

    def query(tx: Transaction) -> IncidentView:
        incident = _known_incident(tx, incident_id)
        there = tuple(waiting(tx, incident))
        first = min(there, key=lambda each: order.get(each.environment, len(order)), default=incident)
        if first.id == incident.id:
            return _incident_view(tx, policy, incident)
        pages = tuple(tx.pages.of(incident.id))
        return replace(_incident_view(tx, policy, first), waiting=there, leader=incident, pages=pages)

    return await ledger.read(query)


def _known_incident(tx: Transaction, incident_id: str) -> Incident:
    incident = tx.incidents.get(incident_id)
    if incident is None:
        raise Refusal("unknown-incident", {"incident": incident_id[:40]})
    return incident


def _incident_view(tx: Transaction, policy: Policy, incident: Incident) -> IncidentView:
    seen = statuses(tx, policy, tx.now)
    others = tuple(s for s in seen if s.name != incident.environment)
    suspect = None if incident.suspect is None else tx.requests.get(incident.suspect)
    return IncidentView(
        incident=incident,
        status=next((s for s in seen if s.name == incident.environment), None),
        others=others,
        suspect=suspect,
        reached=suspect is None or suspect.state is RequestState.STARTING or reached(tx, suspect),
        alike=alike(tx, suspect, others),
        pages=tuple(tx.pages.of(incident.id)),
        waiting=tuple(waiting(tx, incident)),
        changed=changed_before(tx, incident.environment, incident.opened_at),
        place=tx.place(incident.id, "card"),
        now=tx.now,
    )
