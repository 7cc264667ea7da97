"""Hold and resume: anybody may say stop, for nothing starts or goes on by it; to say "go on" takes a right (P6)."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from pydantic import JsonValue

from bot.domain.audit import Fact
from bot.domain.change_request import Actor, ChangeRequest, Hold, RequestState
from bot.domain.deployment import WHOLE, Run, RunState
from bot.domain.owed import Timer
from bot.domain.refusal import Refusal
from bot.flows import owing
from bot.flows.asking import Asker, bounded_reason, known_request
from bot.flows.authority import Asked, Authority, asked_at_a_press
from bot.flows.authorship import Known
from bot.flows.count import may_fill_a_seat, not_an_author
from bot.flows.link import known_person
from bot.flows.living_calendar import prepare
from bot.flows.on_duty import rostered
from bot.flows.rollout_step import frozen_by
from bot.flows.rollouts import run_of
from bot.flows.run_end import way_back
from bot.flows.seats import seats_of
from bot.policy import Policy
from bot.ports import Ledger, Transaction


@dataclass(frozen=True, slots=True)
class Standing:
    """A request and its newest run, as they stand after somebody held or resumed it."""

    request: ChangeRequest
    run: Run | None


async def hold(
    ledger: Ledger, policy: Policy, asker: Asker, request_id: str, reason: str | None, *, key: str
) -> Standing:
    """Stop a request before its start, or its rollout before the next call. No second factor, no role: it is safe.

    Raises Refusal `over-already`, `held-already`, or `call-under-way` where nothing of it is still to come.
    """
    actor = asker.actor(policy)

    def step(tx: Transaction) -> Standing:
        request = known_request(tx, request_id)
        run = run_of(tx, request)
        if tx.remembered(key) is not None:
            return Standing(request, run)
        _holdable(request, run)
        held = replace(request, held=Hold(by=actor, at=tx.now, reason=bounded_reason(reason)))
        tx.remember(key, request.id)
        tx.requests.put(held, Fact(type="request.held", by=actor, facts=_percent(run)))
        _tell(tx, policy, held, run, "held", actor, reason)
        return Standing(held, run)

    return await ledger.write(step)


def _holdable(request: ChangeRequest, run: Run | None) -> None:
    if not request.is_open:
        raise Refusal("over-already", {"request": request.id, "state": request.state.value})
    if request.held is not None:
        facts: dict[str, JsonValue] = {
            "request": request.id, "by": request.held.by.person, "at": request.held.at.isoformat(),
        }  # fmt: skip
        raise Refusal("held-already", facts)
    if run is not None and run.state is RunState.CALLING and run.aim == WHOLE:
        facts = {"request": request.id, "stepped": run.plan.stepped, "command": way_back(request)}
        raise Refusal("call-under-way", facts)


async def resume(
    ledger: Ledger,
    policy: Policy,
    asker: Asker,
    request_id: str,
    reason: str | None,
    *,
    key: str,
    authority: Authority | None = None,
) -> Standing:
    """Let it go on: lift what a person held, and say go on where figures warn, fail or are not known.

    It lifts what the asker may lift and leaves the rest; a freeze is never lifted here. Raises Refusal `over-already`,
    `not-held`, `frozen`, `not-yours-to-resume`, or why the asker may not judge a step. The live sources of roles are
    asked about the asker first, by `authority`.
    """
    actor = asker.actor(policy)
    asked = await asked_at_a_press(ledger, authority, policy, request_id, actor.person)
    there = await ledger.read(lambda tx: tx.requests.get(request_id))
    if there is not None:  # whoever may not resume is told what freezes it
        await prepare(ledger, policy, there.environment, there.service)

    def step(tx: Transaction) -> Standing:
        request = known_request(tx, request_id)
        run = run_of(tx, request)
        if tx.remembered(key) is not None:
            return Standing(request, run)
        known_person(tx, policy, asker)
        why = bounded_reason(reason)
        lifts, confirms = _may(tx, policy, request, run, actor, asked)
        tx.remember(key, request.id)
        facts: dict[str, JsonValue] = {**_percent(run), "reason": why, "hold": lifts, "no-analysis": confirms}
        if lifts:
            request = replace(request, held=None)
            tx.requests.put(request, Fact(type="request.resumed", by=actor, facts=facts))
        if confirms and run is not None:
            run = replace(run, confirmed=run.reached)
            tx.runs.put(run, Fact(type="run.resumed", by=actor, facts=facts))
        _tell(tx, policy, request, run, "resumed", actor, why)
        _look_now(tx, request, run)
        return Standing(request, run)

    return await ledger.write(step)


def _may(
    tx: Transaction, policy: Policy, request: ChangeRequest, run: Run | None, actor: Actor, asked: Asked
) -> tuple[bool, bool]:
    """Whether the asker lifts the person's hold, and whether they confirm the step. Raises Refusal for neither."""
    if not request.is_open:
        raise Refusal("over-already", {"request": request.id, "state": request.state.value})
    unconfirmed = run is not None and run.unconfirmed
    if request.held is None and not unconfirmed:
        raise _nothing_to_resume(tx, policy, request, run)
    refusals: list[Refusal] = []

    def allowed(check: Callable[[], None]) -> bool:
        try:
            check()
        except Refusal as refusal:
            refusals.append(refusal)
            return False
        return True

    lifts = request.held is not None and allowed(lambda: _may_lift(tx, policy, request, actor, asked))
    confirms = unconfirmed and allowed(lambda: _may_judge(tx, policy, request, actor, asked))
    if request.held is not None and not lifts:  # what a person holds is held, whoever may judge its step
        raise refusals[0]
    if not lifts and not confirms:
        raise refusals[-1]
    return lifts, confirms


