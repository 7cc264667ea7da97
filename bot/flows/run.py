"""Carry out a run: intent is written, the call is made once, its result is written. Never sent twice.

A rollout in steps makes one such call for each of them. `shift` says where the traffic is to stand, so sending it
twice in a row would do no harm; it is looked up all the same, and never sent again. Between a crash and the next look
people may have gone back by hand, with the command that the card gave them, and the call would bring the new version
to them once more. Where nobody can say what came of it, the run ends as not known, and people decide.

A rollback is one call, and is done once the deployer's own status says that the old version runs (P17). Where the
deployer says that a call failed, `flows/failed_call` takes it back, in the transaction that ends the run (D5).
"""

import hashlib
from dataclasses import replace
from typing import Final

import structlog

from bot.domain.audit import Fact
from bot.domain.deployment import WHOLE, Run, RunResult, RunState
from bot.flows import owing, verify
from bot.flows.failed_call import BROKE_OFF, fail_call, why_left
from bot.flows.living_calendar import prepare
from bot.flows.rolled_back import NOT_RUNNING, UNVERIFIED, VERIFIED
from bot.flows.rollout_step import next_call, reached
from bot.flows.run_end import deployment_evidence, end_request
from bot.flows.running import looked_up
from bot.flows.step_analysis import look_between
from bot.policy import Policy
from bot.ports import Deployer, Deployers, Ledger, Metrics, Transaction

log = structlog.get_logger(__name__)

MOST_KEPT: Final = 256 * 1024
"""Characters of output that a run keeps over all its calls: the newest."""


async def carry_out(
    ledger: Ledger, deployers: Deployers, policy: Policy, run_id: str, metrics: Metrics | None = None
) -> None:
    """Make a run's next call if it is due and nothing holds it, from wherever a crash may have left it. Where its step
    is to be analysed, `metrics` are asked before; without any, nothing is known of it, and that holds it."""
    run = await ledger.read(lambda tx: tx.runs.get(run_id))
    if run is None or run.state.is_over:
        return
    await prepare(ledger, policy, run.environment, run.service)
    deployer = deployers.of(run.service)
    after_crash = run.state is RunState.CALLING
    if after_crash:
        call, result = run, await _found_after_a_crash(deployer, run)
    else:
        deployable = deployer is not None
        look = await look_between(ledger, metrics, policy, run)
        due = await ledger.write(lambda tx: next_call(tx, policy, run_id, deployable=deployable, look=look))
        if due is None:
            return
        call, result = due, await _called(deployer, due)
        if due.rolls_back and result.succeeded and deployer is not None:
            result = await _verified(deployer, due, result)
    left = await why_left(ledger, deployer, policy, call, result, after_crash=after_crash)
    await ledger.write(lambda tx: _write_result(tx, policy, call, result, left))


async def _called(deployer: Deployer | None, run: Run) -> RunResult:
    if deployer is None:
        return RunResult(succeeded=False, code="no-deployer", output="", made=False)
    try:
        if run.rolls_back:
            return await deployer.roll_back(run)
        return await (deployer.shift(run) if run.reached else deployer.start(run))
    except Exception as error:
        log.exception("deployer.raised", run=run.id)
        return RunResult(succeeded=False, code=f"{BROKE_OFF}{type(error).__name__}", output="")


async def _verified(deployer: Deployer, run: Run, result: RunResult) -> RunResult:
    """A rollback that the deployer reported as done: which version runs by its own status (P17)? One that says nothing
    leaves it unconfirmed, and people are told; one that names another version means that it failed."""
    found = await looked_up(deployer, run)
    code = UNVERIFIED if found is None else VERIFIED if found.succeeded else NOT_RUNNING
    said = "" if found is None else found.output
    return RunResult(succeeded=code != NOT_RUNNING, code=code, output=result.output + said)


async def _found_after_a_crash(deployer: Deployer | None, run: Run) -> RunResult:
    """The call may have been made: look it up. Not knowing is an answer too, and people are told so."""
    # None: the policy names no deployer any more, so nobody is left to ask.
    found = None if deployer is None else await looked_up(deployer, run)
    return found or RunResult(succeeded=False, code="lost", output="")


def _write_result(tx: Transaction, policy: Policy, call: Run, result: RunResult, left: str | None) -> None:
    """Put what came of `call` into effect, unless somebody else found that out already. `left`: why a failure is not
    taken back by itself."""
    run = tx.runs.get(call.id, lock=True)
    if run is None:
        return
    if (run.state, run.called_at, run.reached) != (call.state, call.called_at, call.reached):
        _note_late_result(tx, policy, run, result)
        return
    digest = _keep(tx, run, result.output)
    answered = replace(run, code=result.code, output_digest=digest)
    if result.succeeded and run.aim < WHOLE:
        reached(tx, policy, answered)
        return
    if result.code == "lost":
        state = RunState.LOST
    else:
        state = RunState.SUCCEEDED if result.succeeded else RunState.FAILED
    ended = replace(
        answered,
        state=state,
        finished_at=tx.now,
        reached=run.aim if result.succeeded else run.reached,
        next_at=None,
    )
    if state is RunState.SUCCEEDED:
        ended = replace(ended, verification=verify.planned(policy, ended, tx.now))
    tx.runs.put(ended, Fact(type=f"run.{state.value}", facts={"code": result.code}))
    if state is RunState.SUCCEEDED:
        verify.begin(tx, ended)
        deployed = deployment_evidence(ended)
        if tx.evidence.get(deployed.id) is None:
            tx.evidence.put(deployed, Fact(type="evidence.accepted"))
    if state is RunState.FAILED and not ended.rolls_back:
        fail_call(tx, policy, ended, left)
        return
    end_request(tx, policy, ended)


def _keep(tx: Transaction, run: Run, output: str) -> str:
    """Keep what the deployer printed, after what it printed at the steps before; the digest of all of it."""
    before = (tx.runs.output(run.id) or "") if run.reached else ""
    # The digest is of what is kept, so it has to fit every database: no NUL, and nothing that is no text.
    kept = (
        (before + output)[-MOST_KEPT:].replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace")
    )
    tx.runs.keep_output(run.id, kept.decode())
    return "sha256:" + hashlib.sha256(kept).hexdigest()


def _note_late_result(tx: Transaction, policy: Policy, run: Run, result: RunResult) -> None:
    """A run that was held to be lost has ended after all: people decided without it, so they are told."""
    if run.state is not RunState.LOST or result.code == "lost":
        return
    fact = Fact(type="run.result-late", facts={"code": result.code, "succeeded": result.succeeded})
    tx.trail.record(fact, subject=f"run/{run.id}")
    request = tx.requests.get(run.request)
    if request is not None:
        owing.note(tx, policy, request, "result-late", run=run.id, outcome=result.code)
