"""Judge a request on facts gathered just now, and move it to where they put it. Runs when asked for, when facts
change, when an approval arrives, and when a waiting gate said it would pass. What would start by itself lets what is
newer go first, so that of several that wait for one opening the newest goes."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from bot.domain.audit import Fact
from bot.domain.authority import NOT_ASKED, Answers
from bot.domain.change_request import SYSTEM, ChangeRequest, Closing, Kind, RequestState
from bot.domain.outcome import Readiness, Status
from bot.domain.snapshot import Snapshot
from bot.flows import owing, remind, shown
from bot.flows.admit import admitted
from bot.flows.authority import sources_for
from bot.flows.bind import bind
from bot.flows.break_glass import as_the_policy_says
from bot.flows.collect import Collector, as_of_now
from bot.flows.count import (
    all_asked,
    count_signatures,
    counted_roles,
    quorum_of,
    quorum_with,
    recount,
    undecided,
)
from bot.flows.intend import beside, intend, locked_with_others
from bot.flows.make_way import in_the_way
from bot.flows.reload_policy import in_force
from bot.flows.stake import Stake, at_stake, held_by_silence, wants_to_start
from bot.flows.state_change import take_effect
from bot.flows.state_rules import as_asked, left_policy, over
from bot.flows.supersede import ahead_of
from bot.flows.wait import startable, wait
from bot.gates import Earliest, checklist, earliest, rules_for
from bot.policy import Policy
from bot.ports import Ledger, Transaction

ASK_AGAIN: Final = timedelta(seconds=15)
SOON: Final = timedelta(seconds=1)
"""When somebody signed while the sources of roles were asked about others, they are asked again after this."""
MOST_ROUNDS: Final = 4
"""How often what is newer is looked at before an evaluation is put off: each round something newer was approved."""

Judged = Mapping[str, datetime | None]
"""Requests that were judged just now and did not start, and until when time alone does not change that."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A snapshot, what every gate said of it, and when all of them pass."""

    snapshot: Snapshot
    earliest: Earliest

    @property
    def readiness(self) -> Readiness:
        """What the gates say for the instant asked about."""
        return self.earliest.asked


async def judged(
    collector: Collector, policy: Policy, request: ChangeRequest, now: datetime, *, acknowledged: bool = True
) -> Judgement:
    """The one decision function behind Slack, HTTP, the scheduler and the command line.

    A request for a later instant is judged for that instant (`at=`). A warning counts as passing where its reason is
    `acknowledged`.
    """
    policy = as_asked(policy, request)
    snapshot = await collector.collect(policy, request)
    found = await asyncio.to_thread(_earliest, policy, snapshot, now, acknowledged=acknowledged)
    return Judgement(snapshot, found)


def _earliest(policy: Policy, snapshot: Snapshot, now: datetime, *, acknowledged: bool) -> Earliest:
    request = snapshot.request
    at = max(now, request.start.at) if request.start.at else now
    gates = rules_for(request, policy.environments[request.environment].gates)
    snapshot = as_the_policy_says(policy, snapshot)
    return earliest(snapshot, gates, at, policy.digest, acknowledged=acknowledged)


async def evaluate(ledger: Ledger, collector: Collector, policy: Policy, request_id: str) -> None:
    """Evaluate one request. Does nothing for one that is over or under way: it may be called any number of times.

    One that would start by itself has newer ones of the same place, that would too, evaluated before it, the newest
    first; one of them that starts supersedes it, and one that is blocked is passed by.
    """
    judged_now: dict[str, datetime | None] = {}
    for _ in range(MOST_ROUNDS):
        ahead = await _evaluate(ledger, collector, policy, request_id, judged_now)
        if not ahead:
            return
        for newer in ahead:
            if await _evaluate(ledger, collector, policy, newer, judged_now):
                break  # one that is newer still was approved meanwhile: look at all of them again
            seen = await ledger.read(partial(_request, request_id=newer))
            if seen is None or seen.state is RequestState.STARTING:
                break  # what was asked for is superseded by it
            judged_now[newer] = None if seen.readiness is None else seen.readiness.waits_until
    await ledger.write(lambda tx: _put_off(tx, request_id))