def _may_lift(tx: Transaction, policy: Policy, request: ChangeRequest, actor: Actor, asked: Asked) -> None:
    """Whoever held it, the requester, or whoever may fill a seat there."""
    held = request.held
    if held is None or actor.person in (held.by.person, request.requester.person):
        return
    try:
        may_fill_a_seat(rostered(tx, policy), request, actor.person or "", tx.now, asked.answers)
    except Refusal as refusal:
        if refusal.code == "not-answered":
            raise
        facts: dict[str, JsonValue] = {
            "request": request.id, "by": held.by.person, "requester": request.requester.person,
        }  # fmt: skip
        raise Refusal("not-yours-to-resume", facts) from refusal


def _may_judge(tx: Transaction, policy: Policy, request: ChangeRequest, actor: Actor, asked: Asked) -> None:
    """Judging a step takes what approving takes: a seat, and neither the requester nor an author of the change.

    Where the policy has no seats, nobody's approval was asked for either: anybody but the requester can.
    """
    person = actor.person or ""
    if person == request.requester.person:
        raise Refusal("own-step", {"request": request.id})
    if request.environment in policy.environments and not seats_of(policy, request.environment):
        return
    may_fill_a_seat(rostered(tx, policy), request, person, tx.now, asked.answers)
    evidence = tx.evidence.about(request.service, artifact=request.artifact.tag)
    known = Known(links=tx.identities.of(person), authors=asked.authors, problem=asked.authors_problem)
    not_an_author(policy, request, person, evidence, known)


def _nothing_to_resume(tx: Transaction, policy: Policy, request: ChangeRequest, run: Run | None) -> Refusal:
    """No person holds it. Where a freeze does: which one, and who may lift it."""
    frozen = frozen_by(tx, policy, request, run) if run is not None and run.waits else ()
    if not frozen:
        return Refusal("not-held", {"request": request.id, "state": request.state.value})
    first = frozen[0]
    declared = tx.freezes.get(first.rule)
    roles = policy.calendar_section.may_lift
    return Refusal(
        "frozen",
        {
            "request": request.id,
            "rule": first.rule,
            "until": None if first.until is None else first.until.isoformat(),
            "declared": declared is not None,
            "by": None if declared is None else declared.declared_by.person,
            "roles": None if roles is None else [*roles],
        },
    )


def _look_now(tx: Transaction, request: ChangeRequest, run: Run | None) -> None:
    """What may go on is looked at at once: by the gates before the start, by the rollout's own timer after it."""
    if request.state is not RequestState.STARTING:
        owing.evaluate_at(tx, request, tx.now)
    elif run is not None and run.waits:
        tx.schedule(Timer(kind="run", subject=run.id, due_at=tx.now))


def _tell(
    tx: Transaction,
    policy: Policy,
    request: ChangeRequest,
    run: Run | None,
    code: str,
    actor: Actor,
    reason: str | None,
) -> None:
    if actor.person != request.requester.person:
        owing.answer(tx, policy, request, code)
    if request.state is not RequestState.EVALUATING:  # before that it has no message yet
        owing.card(tx, policy, request)
        owing.note(
            tx, policy, request, code, person=actor.person, reason=bounded_reason(reason), **_percent(run)
        )


def _percent(run: Run | None) -> dict[str, JsonValue]:
    """How far the traffic is, where it goes in steps."""
    return {"percent": run.reached} if run is not None and run.plan.stepped else {}
