"""A rollback waits behind no rollout: one that is under way is held when the rollback is asked for, and ended between
two calls when it starts (P16, P22)."""

from dataclasses import replace

from bot.domain.audit import Fact
from bot.domain.change_request import Actor, ChangeRequest, Hold, Kind, RequestState
from bot.domain.deployment import WHOLE, RunState
from bot.flows import owing
from bot.flows.rollouts import run_of, stop
from bot.policy import Policy
from bot.ports import Transaction


def under_way(tx: Transaction, service: str, environment: str) -> ChangeRequest | None:
    """The request whose rollout is under way there."""
    found = tx.requests.open(service=service, environment=environment, state=RequestState.STARTING)
    return found[-1] if found else None


def in_the_way(
    tx: Transaction, request: ChangeRequest, running: ChangeRequest | None
) -> ChangeRequest | None:
    """`running` where it holds `request`. It does not hold a rollback, but while a call of it is under way; another
    rollback's single call is waited for as any other."""
    if running is None or request.kind is not Kind.ROLLBACK or running.kind is Kind.ROLLBACK:
        return running
    run = run_of(tx, running)
    return None if run is not None and run.waits else running


def make_way(tx: Transaction, policy: Policy, request: ChangeRequest) -> None:
    """End the rollout that `request`, a rollback that starts now, takes back, where it stands."""
    running = under_way(tx, request.service, request.environment)
    if running is None or running.id == request.id or running.kind is Kind.ROLLBACK:
        return
    end_between_calls(tx, policy, running, request.requester)


def end_between_calls(tx: Transaction, policy: Policy, request: ChangeRequest, actor: Actor) -> bool:
    """End the rollout of `request` where it stands; False where it has none, or a call of it is under way."""
    if request.state is not RequestState.STARTING:
        return False
    # As if it were held: what is intended can be ended too, for whether it is called is decided in a transaction.
    held = replace(request, held=request.held or Hold(by=actor, at=tx.now))
    return stop(tx, policy, held, actor) is not None


def hold_for(tx: Transaction, policy: Policy, rollback: ChangeRequest) -> None:
    """No further step of what is under way while people agree on going back; whoever may can resume it."""
    running = under_way(tx, rollback.service, rollback.environment)
    if running is None or running.held is not None or running.kind is Kind.ROLLBACK:
        return
    run = run_of(tx, running)
    if run is None or (run.state is RunState.CALLING and run.aim == WHOLE):
        return  # its last call is under way: nothing is left to hold
    held = replace(
        running, held=Hold(by=rollback.requester, at=tx.now, reason=f"{rollback.id} takes it back")
    )
    tx.requests.put(
        held,
        Fact(type="request.held", by=rollback.requester, facts={"percent": run.reached, "for": rollback.id}),
    )
    person, reason = rollback.requester.person, f"{rollback.id} takes it back"
    percent = {"percent": run.reached} if run.plan.stepped else {}
    owing.card(tx, policy, held)
    owing.note(tx, policy, held, "held", person=person, reason=reason, **percent)
    if person != running.requester.person:
        owing.answer(tx, policy, held, "held")


def wake_rollbacks(tx: Transaction, reached: ChangeRequest) -> None:
    """A step of `reached` is done, so a rollback that waited for its call looks now."""
    for other in tx.requests.open(service=reached.service, environment=reached.environment):
        if other.kind is Kind.ROLLBACK and other.state is not RequestState.STARTING:
            owing.evaluate_at(tx, other, tx.now)
