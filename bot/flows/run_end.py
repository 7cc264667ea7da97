"""The end of a run: its request ends with it, what went live becomes evidence, and everybody concerned is told."""

from dataclasses import replace
from typing import Final

from pydantic import JsonValue

from bot.domain.audit import Fact
from bot.domain.canonical import digest_of
from bot.domain.change_request import SYSTEM, Actor, ChangeRequest, Closing, RequestState
from bot.domain.deployment import Run, RunState
from bot.domain.evidence import Evidence, EvidenceKind
from bot.domain.ran import OURSELVES, taken_back
from bot.flows import owing, rolled_back
from bot.flows.by_group import by_group
from bot.flows.change_news import went_live
from bot.flows.incidents import deployment_failed
from bot.flows.report import owe_report
from bot.gates import rollback_target
from bot.policy import Policy
from bot.ports import Transaction

FINAL: Final = {
    RunState.SUCCEEDED: RequestState.LIVE,
    RunState.FAILED: RequestState.FAILED,
    RunState.LOST: RequestState.UNRESOLVED,
}
STOPPED: Final = "stopped"
"""The code of a run that a person stopped between two calls."""
OLD_RUNS: Final = "old-runs"
"""Why nothing is taken back where, by the deployer's own status, the version from before runs and the new one does not."""
ANALYSIS_FAILED: Final = "analysis-failed"
"""The code of a run that was stopped because what was measured at one of its steps failed it (P15)."""


def way_back(request: ChangeRequest) -> str | None:
    """The command that was made beforehand to go back (P14); None where no gate asked for one."""
    outcomes = () if request.readiness is None else request.readiness.outcomes
    said = next((o.facts.get("command") for o in outcomes if o.gate == rollback_target.NAME), None)
    return said if isinstance(said, str) else None


def end_request(
    tx: Transaction, policy: Policy, run: Run, *, by: Actor = SYSTEM, goes_back: bool = False
) -> ChangeRequest | None:
    """End the request of a run that is over; None where it is over already. What waited for the place looks again.
    `goes_back`: its caller takes it back at once."""
    request = tx.requests.get(run.request, lock=True)
    state = FINAL[run.state]
    if request is None or not request.may_become(state):
        return None
    code = run.code or run.state.value
    ended = replace(
        request, state=state, closing=Closing(code=code, by=by, at=tx.now), asked_to_start=None, held=None
    )
    tx.requests.put(ended, Fact(type=f"request.{state.value}", by=by, facts={"code": code, "run": run.id}))
    if run.rolls_back:
        rolled_back.tell_end(tx, policy, ended, run)
    else:
        _tell(tx, policy, ended, run, goes_back=goes_back)
    if run.state is not RunState.SUCCEEDED and run.code != STOPPED:
        owe_report(tx, policy, ended)
    if run.state is RunState.FAILED and run.code != STOPPED:
        deployment_failed(tx, policy, run.environment, ended.id, undone=ended.rolls_back)
    # What runs there changed, and with it what the others would roll back to.
    for other in tx.requests.open(service=run.service):
        owing.evaluate_at(tx, other, tx.now)
    return ended


def _tell(tx: Transaction, policy: Policy, request: ChangeRequest, run: Run, *, goes_back: bool) -> None:
    code = run.code or run.state.value
    seconds = int((tx.now - (request.approved_at or request.requested_at)).total_seconds())
    facts: dict[str, JsonValue] = {"run": run.id, "outcome": code, "seconds": seconds}
    stays = None if run.taken_back is None else run.taken_back.why_not
    if goes_back:
        facts["goes_back"] = True
    elif stays is not None:
        facts["why_not"] = stays
    if run.plan.stepped and not goes_back and stays != OLD_RUNS:
        facts |= {"percent": run.reached, "aim": run.aim, "command": way_back(request)}
    if request.closing is not None and request.closing.by.person is not None:
        facts["person"] = request.closing.by.person
    facts |= by_group(tx, policy, run.environment)
    owing.card(tx, policy, request)
    owing.note(tx, policy, request, request.state.value, **facts)
    owing.answer(tx, policy, request, request.state.value)
    if request.state is RequestState.LIVE:
        channel = policy.slack.channels.announcements
        owing.channel(tx, channel, "announcement", request.id, {"code": "live", "seconds": seconds})
        went_live(tx, policy, request)


def deployment_evidence(run: Run) -> Evidence:
    """What we deployed ourselves is evidence like CI's: the next soak, rollback target and incident card read it. That
    of a rollback says what it took back, so that nothing goes back to that."""
    at = run.finished_at or run.intended_at
    said = {"run": run.id, "artifact": run.artifact.tag, "digest": run.artifact.digest, "at": at.isoformat()}
    return Evidence(
        id=digest_of(said),
        kind=EvidenceKind.DEPLOYMENT,
        service=run.service,
        artifact=run.artifact.tag,
        digest=run.artifact.digest,
        environment=run.environment,
        passed=True,
        at=at,
        received_at=at,
        source=OURSELVES,
        details={"request": run.request, **_took_back(run)},
    )


def _took_back(run: Run) -> dict[str, JsonValue]:
    return taken_back(run.rollback_target) if run.rolls_back and run.rollback_target is not None else {}
