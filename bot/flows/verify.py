"""Watches what is live, phase after phase, by a timer for each look: a restart of the bot loses none (P15, P19, P21)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from pydantic import JsonValue

from bot.domain.analysis import Finding, Verdict
from bot.domain.audit import Fact
from bot.domain.change_request import ChangeRequest, RequestState
from bot.domain.deployment import Run, RunState
from bot.domain.owed import Timer
from bot.domain.verification import EndedPhase, Look, PlannedPhase, Verification, WatchState
from bot.flows import owing, rolled_back
from bot.flows.automatic import TIMER, fail_live, follow, told
from bot.flows.by_group import by_group
from bot.flows.going_back import LOOKED_AT, runs_now
from bot.flows.measure import analyses_of, measured
from bot.flows.running import looked_up
from bot.flows.step_analysis import LOOK_EVERY
from bot.flows.wellness import HEALTH, health, monitor, trouble
from bot.policy import Policy
from bot.ports import Deployers, Ledger, Metrics, Transaction

ROLLOUT: Final = "rollout"
"""The check of what the deployer's own status says."""
UNNAMED: Final = "live"
"""The phase of an environment that has analyses and names no phases: its last step is watched like the others."""
AFTER_ROLLBACK: Final = "after the rollback"
LEAST: Final = timedelta(minutes=5)
"""So long the last step is watched where the policy says nothing: P15's five minutes."""
TO_GET_WELL: Final = timedelta(minutes=10)
"""So long a version that came back has to run and be well; then whoever is on call is told (P17)."""


def planned(policy: Policy, run: Run, now: datetime) -> Verification | None:
    """What is watched of a run that is live from `now` on; settled here, whatever a later policy says. None where the
    policy has nothing to watch."""
    section = policy.environments.get(run.environment)
    if section is None:
        return None
    if run.rolls_back:
        if not section.verification:
            return None
        checks = (ROLLOUT, HEALTH) if section.monitors else (ROLLOUT,)
        return Verification(
            phases=(PlannedPhase(name=AFTER_ROLLBACK, ends_at=now + TO_GET_WELL, checks=checks),)
        )
    phases, ends = [], now
    for phase in section.verification:
        ends += phase.duration
        phases.append(PlannedPhase(name=phase.name, ends_at=ends, checks=phase.checks))
    if not phases and section.rollout.analysis:
        names = tuple(analysis.name for analysis in section.rollout.analysis)
        phases = [PlannedPhase(name=UNNAMED, ends_at=now + (section.rollout.hold or LEAST), checks=names)]
    return Verification(phases=tuple(phases)) if phases else None


def begin(tx: Transaction, run: Run) -> None:
    """Set the timer of the first look, where there is something to watch."""
    if run.verification is not None:
        _next_look(tx, run)


async def look(
    ledger: Ledger, deployers: Deployers, policy: Policy, run_id: str, metrics: Metrics | None = None
) -> None:
    """One look at what is live, or at what became of its automatic rollback. Called by the timer; one that is called
    twice finds its work done."""
    run = await ledger.read(lambda tx: tx.runs.get(run_id))
    if run is None:
        return
    if run.taken_back is not None:
        await ledger.write(lambda tx: _follow(tx, policy, run_id))
        return
    phase = None if run.verification is None else run.verification.phase
    if phase is None:
        return
    asked = _Asked(phase, await _outside(deployers, metrics, policy, run, phase))
    await ledger.write(lambda tx: _weigh(tx, policy, run_id, asked))


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the outside said for one phase."""

    phase: PlannedPhase
    findings: tuple[Finding, ...]


async def _outside(
    deployers: Deployers, metrics: Metrics | None, policy: Policy, run: Run, phase: PlannedPhase
) -> tuple[Finding, ...]:
    """The figures of its analyses, and what the deployer says runs."""
    analyses = analyses_of(policy, run.environment, phase.checks)
    found = await measured(metrics, analyses, run.began_at)
    return (*found, await _rollout(deployers, run)) if ROLLOUT in phase.checks else found


async def _rollout(deployers: Deployers, run: Run) -> Finding:
    """Whether the deployer's own status still names this version."""
    deployer = deployers.of(run.service)
    said = None if deployer is None else await looked_up(deployer, run)
    if said is None:
        return Finding(name=ROLLOUT, verdict=Verdict.UNKNOWN, code="nobody-knows")
    if said.succeeded:
        return Finding(name=ROLLOUT, verdict=Verdict.PASS, code="runs")
    return Finding(name=ROLLOUT, verdict=Verdict.FAIL, code="not-running")