async def _evaluate(
    ledger: Ledger, collector: Collector, policy: Policy, request_id: str, judged_now: Judged
) -> tuple[str, ...]:
    """Evaluate one request; the newer ones that have to be judged before it may start by itself."""
    request, stake = await ledger.read(partial(_at_stake, policy=policy, request_id=request_id))
    if request is None or not _evaluable(request):
        return ()
    if (gone := left_policy(policy, request)) is not None:
        await ledger.write(lambda tx: _refuse_gone(tx, policy, request_id, gone))
        return ()
    policy = as_asked(policy, request)
    if not await admitted(ledger, collector.authority, policy, request):
        return ()
    snapshot, seen = await _facts(collector, policy, request, stake)
    return await ledger.write(lambda tx: decide(tx, policy, request_id, snapshot, judged_now, seen))


def _at_stake(tx: Transaction, *, policy: Policy, request_id: str) -> tuple[ChangeRequest | None, Stake]:
    request = tx.requests.get(request_id)
    if request is None or not _evaluable(request):
        return request, Stake.NOTHING
    return request, at_stake(tx, as_asked(policy, request), request)


async def _facts(
    collector: Collector, policy: Policy, request: ChangeRequest, stake: Stake
) -> tuple[Snapshot, Answers]:
    """The snapshot, and what is known of who could sign. The live sources of roles are asked where something depends
    on them: when somebody signed, and when it may start."""
    if stake is Stake.SHOW:
        return await asyncio.gather(collector.collect(policy, request), collector.shown(policy, request))
    snapshot = await collector.collect(policy, request, about_people=stake is Stake.SIGNED)
    if stake is Stake.SEATED:
        readiness = _earliest(
            policy, snapshot, snapshot.taken_at, acknowledged=request.reason is not None
        ).asked
        if _depends_on_people(replace(request, readiness=readiness), snapshot.taken_at):
            snapshot = await collector.with_people(policy, snapshot)
    return snapshot, NOT_ASKED


def _depends_on_people(request: ChangeRequest, now: datetime) -> bool:
    """With every seat filled: whether it is approved by that, or starts."""
    approved = request.state is RequestState.APPROVED
    return not approved or (wants_to_start(request) and startable(request, now))


def _request(tx: Transaction, request_id: str) -> ChangeRequest | None:
    return tx.requests.get(request_id)


def _put_off(tx: Transaction, request_id: str) -> None:
    request = tx.requests.get(request_id, lock=True)
    if request is not None and _evaluable(request):
        owing.evaluate_at(tx, request, tx.now + ASK_AGAIN)


def _evaluable(request: ChangeRequest) -> bool:
    return request.is_open and request.state is not RequestState.STARTING


def _refuse_gone(tx: Transaction, policy: Policy, request_id: str, code: str) -> None:
    request = tx.requests.get(request_id, lock=True)
    if request is not None and _evaluable(request):
        _close(tx, policy, request, RequestState.REFUSED, code)


def decide(
    tx: Transaction,
    policy: Policy,
    request_id: str,
    collected: Snapshot,
    judged_now: Judged,
    seen: Answers = NOT_ASKED,
) -> tuple[str, ...]:
    """Judge the request as it stands now, and put that into effect; or change nothing and name the newer requests
    that have to be judged before this one may start by itself.

    What stands in the ledger is read again here, so that nothing which arrived while the outside was asked is
    missed; only the outside's own words are older than this transaction, by the time that asking took.
    """
    request, running = locked_with_others(tx, request_id)
    if request is None or not _evaluable(request):
        return ()
    if not in_force(tx, policy):  # another one came while the outside was asked: that one decides
        owing.evaluate_at(tx, request, tx.now + SOON)
        return ()
    if tx.now >= request.expires_at:
        _close(tx, policy, request, RequestState.EXPIRED, "expired")
        return ()
    if (code := over(tx, policy, request)) is not None:
        _close(tx, policy, request, RequestState.REFUSED, code)
        return ()
    snapshot = as_of_now(tx, policy, request, collected)
    if snapshot is None:  # another version runs by now, and the registry was not asked about it
        owing.evaluate_at(tx, request, tx.now)
        return ()
    readiness = _earliest(policy, snapshot, tx.now, acknowledged=request.reason is not None).asked
    judged_so = replace(request, readiness=readiness)
    if running is None and (ahead := _goes_after(tx, judged_so, judged_now)):
        return ahead
    live = bool(sources_for(policy, request))
    if live and _unasked(tx, policy, judged_so, snapshot):
        owing.evaluate_at(tx, request, tx.now + SOON)
        return ()
    news = shown.keep(tx, request, snapshot.answers if snapshot.answers.by_source else seen)
    if news and request.state is not RequestState.EVALUATING:  # before that it has no message yet
        owing.card(tx, policy, request)
    _put_into_effect(tx, policy, judged_so, snapshot, before=request, running=running)
    if live:
        _look_at_late_ones(tx, request_id)
    return ()


