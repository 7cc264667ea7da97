"""The steps of a rollout: what holds the next one, when it goes, and what is written when one is reached (F5, P6)."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from pydantic import JsonValue

from bot.domain.audit import Fact
from bot.domain.calendar import ActiveRule, CalendarVerdict
from bot.domain.change_request import ChangeRequest, Kind
from bot.domain.deployment import ONE_CALL, Frozen, Plan, Run, RunState
from bot.domain.owed import Timer
from bot.domain.verification import Look
from bot.flows import break_glass, break_glass_used, owing
from bot.flows.freezes import unfrozen
from bot.flows.living_calendar import living
from bot.flows.make_way import wake_rollbacks
from bot.flows.rollouts import lapse
from bot.flows.run_end import way_back
from bot.flows.step_analysis import LOOK_EVERY, weighed
from bot.policy import Policy
from bot.ports import Transaction

PATROL: Final = timedelta(minutes=15)
"""How often a held rollout looks by itself: a feed or a reloaded policy may have ended what holds it, unheard."""


def plan_of(policy: Policy, request: ChangeRequest) -> Plan:
    """The steps that the environment wants, where the service's deployer can shift traffic; else the one call. Going
    back is one call: nobody watches a version that ran before at a quarter of the traffic."""
    if request.kind is Kind.ROLLBACK:
        return ONE_CALL
    deployer = policy.services[request.service].deployer
    rollout = policy.environments[request.environment].rollout
    if deployer is None or deployer.command is None or deployer.command.shift is None:
        return ONE_CALL
    if len(rollout.steps) == 1:
        return ONE_CALL
    return Plan(steps=rollout.steps, dwell=rollout.hold or timedelta(0), analysed=bool(rollout.analysis))


def next_call(
    tx: Transaction, policy: Policy, run_id: str, *, deployable: bool, look: Look | None = None
) -> Run | None:
    """The run with the intent of its next call written; None where something holds it, it is too early for it, or what
    was measured at its step (`look`) ends it.

    Where nobody could make the call (`deployable`), the run comes back as it stands and nothing is intended.
    """
    run = tx.runs.get(run_id, lock=True)
    request = None if run is None else tx.requests.get(run.request, lock=True)
    if run is None or request is None or not run.waits:
        return None
    if break_glass.lapsed(request, run, tx.now):
        lapse(tx, policy, request, run)
        return None
    weighed_run = weighed(tx, policy, request, noticed(tx, policy, request, run), look)
    if weighed_run is None:
        _look_again_if_held(tx, run_id)
        return None
    run = weighed_run
    request = tx.requests.get(run.request) or request
    early = run.next_at is not None and tx.now < run.next_at
    if early or run.frozen or run.unconfirmed or request.held is not None:
        look_again(tx, request, run)
        return None
    if not deployable:
        return run
    request = break_glass_used.used_at_step(tx, policy, request, run, _passed(tx, policy, request, run))
    calling = replace(
        run, state=RunState.CALLING, called_at=tx.now, began_at=run.began_at or tx.now, next_at=None
    )
    facts: dict[str, JsonValue] = {"percent": run.aim} if run.plan.stepped else {}
    tx.runs.put(calling, Fact(type="run.calling", facts=facts))
    if run.reached:
        owing.card(tx, policy, request)
    return calling


def reached(tx: Transaction, policy: Policy, called: Run) -> None:
    """A step was reached, and it is not the last one: `called` is the run with that call's code and digest."""
    request = tx.requests.get(called.request, lock=True)
    if request is None:
        return
    percent = called.aim
    run = replace(called, state=RunState.BETWEEN, reached=percent, next_at=tx.now + called.plan.dwell)
    facts: dict[str, JsonValue] = {"percent": percent, "code": run.code, "unconfirmed": run.unconfirmed}
    tx.runs.put(run, Fact(type="run.stepped", facts=facts))
    owing.card(tx, policy, request)
    due = None if run.next_at is None else run.next_at.isoformat()
    told: dict[str, JsonValue] = {"run": run.id, "percent": percent, "next": run.aim, "next_at": due}
    owing.note(tx, policy, request, "stepped", **told, **({"analysed": True} if run.unconfirmed else {}))
    look_again(tx, request, noticed(tx, policy, request, run))
    wake_rollbacks(tx, request)


