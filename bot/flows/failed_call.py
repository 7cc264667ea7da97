"""A call of which the deployer itself says that it failed: what runs there by its own status, and the way back (D5).

Taken back is only what may be there. Nothing was called: nothing changed. The old version runs, and the new one does not:
there is nothing to take back. Nobody heard how the call ended: people decide, as they do where a run is lost.
"""

from dataclasses import replace
from typing import Final

from pydantic import JsonValue

from bot.domain.analysis import Finding, Verdict
from bot.domain.audit import Fact
from bot.domain.change_request import RequestState
from bot.domain.deployment import ONE_CALL, Run, RunResult
from bot.domain.verification import TakenBack
from bot.flows.automatic import call_people, incident_of, take_back, told, way_there
from bot.flows.going_back import GoingBack
from bot.flows.incident_news import note
from bot.flows.run_end import OLD_RUNS, end_request
from bot.flows.running import looked_up
from bot.policy import Policy
from bot.ports import Deployer, Ledger, Transaction

BROKE_OFF: Final = "raised-"
"""What the code of a call begins with that ended inside the bot: nobody knows whether anything was called."""
NOT_CALLED, NOT_HEARD, BROKEN = "not-called", "not-heard", "broke-off"
"""Why a failure is left to people: nothing was called; the bot was away when the call ended; it ended inside the bot."""
DEPLOYER: Final = "deployer"
CALL_FAILED: Final = "call-failed"
"""The finding that stands for the deployer's own word; it is about the code that the call ended with."""


async def why_left(
    ledger: Ledger,
    deployer: Deployer | None,
    policy: Policy,
    call: Run,
    result: RunResult,
    *,
    after_crash: bool,
) -> str | None:
    """The code of why a call that failed is not taken back by itself; None where it may be, or did not fail. The
    deployer's status is asked only where that decides: in the first call, with a way back.

    `after_crash`: found by the status after a crash. It speaks of this moment; the call may be under way still, for the
    program outlives a bot that was killed, and people may have done something there meanwhile.
    """
    if result.succeeded or result.code == "lost" or call.rolls_back:
        return None
    if after_crash:
        return NOT_HEARD
    if not result.made:
        return NOT_CALLED
    if result.code.startswith(BROKE_OFF):
        return BROKEN
    if call.reached or deployer is None:
        return None  # a step before it did succeed, so some of the traffic has the new version
    if not await ledger.read(lambda tx: _may_go_back(tx, policy, call)):
        return None
    return OLD_RUNS if await _nothing_changed(deployer, call) else None


def _may_go_back(tx: Transaction, policy: Policy, call: Run) -> bool:
    request = tx.requests.get(call.request)
    return request is not None and isinstance(way_there(tx, policy, request, call), GoingBack)


async def _nothing_changed(deployer: Deployer, call: Run) -> bool:
    """Whether the status denies the new version and confirms the old one. It takes both: a status that confirms all
    that it is asked, or denies it, says nothing, and then the old version is brought back to be sure."""
    old = call.rollback_target
    if old is None or await _runs(deployer, call) is not False:
        return False
    before = replace(
        call,
        artifact=old,
        rollback_target=call.artifact,
        rolls_back=True,
        plan=ONE_CALL,
        reached=0,
        confirmed=0,
    )
    return await _runs(deployer, before) is True


async def _runs(deployer: Deployer, run: Run) -> bool | None:
    """None where nobody knows."""
    found = await looked_up(deployer, run)
    return None if found is None else found.succeeded


def fail_call(tx: Transaction, policy: Policy, run: Run, left: str | None) -> None:
    """End the request of `run`, which failed and is written, and take it back; or tell why not. All of it in one
    transaction, so a crash leaves a failure with its rollback, or a call that is still to be looked up."""
    request = tx.requests.get(run.request, lock=True)
    if request is None or not request.may_become(RequestState.FAILED):
        return
    back = left or way_there(tx, policy, request, run)
    wrong = (Finding(name=DEPLOYER, verdict=Verdict.FAIL, code=CALL_FAILED, about=run.code),)
    if isinstance(back, GoingBack):
        ended = end_request(tx, policy, run, goes_back=True) or request
        take_back(tx, policy, ended, run, back, incident_of(tx, policy, ended), wrong)
        return
    stays = replace(run, taken_back=TakenBack(at=tx.now, findings=wrong, why_not=back, settled=True))
    tx.runs.put(stays, Fact(type="run.not-taken-back", facts={"why_not": back}))
    before = {incident.id for incident in tx.incidents.open(run.environment)}
    ended = end_request(tx, policy, stays) or request
    paged = any(incident.id not in before for incident in tx.incidents.open(run.environment))
    incident = incident_of(tx, policy, ended)
    to = None if run.rollback_target is None else run.rollback_target.tag
    facts: dict[str, JsonValue] = {**told(wrong, percent=None), "to": to}
    note(tx, policy, incident, "no-automatic-rollback", request=request.id, why_not=back, **facts)
    if not paged:  # else the page of its own incident has just called whoever is on call
        call_people(tx, policy, ended, incident, back, facts)
