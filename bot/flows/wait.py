"""What happens to a request that was judged and does not start now: who is told, and when to look again."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from bot.domain.audit import Fact
from bot.domain.change_request import ChangeRequest, RequestState
from bot.domain.outcome import GateOutcome, Readiness, Status
from bot.domain.owed import Delivery
from bot.flows import owing
from bot.flows.asking import slack_user_of, user_lane
from bot.flows.living_calendar import living
from bot.gates import calendar
from bot.policy import Policy
from bot.ports import Transaction

PASSING: Final = frozenset({"ran_seconds", "next_allowed", "problem"})
"""Facts that every judgement tells anew: no news."""
FLAP: Final = timedelta(hours=1)
"""Who was offered the Start button is not offered it again so soon, however often a gate opens and closes."""
FETCHED_AGAIN: Final = timedelta(minutes=1)
_OFFERED: Final = "start-offered"  # the surface under which it is kept when that was


def startable(request: ChangeRequest, now: datetime) -> bool:
    """Whether nothing holds it: every gate passes, warnings are acknowledged, the instant asked for has come, and
    nobody said hold."""
    due = request.start.at is None or request.start.at <= now
    return due and request.held is None and _may_start(request) and not _unacknowledged(request)


def wait(
    tx: Transaction,
    policy: Policy,
    before: ChangeRequest,
    request: ChangeRequest,
    *,
    counted: bool,
    again: datetime,
) -> None:
    """Say what changed, keep it, and set the timer. `again`: when to ask a source that did not answer."""
    _tell(tx, policy, before, request)
    request = replace(request, asked_to_start=None)
    differs = _differs(before, request)
    if differs:
        tx.requests.put(request, Fact(type=_fact_type(before, request)))
    if differs or counted:
        owing.card(tx, policy, request)
    owing.evaluate_at(tx, request, _look_again(tx, policy, request, again))


def _tell(tx: Transaction, policy: Policy, before: ChangeRequest, request: ChangeRequest) -> None:
    pressed = request.asked_to_start
    if pressed is not None:
        owing.answer(tx, policy, request, "not-started")
        if pressed.person != request.requester.person:
            owing.tell_person(
                tx, policy, pressed.person, "request-answer", request.id, {"code": "not-started"}
            )
        tx.put_place(request.id, _OFFERED, {})  # who was turned down is told when it would go
        return
    standing = _standing(request)
    if standing == "ready-to-start":
        _offer(tx, policy, request, news=standing != _standing(before))
    elif standing is not None and standing != _standing(before):
        owing.answer(tx, policy, request, standing)


def _offer(tx: Transaction, policy: Policy, request: ChangeRequest, *, news: bool) -> None:
    """Offer the Start button: once at the opening, not at each flap of a gate, and once for all that became ready
    together. What is not sent yet is one message, which names all of this person's requests that can start."""
    offered = tx.place(request.id, _OFFERED)
    mine = offered is not None and offered.get("revision") == request.revision
    last = str(offered["at"]) if mine and offered is not None else None
    if last is not None and not (news and tx.now - datetime.fromisoformat(last) >= FLAP):
        return
    tx.put_place(request.id, _OFFERED, {"revision": request.revision, "at": tx.now.isoformat()})
    user = slack_user_of(policy, request.requester.person)
    if user is not None:
        tx.owe(
            Delivery(
                key=f"ready-to-start:{user}",
                kind="request-answer",
                destination=user_lane(user),
                subject=request.id,
                due_at=tx.now,
                facts={"code": "ready-to-start"},
            )
        )


def _standing(request: ChangeRequest) -> str | None:
    """What an approved request needs from its requester, where every gate passes and nobody holds it."""
    if request.state is not RequestState.APPROVED or request.held is not None or not _may_start(request):
        return None
    if _unacknowledged(request):
        return "held-by-warning"
    return None if request.start.by_itself else "ready-to-start"


def _may_start(request: ChangeRequest) -> bool:
    return request.readiness is not None and request.readiness.may_start


def _unacknowledged(request: ChangeRequest) -> bool:
    """A gate warns, and no reason was given: a warning passes with an acknowledged reason only."""
    readiness = request.readiness
    return readiness is not None and bool(readiness.only(Status.WARNED)) and request.reason is None


def _look_again(tx: Transaction, policy: Policy, request: ChangeRequest, again: datetime) -> datetime:
    """When the answer may be another one by the passing of time alone."""
    now = tx.now
    readiness = request.readiness
    instants = [request.expires_at, request.start.at]
    if readiness is not None:
        instants += [readiness.waits_until, readiness.earliest]
        silent = [o.gate for o in readiness.outcomes if o.retry]
        fetched = set(silent) == {calendar.NAME}  # that source is asked on its own schedule
        instants.append((now + FETCHED_AGAIN if fetched else again) if silent else None)
    if calendar.NAME in policy.environments[request.environment].gates:
        verdict = living(tx, policy).calendar.at(
            now, environment=request.environment, service=request.service
        )
        instants.append(verdict.next_change)
    return min((i for i in instants if i is not None and i > now), default=again)


def _differs(before: ChangeRequest, after: ChangeRequest) -> bool:
    """Whether anything changed but the instants of judging and asking: those alone are no news, and no entry."""
    return replace(after, readiness=_timeless(after)) != replace(before, readiness=_timeless(before))


def _timeless(request: ChangeRequest) -> Readiness | None:
    readiness = request.readiness
    if readiness is None:
        return None
    outcomes = tuple(_without_instants(o) for o in readiness.outcomes)
    ahead = readiness.earliest is not None and readiness.earliest > readiness.judged_at
    earliest = readiness.earliest if ahead else None
    return replace(readiness, outcomes=outcomes, judged_at=request.requested_at, earliest=earliest)


def _without_instants(outcome: GateOutcome) -> GateOutcome:
    facts = {name: value for name, value in outcome.facts.items() if name not in PASSING}
    return replace(outcome, facts=facts, cites=())


def _fact_type(before: ChangeRequest, after: ChangeRequest) -> str:
    if after.revision != before.revision:
        return "request.revised"
    if after.state is not before.state:
        return f"request.{after.state.value}"
    return "request.evaluated"