def _unasked(tx: Transaction, policy: Policy, request: ChangeRequest, snapshot: Snapshot) -> bool:
    """Every seat is filled and something depends on it by now, but the sources of roles were not asked about all."""
    if request.state is RequestState.EVALUATING or not quorum_of(tx, policy, request).filled:
        return False
    return _depends_on_people(request, tx.now) and not all_asked(tx, policy, request, snapshot)


def _look_at_late_ones(tx: Transaction, request_id: str) -> None:
    """Somebody signed while the sources were asked about the others."""
    request = tx.requests.get(request_id)
    if request is not None and _evaluable(request) and undecided(tx, request):
        owing.evaluate_at(tx, request, tx.now + SOON)


def _goes_after(tx: Transaction, request: ChangeRequest, judged_now: Judged) -> tuple[str, ...]:
    """The newer requests of the same place that could start now, for all that is known, where this one would."""
    if not request.start.by_itself or request.asked_to_start is not None or not startable(request, tx.now):
        return ()
    return tuple(r.id for r in ahead_of(tx, request) if not _held_for_now(r.id, judged_now, tx.now))


def _held_for_now(request_id: str, judged_now: Judged, now: datetime) -> bool:
    """Whether it was judged just now and did not start, and no instant that it waited for has come since."""
    if request_id not in judged_now:
        return False
    until = judged_now[request_id]
    return until is None or until > now


def _put_into_effect(
    tx: Transaction,
    policy: Policy,
    request: ChangeRequest,
    snapshot: Snapshot,
    *,
    before: ChangeRequest,
    running: ChangeRequest | None,
) -> None:
    """`request` has the new readiness, `before` the one that was told last."""
    bound, revised = bind(tx, policy, request, snapshot)
    if revised:  # what people ticked of the revision before is void, so the gates are asked about this one
        again = replace(snapshot, request=bound)
        asked = _earliest(policy, again, tx.now, acknowledged=bound.reason is not None).asked
        bound = replace(bound, readiness=asked)
    _report_mismatch(tx, policy, bound, snapshot)
    first = request.state is RequestState.EVALUATING
    readiness = bound.readiness
    if (first or revised) and (code := _refusal(bound, now=tx.now, first=first)) is not None:
        _close(tx, policy, bound, RequestState.REFUSED, code)
    elif readiness is None or (first and readiness.worth_asking_again):
        _wait_for_sources(tx, policy, before, bound)
    else:
        held_by = in_the_way(tx, bound, running)
        bound = replace(bound, readiness=beside(readiness, held_by))  # it holds, and refuses nothing
        if first or revised:  # not at every judgement: what closes each night would keep it alive for ever
            bound = _living(policy, bound, snapshot, tx.now)
        _advance(tx, policy, before, _opened(tx, policy, bound, revised=revised), snapshot)


def _living(policy: Policy, request: ChangeRequest, snapshot: Snapshot, now: datetime) -> ChangeRequest:
    """A request that waits for a known instant does not expire before it: its lifetime counts from there. One that
    waits for an event expires as any other does, and its message says so. A checklist is no such event: it is ticked
    shortly before the start, so it lives as if it were ticked."""
    readiness = request.readiness
    begins = None if readiness is None else readiness.begins
    if readiness is not None and {o.gate for o in readiness.outcomes if o.awaits} == {checklist.NAME}:
        asked, acknowledged = replace(snapshot, request=request), request.reason is not None
        begins = _earliest(policy, asked, now, acknowledged=acknowledged).readiness.judged_at
    if begins is None or request.break_glass is not None:  # its glass says how long it lives
        return request
    lifetime = policy.environments[request.environment].approval.expires
    return replace(request, expires_at=max(request.expires_at, begins + lifetime))


def _report_mismatch(tx: Transaction, policy: Policy, request: ChangeRequest, snapshot: Snapshot) -> None:
    """P5: a digest that differs from the build's is a security event, told where incidents are told; once."""
    readiness = request.readiness
    for outcome in () if readiness is None else readiness.outcomes:
        key = f"mismatch:{request.id}:{snapshot.registry.digest}"
        if outcome.code == "digest-mismatch" and tx.remembered(key) is None:
            tx.remember(key, True)
            fact = Fact(type="security.digest-mismatch", facts=dict(outcome.facts))
            tx.trail.record(fact, subject=f"request/{request.id}")
            facts = {"code": "digest-mismatch", **outcome.facts}
            owing.channel(tx, policy.slack.channels.incidents, "security-event", request.id, facts)


