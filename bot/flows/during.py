"""An incident while something rolls out there: the rollout is held, and people are told what to do (P22)."""

from dataclasses import replace

from pydantic import JsonValue

from bot.domain.audit import Fact
from bot.domain.change_request import SYSTEM, ChangeRequest, Hold, Kind, RequestState
from bot.domain.deployment import WHOLE, Run, RunState
from bot.domain.incident import Incident
from bot.flows import owing
from bot.flows.incident_news import note
from bot.policy import Policy
from bot.ports import Transaction


def hold_rollouts(tx: Transaction, policy: Policy, incident: Incident) -> None:
    """Hold every rollout of the incident's environment before its next call, unless it is what puts things right."""
    there = tx.requests.open(environment=incident.environment, state=RequestState.STARTING)
    for request in there:
        runs = tx.runs.of(request.id)
        if not runs or request.held is not None or _mends(request) or not _holdable(runs[-1]):
            continue
        percent: JsonValue = runs[-1].reached if runs[-1].plan.stepped else None
        held = replace(request, held=Hold(by=SYSTEM, at=tx.now, reason=incident.id))
        tx.requests.put(held, Fact(type="request.held", facts={"percent": percent, "incident": incident.id}))
        facts: dict[str, JsonValue] = {
            "percent": percent,
            "severity": incident.severity,
            "urgent": urgent(policy, incident.severity),
        }
        owing.card(tx, policy, held)
        owing.note(tx, policy, held, "held-by-incident", incident=incident.id, **facts)
        owing.answer(tx, policy, held, "held")
        note(tx, policy, incident, "rollout-held", request=held.id, **facts)


def urgent(policy: Policy, severity: str) -> bool:
    """Whether a severity is one of the two with the shortest response times: what is held then stays so."""
    times = sorted(policy.severities.items(), key=lambda each: each[1])
    return severity in {name for name, _ in times[:2]} or severity not in policy.severities


def _mends(request: ChangeRequest) -> bool:
    return (
        request.fixes == request.environment
        or request.break_glass is not None
        or request.kind in (Kind.ROLLBACK, Kind.EMERGENCY)
    )


def _holdable(run: Run) -> bool:
    """Something of it is still to be called, other than the call that is under way."""
    return run.waits or (run.state is RunState.CALLING and run.aim < WHOLE)
