"""Reject, cancel and start: what people do to a request that waits. No second factor stands in the safe direction."""

from dataclasses import replace

from bot.domain.audit import Fact
from bot.domain.change_request import Actor, ChangeRequest, Closing, RequestState
from bot.domain.refusal import Refusal
from bot.flows import owing
from bot.flows.asking import Asker, bounded_reason, known_request
from bot.flows.authority import Authority, asked_at_a_press
from bot.flows.count import may_fill_a_seat
from bot.flows.on_duty import rostered
from bot.flows.rollouts import stop
from bot.policy import Policy
from bot.ports import Ledger, Transaction


async def reject(
    ledger: Ledger, policy: Policy, asker: Asker, request_id: str, reason: str | None, *, key: str
) -> None:
    """Say no, with a reason that is kept (P10). By whoever could hold a seat."""
    actor = asker.actor(policy)

    def step(tx: Transaction) -> None:
        if tx.remembered(key) is not None:
            return
        request = _rejectable(tx, policy, actor, request_id)
        why = bounded_reason(reason, required=True)
        tx.remember(key, request.id)
        _close(tx, policy, request, RequestState.REJECTED, actor, why)

    await ledger.write(step)


async def rejectable(ledger: Ledger, policy: Policy, asker: Asker, request_id: str) -> ChangeRequest:
    """The request that the reject modal is about. Raises Refusal."""
    actor = asker.actor(policy)
    return await ledger.read(lambda tx: _rejectable(tx, policy, actor, request_id, lock=False))


def _rejectable(
    tx: Transaction, policy: Policy, actor: Actor, request_id: str, *, lock: bool = True
) -> ChangeRequest:
    request = known_request(tx, request_id, lock=lock)
    if not request.may_become(RequestState.REJECTED):
        raise Refusal("not-awaiting-approval", {"request": request.id, "state": request.state.value})
    # To say no is safe: whoever may hold a seat, for all that is known, may.
    may_fill_a_seat(rostered(tx, policy), request, actor.person or "", tx.now, benefit=True)
    return request


async def cancel(ledger: Ledger, policy: Policy, asker: Asker, request_id: str, *, key: str) -> ChangeRequest:
    """Take a request back before it starts, or stop its rollout between two calls: the requester, or whoever could
    hold a seat."""
    actor = asker.actor(policy)

    def step(tx: Transaction) -> ChangeRequest:
        request = known_request(tx, request_id)
        if tx.remembered(key) is not None:
            return request
        under_way = request.state is RequestState.STARTING
        if not (under_way or request.may_become(RequestState.CANCELLED)):
            raise Refusal("too-late", {"request": request.id, "state": request.state.value})
        if actor.person != request.requester.person:
            try:
                may_fill_a_seat(rostered(tx, policy), request, actor.person or "", tx.now, benefit=True)
            except Refusal as refusal:
                raise Refusal(
                    "not-yours", {"request": request.id, "by": request.requester.person}
                ) from refusal
        tx.remember(key, request.id)
        if under_way:
            return _stopped(tx, policy, request, actor)
        return _close(tx, policy, request, RequestState.CANCELLED, actor, None)

    return await ledger.write(step)


def _stopped(tx: Transaction, policy: Policy, request: ChangeRequest, actor: Actor) -> ChangeRequest:
    """A rollout between two calls ends where it stands. Raises Refusal `too-late` where a call is under way."""
    stopped = stop(tx, policy, request, actor)
    if stopped is None:
        raise Refusal("too-late", {"request": request.id, "state": request.state.value})
    return stopped


async def ask_to_start(
    ledger: Ledger,
    policy: Policy,
    asker: Asker,
    request_id: str,
    *,
    key: str,
    authority: Authority | None = None,
) -> ChangeRequest:
    """Press Start: the gates are asked again, and it starts if all of them pass. The requester may, and whoever may
    fill a seat: the live sources of roles are asked about them first, by `authority`, and silence is no yes (F10)."""
    actor = asker.actor(policy)
    asked = await asked_at_a_press(ledger, authority, policy, request_id, actor.person)

    def step(tx: Transaction) -> ChangeRequest:
        request = known_request(tx, request_id)
        if tx.remembered(key) is not None:
            return request
        if request.state is not RequestState.APPROVED:
            raise Refusal("not-approved", {"request": request.id, "state": request.state.value})
        if actor.person != request.requester.person:
            may_fill_a_seat(rostered(tx, policy), request, actor.person or "", tx.now, asked.answers)
        wanted = replace(request, asked_to_start=actor)
        tx.requests.put(wanted, Fact(type="request.start-asked", by=actor))
        tx.remember(key, request.id)
        owing.evaluate_at(tx, request, tx.now)
        return wanted

    return await ledger.write(step)


def _close(
    tx: Transaction,
    policy: Policy,
    request: ChangeRequest,
    state: RequestState,
    actor: Actor,
    reason: str | None,
) -> ChangeRequest:
    closed = replace(
        request,
        state=state,
        closing=Closing(code=state.value, by=actor, at=tx.now, reason=reason),
        asked_to_start=None,
    )
    tx.requests.put(closed, Fact(type=f"request.{state.value}", by=actor))
    tx.unschedule("evaluate", request.id)
    tx.unschedule("remind", request.id)
    if actor.person != request.requester.person:
        owing.answer(tx, policy, closed, state.value)
    if request.state is not RequestState.EVALUATING:
        owing.card(tx, policy, closed)
        owing.note(tx, policy, closed, state.value, person=actor.person, reason=reason)
    return closed
