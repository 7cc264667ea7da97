"""The automatic rollback (P15, P21): a deployment that fails what is watched is stopped, told, paged, and taken back.
One whose deployer itself says that it failed goes the same way (D5), from `flows/failed_call`.

One for each deployment, only while it is the current one, only to the version that its approval named and its gate
verified beforehand. What forbids it is told to whoever is on call, with the reason; nothing is taken back by guessing.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from pydantic import JsonValue

from bot.domain.analysis import Finding
from bot.domain.audit import Fact
from bot.domain.change_request import SYSTEM, ChangeRequest, Hold, RequestState
from bot.domain.deployment import Run, RunState
from bot.domain.incident import Cause, Incident
from bot.domain.outcome import Status
from bot.domain.owed import Timer
from bot.domain.ran import same_version
from bot.domain.refusal import Refusal
from bot.domain.verification import Look, TakenBack, WatchState
from bot.flows import owing
from bot.flows.going_back import GoingBack, going_back
from bot.flows.incident_news import note
from bot.flows.incidents import deployment_failed
from bot.flows.roll_back import roll_back_by_itself
from bot.flows.rolled_back import urgent
from bot.flows.run_end import ANALYSIS_FAILED, end_request
from bot.gates import rollback_target
from bot.policy import Policy
from bot.ports import Transaction

TIMER: Final = "verify"
"""The kind of the timer of a look at what is live, and at what became of its rollback; the subject is the run."""
FOLLOW: Final = timedelta(seconds=15)
"""After this somebody looks whether the rollback was let through."""
FOLLOW_AGAIN: Final = timedelta(minutes=1)
PATIENCE: Final = timedelta(minutes=2)
"""A rollback that did not start in this time is told of: its registry does not answer, or a call is under way."""
_TOLD_ELSEWHERE: Final = (RequestState.LIVE, RequestState.FAILED, RequestState.UNRESOLVED)


def fail_step(tx: Transaction, policy: Policy, request: ChangeRequest, run: Run, look: Look) -> None:
    """A step failed its analysis: the rollout ends where it stands and is taken back; where it is not, it is held there.
    Either way an incident opens, which pages."""
    back = way_there(tx, policy, request, run)
    facts = told(look.findings, percent=run.reached)
    if not isinstance(back, GoingBack):
        held = replace(
            run, look=look, taken_back=TakenBack(at=tx.now, findings=look.wrong, why_not=back, settled=True)
        )
        tx.runs.put(held, Fact(type="run.analysis-failed", facts={**facts, "why_not": back}))
        owing.note(tx, policy, request, "analysis-failed", **facts, why_not=back)
        incident = deployment_failed(tx, policy, run.environment, request.id)  # it holds what rolls out there
        _stays(tx, policy, _held(tx, request.id, incident) or request, incident, back, facts)
        return
    ended = replace(
        run,
        state=RunState.FAILED,
        code=ANALYSIS_FAILED,
        finished_at=tx.now,
        next_at=None,
        frozen=(),
        look=look,
    )
    tx.runs.put(ended, Fact(type="run.analysis-failed", facts=facts))
    tx.unschedule("run", run.id)
    owing.note(tx, policy, request, "analysis-failed", **facts)
    failed = end_request(tx, policy, ended) or request
    incident = incident_of(tx, policy, failed)
    take_back(tx, policy, failed, ended, back, incident, look.wrong)


def fail_live(tx: Transaction, policy: Policy, request: ChangeRequest, run: Run, look: Look) -> None:
    """What is live failed its verification, or brought an incident: it is taken back, and people are paged."""
    verification = run.verification
    if verification is None:
        return
    failed = replace(run, verification=replace(verification, look=look, state=WatchState.FAILED))
    phase = verification.phase
    facts = {**told(look.findings, percent=None), "phase": None if phase is None else phase.name}
    back = way_there(tx, policy, request, run)
    incident = incident_of(tx, policy, request)
    if isinstance(back, GoingBack):
        tx.runs.put(failed, Fact(type="run.verification-failed", facts=facts))
        owing.note(tx, policy, request, "verification-failed", **facts)
        take_back(tx, policy, request, failed, back, incident, look.wrong)
        return
    failed = replace(failed, taken_back=TakenBack(at=tx.now, findings=look.wrong, why_not=back, settled=True))
    tx.runs.put(failed, Fact(type="run.verification-failed", facts={**facts, "why_not": back}))
    owing.note(tx, policy, request, "verification-failed", **facts, why_not=back)
    _stays(tx, policy, request, incident, back, facts)


def follow(tx: Transaction, policy: Policy, run: Run) -> None:
    """See what became of the rollback: one that its gates refused, or that does not start, is told to whoever is on
    call. How one that started ends is told with its own end."""
    taken = run.taken_back
    rollback = None if taken is None or taken.rollback is None else tx.requests.get(taken.rollback)
    if taken is None or taken.settled or rollback is None:
        return
    if rollback.is_open:
        late = tx.now - taken.at >= PATIENCE and rollback.state is not RequestState.STARTING
        key = f"automatic-late:{rollback.id}"
        if late and tx.remembered(key) is None:
            tx.remember(key, True)
            _tell(tx, policy, rollback, "automatic-waits", taken.findings)
        tx.schedule(Timer(kind=TIMER, subject=run.id, due_at=tx.now + FOLLOW_AGAIN))
        return
    settled = replace(run, taken_back=replace(taken, settled=True))
    tx.runs.put(settled, Fact(type="run.rollback-followed", facts={"state": rollback.state.value}))
    if rollback.state not in _TOLD_ELSEWHERE:
        _tell(tx, policy, rollback, "automatic-refused", taken.findings)


def told(findings: Sequence[Finding], *, percent: int | None) -> dict[str, JsonValue]:
    """Findings as facts of an entry or of a message: what does not pass first, and all of them."""
    order = sorted(findings, key=lambda finding: -finding.verdict.rank)
    plain: list[JsonValue] = [
        {
            name: value
            for name, value in (
                ("name", f.name), ("verdict", f.verdict.value), ("code", f.code), ("value", f.value),
                ("baseline", f.baseline), ("sample", f.sample), ("limit", f.limit), ("about", f.about),
            )
            if value is not None
        }
        for f in order
    ]  # fmt: skip
    return {"findings": plain, **({} if percent is None else {"percent": percent})}


def way_there(tx: Transaction, policy: Policy, request: ChangeRequest, run: Run) -> GoingBack | str:
    """What it goes back to by itself, or the code of why it does not."""
    section = policy.environments.get(run.environment)
    if section is None or run.service not in policy.services:
        return "no-longer-in-policy"
    if not section.rollout.automatic_rollback:
        return "switched-off"
    if run.taken_back is not None and run.taken_back.rollback is not None:
        return "taken-back-already"
    outcomes = () if request.readiness is None else request.readiness.outcomes
    gate = next((o for o in outcomes if o.gate == rollback_target.NAME), None)
    if gate is None or gate.status is not Status.PASSED or request.rollback_target is None:
        return "no-verified-target"
    try:
        back = going_back(tx, run.service, run.environment)
    except Refusal as refusal:
        return refusal.code
    if back.undoes is None or back.undoes.id != request.id:
        stated = run.state is RunState.FAILED and same_version(back.away, run.artifact)
        return "said-to-run" if stated else "newer-runs"
    return back if same_version(back.target, request.rollback_target) else "another-target"


def _held(tx: Transaction, request_id: str, incident: Incident) -> ChangeRequest | None:
    """Held until a person says go on: also where an incident was open before, which holds nothing anew."""
    request = tx.requests.get(request_id, lock=True)
    if request is None or request.held is not None:
        return request
    held = replace(request, held=Hold(by=SYSTEM, at=tx.now, reason=incident.id))
    tx.requests.put(held, Fact(type="request.held", facts={"incident": incident.id}))
    return held


def incident_of(tx: Transaction, policy: Policy, request: ChangeRequest) -> Incident:
    """The incident that pages for it: the one that the monitors opened for it, where people are paged for that, else
    one of a deployment that went wrong."""
    for incident in tx.incidents.open(request.environment):
        mine = incident.suspect == request.id and request.id not in incident.cleared
        if mine and incident.cause is not Cause.DECLARED and incident.muted_by is None:
            return incident
    return deployment_failed(tx, policy, request.environment, request.id)


def take_back(
    tx: Transaction,
    policy: Policy,
    request: ChangeRequest,
    run: Run,
    back: GoingBack,
    incident: Incident,
    wrong: tuple[Finding, ...],
) -> None:
    """File the rollback, note it with the run and in the incident, and look soon whether it was let through."""
    why = ", ".join(_short(finding) for finding in wrong[:3])
    rollback = roll_back_by_itself(tx, policy, request, back, incident=incident.id, reason=why)
    taken = replace(run, taken_back=TakenBack(at=tx.now, findings=wrong, rollback=rollback.id))
    facts = {**told(wrong, percent=None), "by": rollback.id, "to": back.target.tag}
    tx.runs.put(taken, Fact(type="run.taken-back", facts=facts))
    owing.card(tx, policy, request)
    current = tx.incidents.get(incident.id) or incident
    note(tx, policy, current, "automatic-rollback", request=request.id, **facts)
    tx.schedule(Timer(kind=TIMER, subject=run.id, due_at=tx.now + FOLLOW))


def _stays(
    tx: Transaction,
    policy: Policy,
    request: ChangeRequest,
    incident: Incident,
    why_not: str,
    facts: dict[str, JsonValue],
) -> None:
    """Nothing is taken back by itself: everybody who has to act is told so, and why."""
    owing.card(tx, policy, request)
    owing.answer(tx, policy, request, "watched-failed")
    note(tx, policy, incident, "no-automatic-rollback", request=request.id, why_not=why_not, **facts)
    call_people(tx, policy, request, incident, why_not, facts)


def call_people(
    tx: Transaction,
    policy: Policy,
    request: ChangeRequest,
    incident: Incident,
    why_not: str,
    facts: dict[str, JsonValue],
) -> None:
    """Tell whoever is on call, and the channel of incidents, that nothing is taken back by itself, and why."""
    said: dict[str, JsonValue] = {
        **facts, "service": request.service, "environment": request.environment, "why_not": why_not,
        "artifact": request.artifact.tag, "incident": incident.id,
    }  # fmt: skip
    urgent(tx, policy, request, "no-automatic-rollback", said)


def _tell(
    tx: Transaction, policy: Policy, rollback: ChangeRequest, code: str, findings: Sequence[Finding]
) -> None:
    away = rollback.rollback_target
    outcomes = () if rollback.readiness is None else rollback.readiness.outcomes
    bad: list[JsonValue] = [o.code for o in outcomes if o.status is not Status.PASSED]
    facts: dict[str, JsonValue] = {
        **told(findings, percent=None), "service": rollback.service, "environment": rollback.environment,
        "from": None if away is None else away.tag, "to": rollback.artifact.tag, "undoes": rollback.rolls_back,
        "gates": bad, "state": rollback.state.value,
    }  # fmt: skip
    urgent(tx, policy, rollback, code, facts)
    for incident in tx.incidents.open(rollback.environment):
        if incident.id == rollback.ticket:
            note(tx, policy, incident, code, request=rollback.id, to=rollback.artifact.tag, gates=bad)


def _short(finding: Finding) -> str:
    """`errors above 0.05`: as short as a record's reason may be."""
    parts = (finding.name, finding.code, finding.limit or finding.about)
    return " ".join(dict.fromkeys(part for part in parts if part))