def _refusal(request: ChangeRequest, *, now: datetime, first: bool) -> str | None:
    """Why the gates refuse a request that is new or has new facts. Later, a blocker only holds it: it may go away.

    A source that does not answer is asked again until the deadline that the requester was told, and for as long
    as the request lives once it was judged before: silence takes nothing back.
    """
    readiness = request.readiness
    if readiness is None or readiness.status is Status.BLOCKED:
        return "blocked"
    if readiness.status is Status.UNKNOWN:
        patient = readiness.worth_asking_again and (not first or now < request.evidence_deadline)
        return None if patient else "unknown"
    # A warning passes with an acknowledged reason, and nobody gave one.
    return "needs-reason" if readiness.only(Status.WARNED) and request.reason is None else None


def _wait_for_sources(tx: Transaction, policy: Policy, before: ChangeRequest, request: ChangeRequest) -> None:
    """A source did not answer: ask again until the deadline that the requester is told."""
    if before.readiness is None:
        owing.answer(tx, policy, request, "asking-again", until=request.evidence_deadline.isoformat())
        tx.requests.put(request, Fact(type="request.sources-silent"))
    owing.evaluate_at(tx, request, min(tx.now + ASK_AGAIN, request.evidence_deadline))


def _opened(tx: Transaction, policy: Policy, request: ChangeRequest, *, revised: bool) -> ChangeRequest:
    """The request, open for approval where it was not yet, or where its approvals are void."""
    if request.state is RequestState.EVALUATING:
        owing.answer(tx, policy, request, "awaiting-approval")
    elif not revised:
        return request
    remind.schedule(tx, policy, request)
    return replace(request, state=RequestState.AWAITING_APPROVAL, approved_at=None)


def _advance(
    tx: Transaction, policy: Policy, before: ChangeRequest, request: ChangeRequest, snapshot: Snapshot
) -> None:
    """Count the signatures, and start or say what is waited for."""
    counted = count_signatures(tx, policy, request, snapshot)
    # Filled just now: it starts at once. Otherwise only if the request said when, or somebody pressed Start.
    wanted = before.approved_at is None or wants_to_start(request)
    starting = wanted and startable(request, tx.now)
    request = _seated(tx, policy, request, snapshot, starting=starting)
    if starting and request.state is RequestState.APPROVED and startable(request, tx.now):
        (take_effect if request.kind is Kind.CONFIGURATION else intend)(tx, policy, request)
    else:
        wait(tx, policy, before, request, counted=counted, again=tx.now + ASK_AGAIN)


def _seated(
    tx: Transaction, policy: Policy, request: ChangeRequest, snapshot: Snapshot, *, starting: bool
) -> ChangeRequest:
    """Approved or not. Roles are asked anew at both instants that matter: the last seat, and the start (P8)."""
    approved = request.state is RequestState.APPROVED
    if (approved and not starting) or not (approved or quorum_of(tx, policy, request).filled):
        return request
    unsaid = recount(tx, policy, request, snapshot)
    sure = {p: roles for p, roles in counted_roles(tx, request).items() if p not in unsaid}
    silent = () if quorum_with(policy, request, sure).filled else tuple(unsaid.values())
    if not quorum_of(tx, policy, request).filled:
        if approved:
            owing.answer(tx, policy, request, "approval-lost")
        return replace(request, state=RequestState.AWAITING_APPROVAL, approved_at=None)
    if approved or silent:
        return held_by_silence(request, silent)
    owing.card(tx, policy, request)  # first: a note holds its lane until the message of its thread is there
    if not request.automatic:  # nobody approved it anew
        owing.note(tx, policy, request, "approved")
    return replace(request, state=RequestState.APPROVED, approved_at=tx.now)


def _close(tx: Transaction, policy: Policy, request: ChangeRequest, state: RequestState, code: str) -> None:
    closed = replace(
        request, state=state, closing=Closing(code=code, by=SYSTEM, at=tx.now), asked_to_start=None
    )
    tx.requests.put(closed, Fact(type=f"request.{state.value}", facts={"code": code}))
    tx.unschedule(remind.KIND, request.id)
    owing.answer(tx, policy, closed, state.value)
    if tx.place(request.id, "card") is not None or request.state is not RequestState.EVALUATING:
        owing.card(tx, policy, closed)