def _follow(tx: Transaction, policy: Policy, run_id: str) -> None:
    run = tx.runs.get(run_id, lock=True)
    if run is not None:
        follow(tx, policy, run)


def _weigh(tx: Transaction, policy: Policy, run_id: str, asked: _Asked) -> None:
    """Put a look into effect, unless the world went on while it was taken: then it is taken again."""
    run = tx.runs.get(run_id, lock=True)
    request = None if run is None else tx.requests.get(run.request, lock=True)
    verification = None if run is None else run.verification
    phase = None if verification is None else verification.phase
    if run is None or request is None or verification is None or phase is None or run.taken_back is not None:
        return
    if phase != asked.phase:
        _next_look(tx, run)
        return
    if not _current(tx, policy, request, run):
        _over(tx, policy, request, run, verification)
        return
    seen = Look(at=tx.now, percent=run.reached, findings=_all(tx, policy, request, run, asked))
    if run.rolls_back:
        _getting_well(tx, policy, request, run, seen)
    elif seen.verdict is Verdict.FAIL:
        fail_live(tx, policy, request, run, seen)
    elif tx.now >= phase.ends_at:
        _phase_ended(tx, policy, request, run, seen)
    else:
        _seen(tx, policy, request, run, seen)


def _all(
    tx: Transaction, policy: Policy, request: ChangeRequest, run: Run, asked: _Asked
) -> tuple[Finding, ...]:
    """Every check of the phase, in its order; and what fails a deployment whatever the policy has checked."""
    known = {finding.name: finding for finding in asked.findings}
    found = []
    for check in asked.phase.checks:
        if check == HEALTH:
            found.append(health(tx, policy, request, run))
        else:
            found.append(known.get(check) or monitor(tx, policy, request, run, check))
    return (*found, *(() if run.rolls_back else trouble(tx, policy, request, run)))


def _current(tx: Transaction, policy: Policy, request: ChangeRequest, run: Run) -> bool:
    """Whether it is still what runs there, and nothing newer was called since: only then it may be taken back (P15)."""
    if run.environment not in policy.environments or request.state is not RequestState.LIVE:
        return False
    if request.closing is not None and request.closing.code == rolled_back.ROLLED_BACK:
        return False
    for other in tx.requests.newest(limit=LOOKED_AT, service=run.service, environment=run.environment):
        calls = [each.called_at for each in tx.runs.of(other.id) if each.id != run.id]
        if any(at is not None and run.called_at is not None and at > run.called_at for at in calls):
            return False
    return runs_now(tx, request)


def _next_look(tx: Transaction, run: Run) -> None:
    phase = None if run.verification is None else run.verification.phase
    if phase is not None and run.state is RunState.SUCCEEDED:
        due = max(tx.now, min(tx.now + LOOK_EVERY, phase.ends_at))
        tx.schedule(Timer(kind=TIMER, subject=run.id, due_at=due))