def noticed(tx: Transaction, policy: Policy, request: ChangeRequest, run: Run) -> Run:
    """The run with what the calendar holds it by at this moment. Each begin and each end is recorded and told once."""
    found = frozen_by(tx, policy, request, run)
    if found == run.frozen:
        return run
    before, after = {f.rule for f in run.frozen}, {f.rule for f in found}
    begun, ended = [f for f in found if f.rule not in before], sorted(before - after)
    moved = "run.held" if begun else "run.released" if ended else "run.hold-changed"
    facts: dict[str, JsonValue] = {
        "percent": run.reached, "begun": [f.rule for f in begun], "ended": [*ended], "by": [*sorted(after)],
    }  # fmt: skip
    seen = replace(run, frozen=found)
    tx.runs.put(seen, Fact(type=moved, facts=facts))
    owing.card(tx, policy, request)
    for freeze in begun:
        _tell_begin(tx, policy, request, seen, freeze)
    if ended:
        owing.note(tx, policy, request, "thawed", percent=run.reached, ended=[*ended], by=[*sorted(after)])
    if bool(found) != bool(run.frozen):
        owing.answer(tx, policy, request, "frozen" if found else "thawed")
    return seen


def frozen_by(tx: Transaction, policy: Policy, request: ChangeRequest, run: Run) -> tuple[Frozen, ...]:
    """The rules in force that hold what is under way: hard freezes, never a window that closed or a source that went
    stale; never for a rollback, nor where the environment does not ask the calendar (P6). Break-glass passes them where
    every active prohibition permits it (P13)."""
    if request.kind is Kind.ROLLBACK or unfrozen(policy, [run.environment]):
        return ()
    verdict = _verdict(tx, policy, run)
    if verdict.break_glass and break_glass.passes_freezes(policy, request, run, tx.now):
        return ()
    known = {f.rule: f for f in run.frozen}
    found = {}
    for rule in _holding(verdict):
        since = known[rule.name].since if rule.name in known else tx.now
        found[rule.name] = Frozen(
            rule=rule.name,
            since=since,
            until=rule.until,
            reason=rule.reason,
            declared=tx.freezes.get(rule.name) is not None,
        )
    return tuple(found[name] for name in sorted(found))


def _passed(tx: Transaction, policy: Policy, request: ChangeRequest, run: Run) -> tuple[ActiveRule, ...]:
    """The freezes that a broken glass passes at this call (P13); none where they hold nothing anyway."""
    if request.break_glass is None or request.kind is Kind.ROLLBACK or unfrozen(policy, [run.environment]):
        return ()
    return _holding(_verdict(tx, policy, run))


def _verdict(tx: Transaction, policy: Policy, run: Run) -> CalendarVerdict:
    return living(tx, policy).calendar.at(tx.now, environment=run.environment, service=run.service)


def _holding(verdict: CalendarVerdict) -> tuple[ActiveRule, ...]:
    return tuple(rule for rule in verdict.rules if rule.holds)


def look_again(tx: Transaction, request: ChangeRequest, run: Run) -> None:
    """Set the timer for the next instant at which the run might go on by itself, or fail; a person's hold has none of
    its own."""
    instants = []
    if run.unconfirmed:
        watched = run.next_at is not None and run.next_at > tx.now
        instants.append(
            min(run.next_at, tx.now + LOOK_EVERY) if watched and run.next_at else tx.now + LOOK_EVERY
        )
    if run.frozen:
        instants += [tx.now + PATROL, *(f.until for f in run.frozen if f.until is not None)]
    elif request.held is None and not run.unconfirmed:
        instants.append(run.next_at or tx.now)
    if instants:
        tx.schedule(Timer(kind="run", subject=run.id, due_at=max(min(instants), tx.now)))


def _look_again_if_held(tx: Transaction, run_id: str) -> None:
    """What failed and was not taken back stands where it is, and is looked at as before."""
    run = tx.runs.get(run_id)
    request = None if run is None else tx.requests.get(run.request)
    if run is not None and request is not None and run.waits:
        look_again(tx, request, run)


def _tell_begin(tx: Transaction, policy: Policy, request: ChangeRequest, run: Run, freeze: Frozen) -> None:
    owing.note(
        tx,
        policy,
        request,
        "frozen",
        percent=run.reached,
        rule=freeze.rule,
        reason=freeze.reason,
        since=freeze.since.isoformat(),
        until=None if freeze.until is None else freeze.until.isoformat(),
        declared=freeze.declared,
        command=way_back(request),
    )
