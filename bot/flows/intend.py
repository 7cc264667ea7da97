"""Write the intent to start: the deployer is called only after this is durable."""

from dataclasses import replace
from typing import Final

from pydantic import JsonValue

from bot.domain.approval import ApprovalState
from bot.domain.audit import Fact
from bot.domain.change_request import ChangeRequest, Kind, RequestState
from bot.domain.deployment import Run, RunState
from bot.domain.outcome import GateOutcome, Readiness, Status
from bot.domain.owed import Timer
from bot.flows import break_glass_used, owing
from bot.flows.make_way import make_way
from bot.flows.rollout_step import plan_of
from bot.flows.supersede import supersede_older
from bot.policy import Policy
from bot.ports import Transaction

ONE_AT_A_TIME: Final = "one-at-a-time"
"""Stands among the gates' outcomes while another request's run is under way in the same place."""


def locked_with_others(tx: Transaction, request_id: str) -> tuple[ChangeRequest | None, ChangeRequest | None]:
    """The request, and another that is starting the same service in the same environment; None where there is none.

    Writers run one after another (the ledger's promise), so two cannot both find that nothing is starting there.
    """
    own = tx.requests.get(request_id, lock=True)
    if own is None:
        return None, None
    starting = tx.requests.open(service=own.service, environment=own.environment, state=RequestState.STARTING)
    return own, next((r for r in starting if r.id != request_id), None)


def beside(readiness: Readiness, running: ChangeRequest | None) -> Readiness:
    """The readiness, held by `running` until that one ended: two rollouts at once leave nobody knowing what runs."""
    if running is None:
        return readiness
    held = GateOutcome(
        gate=ONE_AT_A_TIME,
        status=Status.BLOCKED,
        code="another-run",
        facts={"request": running.id, "artifact": running.artifact.tag},
    )
    return replace(readiness, outcomes=(*readiness.outcomes, held))


def intend(tx: Transaction, policy: Policy, request: ChangeRequest) -> None:
    """The run, the request's new state, its audit entries and the timer that makes the call; one transaction."""
    if request.kind is Kind.ROLLBACK:
        make_way(tx, policy, request)
    starting = replace(request, state=RequestState.STARTING, approved_at=request.approved_at or tx.now)
    run = Run(
        id=f"{request.id}/{len(tx.runs.of(request.id)) + 1}",
        request=request.id,
        service=request.service,
        environment=request.environment,
        artifact=request.artifact,
        rollback_target=request.rollback_target,
        state=RunState.INTENDED,
        intended_at=tx.now,
        plan=plan_of(policy, request),
        rolls_back=request.kind is Kind.ROLLBACK,
    )
    by = request.asked_to_start or request.requester
    tx.requests.put(starting, Fact(type="request.starting", by=by))
    starting = break_glass_used.used_at_start(tx, policy, starting, by)
    signed: list[JsonValue] = [
        {"person": a.person, "roles": [*a.roles], "method": a.factor.method, "at": a.signed_at.isoformat()}
        for a in tx.approvals.of(request.id)
        if a.state is ApprovalState.COUNTED and a.revision == request.revision
    ]
    tx.runs.put(
        run,
        Fact(type="run.intended", by=by, facts={"fingerprint": request.fingerprint, "approved_by": signed}),
    )
    tx.unschedule("evaluate", request.id)
    tx.unschedule("remind", request.id)
    tx.schedule(Timer(kind="run", subject=run.id, due_at=tx.now))
    owing.card(tx, policy, starting)
    supersede_older(tx, policy, starting)
