"""Between two steps: what was measured decides whether the next one goes, waits, or is taken back (F5, P15)."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from bot.domain.analysis import Verdict
from bot.domain.audit import Fact
from bot.domain.change_request import ChangeRequest
from bot.domain.deployment import Run
from bot.domain.verification import Look
from bot.flows import owing
from bot.flows.automatic import fail_step, told
from bot.flows.measure import analyses_of, measured
from bot.flows.wellness import trouble
from bot.policy import Policy
from bot.ports import Ledger, Metrics, Transaction

LOOK_EVERY: Final = timedelta(minutes=1)
"""So often what is watched is looked at: while a step is watched, and while its figures hold it."""
_NEWS: Final = {Verdict.WARN: "analysis-warned", Verdict.UNKNOWN: "no-analysis"}


async def look_between(ledger: Ledger, metrics: Metrics | None, policy: Policy, run: Run) -> Look | None:
    """What the step that the run is at comes to now; None where nothing is to be judged. Asked outside of any
    transaction: `weighed` believes it of the very same step only."""
    if not run.unconfirmed:
        return None
    findings = await measured(metrics, analyses_of(policy, run.environment), run.began_at)
    at = await ledger.read(lambda tx: tx.now)
    return Look(at=at, percent=run.reached, findings=findings)


def weighed(
    tx: Transaction, policy: Policy, request: ChangeRequest, run: Run, look: Look | None
) -> Run | None:
    """The run after a look: confirmed where every figure passes and it was watched for its time. None where it was
    taken back, or is held for failing. A fail counts at once; what warns or is not known holds until it passes, or until
    a person says go on."""
    if look is None or not run.unconfirmed or look.percent != run.reached:
        return run
    look = replace(look, findings=(*look.findings, *trouble(tx, policy, request, run)))
    if look.verdict is Verdict.FAIL:
        if not look.says_as(run.look):
            fail_step(tx, policy, request, run, look)
            return None
        return run
    if run.next_at is not None and tx.now < run.next_at:
        return run
    if look.verdict is Verdict.PASS:
        return _passed(tx, policy, request, run, look)
    if look.says_as(run.look):
        return run
    held = replace(run, look=look)
    facts = told(look.findings, percent=run.reached)
    tx.runs.put(held, Fact(type="run.analysed", facts={"verdict": look.verdict.value, **facts}))
    owing.card(tx, policy, request)
    if run.look is None or run.look.percent != look.percent or run.look.verdict is not look.verdict:
        owing.note(tx, policy, request, _NEWS[look.verdict], **facts)
        owing.answer(tx, policy, request, _NEWS[look.verdict])
    return held


def _passed(tx: Transaction, policy: Policy, request: ChangeRequest, run: Run, look: Look) -> Run:
    """As if a person had said go on."""
    facts = told(look.findings, percent=run.reached)
    passed = replace(run, confirmed=run.reached, look=look)
    tx.runs.put(passed, Fact(type="run.analysed", facts={"verdict": look.verdict.value, **facts}))
    owing.note(tx, policy, request, "analysis-passed", **facts)
    owing.card(tx, policy, request)
    return passed
