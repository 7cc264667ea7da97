"""Carry out a run: intent is written, the call is made once, its result is written. Never sent twice."""

import hashlib
from dataclasses import replace

import structlog

from bot.domain.audit import Fact
from bot.domain.canonical import digest_of
from bot.domain.change_request import SYSTEM, Closing, RequestState
from bot.domain.deployment import Run, RunResult, RunState
from bot.domain.evidence import Evidence, EvidenceKind
from bot.flows import owing
from bot.policy import Policy
from bot.ports import Deployer, Deployers, Ledger, Transaction

log = structlog.get_logger(__name__)

FINAL = {
    RunState.SUCCEEDED: RequestState.LIVE,
    RunState.FAILED: RequestState.FAILED,
    RunState.LOST: RequestState.UNRESOLVED,
}


async def carry_out(ledger: Ledger, deployers: Deployers, policy: Policy, run_id: str) -> None:
    """Bring one run to its end, from wherever a crash may have left it."""
    run = await ledger.read(lambda tx: tx.runs.get(run_id))
    if run is None or run.state in FINAL:
        return
    deployer = deployers.of(run.service)
    if run.state is RunState.CALLING:
        result = await _found_after_a_crash(deployer, run)
    elif deployer is None:
        result = RunResult(succeeded=False, code="no-deployer", output="")
    else:
        claimed = await ledger.write(lambda tx: _calling(tx, run_id))
        if claimed is None:
            return
        result = await _call(deployer, claimed)
    await ledger.write(lambda tx: _write_result(tx, policy, run_id, result))


async def _call(deployer: Deployer, run: Run) -> RunResult:
    try:
        return await deployer.start(run)
    except Exception as error:
        log.exception("deployer.raised", run=run.id)
        return RunResult(succeeded=False, code=f"raised-{type(error).__name__}", output="")


async def _found_after_a_crash(deployer: Deployer | None, run: Run) -> RunResult:
    """The call may have been made: look it up. Not knowing is an answer too, and people are told so."""
    found = None
    try:
        if deployer is not None:  # None: the policy names none any more, so nobody is left to ask
            found = await deployer.look_up(run)
    except Exception:
        log.exception("deployer.raised", run=run.id)
    return found or RunResult(succeeded=False, code="lost", output="")


def _calling(tx: Transaction, run_id: str) -> Run | None:
    run = tx.runs.get(run_id, lock=True)
    if run is None or run.state is not RunState.INTENDED:
        return None
    calling = replace(run, state=RunState.CALLING, called_at=tx.now)
    tx.runs.put(calling, Fact(type="run.calling"))
    return calling


def _write_result(tx: Transaction, policy: Policy, run_id: str, result: RunResult) -> None:
    run = tx.runs.get(run_id, lock=True)
    if run is None:
        return
    if run.state in FINAL:
        _note_late_result(tx, policy, run, result)
        return
    if result.code == "lost":
        state = RunState.LOST
    else:
        state = RunState.SUCCEEDED if result.succeeded else RunState.FAILED
    # The digest is of what is kept, so it has to fit every database: no NUL, and nothing that is no text.
    kept = result.output.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace")
    digest = "sha256:" + hashlib.sha256(kept).hexdigest()
    ended = replace(run, state=state, finished_at=tx.now, code=result.code, output_digest=digest)
    tx.runs.put(ended, Fact(type=f"run.{state.value}", facts={"code": result.code}))
    tx.runs.keep_output(run.id, kept.decode())
    if state is RunState.SUCCEEDED:
        deployed = deployment_evidence(ended)
        if tx.evidence.get(deployed.id) is None:
            tx.evidence.put(deployed, Fact(type="evidence.accepted"))
    _end_request(tx, policy, ended)
    # What runs there changed, and with it what the others would roll back to.
    for request in tx.requests.open(service=run.service):
        owing.evaluate_at(tx, request, tx.now)


def _note_late_result(tx: Transaction, policy: Policy, run: Run, result: RunResult) -> None:
    """A run that was held to be lost has ended after all: people decided without it, so they are told."""
    if run.state is not RunState.LOST or result.code == "lost":
        return
    fact = Fact(type="run.result-late", facts={"code": result.code, "succeeded": result.succeeded})
    tx.trail.record(fact, subject=f"run/{run.id}")
    request = tx.requests.get(run.request)
    if request is not None:
        owing.note(tx, policy, request, "result-late", run=run.id, outcome=result.code)


def _end_request(tx: Transaction, policy: Policy, run: Run) -> None:
    request = tx.requests.get(run.request, lock=True)
    state = FINAL[run.state]
    if request is None or not request.may_become(state):
        return
    code = run.code or run.state.value
    ended = replace(
        request,
        state=state,
        closing=Closing(code=code, by=SYSTEM, at=tx.now),
        asked_to_start=None,
    )
    tx.requests.put(ended, Fact(type=f"request.{state.value}", facts={"code": code, "run": run.id}))
    seconds = int((tx.now - (request.approved_at or request.requested_at)).total_seconds())
    owing.card(tx, policy, ended)
    owing.note(tx, policy, ended, state.value, run=run.id, outcome=code, seconds=seconds)
    owing.answer(tx, policy, ended, state.value)
    if state is RequestState.LIVE:
        owing.channel(
            tx,
            policy.slack.channels.announcements,
            "announcement",
            request.id,
            {"code": "live", "seconds": seconds},
        )


def deployment_evidence(run: Run) -> Evidence:
    """What we deployed ourselves is evidence like CI's: the next soak, rollback target and incident card read it."""
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
        source="portcullis",
        details={"request": run.request},
    )