def _seen(tx: Transaction, policy: Policy, request: ChangeRequest, run: Run, seen: Look) -> None:
    """Nothing fails, and the phase goes on. What is news is kept; the first doubt of a phase is told."""
    verification = run.verification
    if verification is not None and not seen.says_as(verification.look):
        doubted = verification.look is not None and verification.look.verdict is not Verdict.PASS
        run = replace(run, verification=replace(verification, look=seen))
        facts = {"verdict": seen.verdict.value, **told(seen.findings, percent=None)}
        tx.runs.put(run, Fact(type="run.looked", facts=facts))
        owing.card(tx, policy, request)
        if seen.verdict is not Verdict.PASS and not doubted:
            phase = verification.phase
            name: JsonValue = None if phase is None else phase.name
            key = f"doubted:{run.id}:{name}"
            if tx.remembered(key) is None:  # what flaps is told once a phase; the card says how it is
                tx.remember(key, True)
                owing.note(tx, policy, request, "phase-doubted", phase=name, **facts)
                owing.answer(tx, policy, request, "phase-doubted")
    _next_look(tx, run)


def _phase_ended(tx: Transaction, policy: Policy, request: ChangeRequest, run: Run, seen: Look) -> None:
    """A phase is over, by its last look; the next one begins, or the verification is done."""
    verification = run.verification
    phase = None if verification is None else verification.phase
    if verification is None or phase is None:
        return
    ended = (*verification.ended, EndedPhase(name=phase.name, at=tx.now, verdict=seen.verdict))
    left = verification.phases[len(ended) :]
    state = WatchState.WATCHED if left else _outcome([each.verdict for each in ended])
    after = replace(
        run, verification=replace(verification, ended=ended, look=None if left else seen, state=state)
    )
    facts = {"phase": phase.name, "verdict": seen.verdict.value, **told(seen.findings, percent=None)}
    tx.runs.put(after, Fact(type="run.phase-ended", facts=facts))
    following: dict[str, JsonValue] = {}
    if left:
        following = {"next": left[0].name, "until": left[0].ends_at.isoformat()}
    code = "phase-passed" if seen.verdict is Verdict.PASS else "phase-unsure"
    owing.card(tx, policy, request)
    owing.note(tx, policy, request, code, **facts, **following, **by_group(tx, policy, run.environment))
    if not left:
        owing.note(tx, policy, request, f"verification-{state.value}", phases=[each.name for each in ended])
    _next_look(tx, after)


def _outcome(verdicts: Sequence[Verdict]) -> WatchState:
    return WatchState.PASSED if all(each is Verdict.PASS for each in verdicts) else WatchState.UNSURE


def _over(
    tx: Transaction, policy: Policy, request: ChangeRequest, run: Run, verification: Verification
) -> None:
    """Another version runs there by now: nothing of this one is watched, or taken back, any more."""
    over = replace(run, verification=replace(verification, state=WatchState.OVER))
    tx.runs.put(over, Fact(type="run.verification-over"))
    if request.closing is None or request.closing.code != rolled_back.ROLLED_BACK:
        owing.note(tx, policy, request, "verification-over")
    owing.card(tx, policy, request)


def _getting_well(tx: Transaction, policy: Policy, request: ChangeRequest, run: Run, seen: Look) -> None:
    """What came back runs and is well, or has not got well in its time: then whoever is on call is told (P17)."""
    verification = run.verification
    phase = None if verification is None else verification.phase
    if verification is None or phase is None:
        return
    well = seen.verdict is Verdict.PASS
    if not well and tx.now < phase.ends_at:
        _next_look(tx, run)
        return
    ended = (EndedPhase(name=phase.name, at=tx.now, verdict=seen.verdict),)
    state = WatchState.PASSED if well else WatchState.UNSURE
    facts = {"verdict": seen.verdict.value, **told(seen.findings, percent=None)}
    after = replace(run, verification=replace(verification, ended=ended, look=seen, state=state))
    tx.runs.put(after, Fact(type="run.phase-ended", facts=facts))
    owing.card(tx, policy, request)
    code = "rollback-well" if well else "rollback-unwell"
    owing.note(tx, policy, request, code, **facts)
    if not well:
        away = request.rollback_target
        place: dict[str, JsonValue] = {
            "service": request.service, "environment": request.environment, "to": request.artifact.tag,
            "from": None if away is None else away.tag,
        }  # fmt: skip
        rolled_back.urgent(tx, policy, request, code, {**facts, **place})
