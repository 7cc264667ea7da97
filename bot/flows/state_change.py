"""Change the state of the project by an approved change (K1): asked for, judged and approved as any other, and in
effect by itself with the last approval: no deployer is called, nothing is left to run."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from pydantic import JsonValue

from bot.domain.approval import ApprovalState
from bot.domain.artifact import Artifact
from bot.domain.audit import Fact
from bot.domain.change_request import ChangeRequest, Closing, Kind, RequestState, Start
from bot.domain.refusal import Refusal
from bot.flows import owing
from bot.flows.access import may_request
from bot.flows.asking import Asker, bounded_reason, known, plain_text
from bot.flows.link import known_person
from bot.flows.on_duty import rostered
from bot.flows.project_state import ProjectState, enter_by, project_state
from bot.flows.reload_policy import in_force, judge_anew
from bot.flows.state_rules import NOBODY_APPROVES, asked_digest
from bot.policy import Policy
from bot.policy.state_change import PROJECT
from bot.policy.states import STATES, named
from bot.ports import Ledger, Transaction

ENTERED: Final = "state-entered"
"""The closing's code of a change that took effect."""
_LONGEST_TICKET: Final = 64
_PATIENCE: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What `/deploy state STATE` says, taken apart but not yet believed. `key` is Slack's id of the command."""

    asker: Asker
    key: str
    state: str
    reason: str | None
    ticket: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The state that holds, and what was asked for and may still change it."""

    now: ProjectState | None
    state: str
    by_approval: bool
    """Whether it changes by an approved change; otherwise the policy file says it."""
    brought_by: ChangeRequest | None = None
    asked: tuple[ChangeRequest, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The request that now exists; `repeated`: it existed already, Slack sent the same command again."""

    request: ChangeRequest
    gates: int
    repeated: bool


async def standing(ledger: Ledger, policy: Policy) -> Standing:
    """Which state the project is in, since when and by whom, and which change of it is asked for."""

    def query(tx: Transaction) -> Standing:
        now = project_state(tx)
        brought = None if now is None or now.request is None else tx.requests.get(now.request)
        return Standing(
            now=now,
            state=policy.state if now is None else now.state,
            by_approval=policy.state_change is not None,
            brought_by=brought,
            asked=tuple(r for r in tx.requests.open(service=PROJECT) if r.kind is Kind.CONFIGURATION),
        )

    return await ledger.read(query)


async def ask_for_state(ledger: Ledger, policy: Policy, wanted: Wanted) -> Asked:
    """Write the request, its audit entry and the timer "evaluate now" in one transaction.

    Raises Refusal: `no-state-change`, `unknown-state`, `in-that-state`, `already-asked`, `no-reason`, `policy-moved`, or
    what is refused of any request.
    """
    section = policy.state_change
    if section is None:
        raise Refusal(NOBODY_APPROVES, {"state": policy.state})
    actor = wanted.asker.actor(policy)
    state = known("state", wanted.state, STATES)
    reason, ticket = bounded_reason(wanted.reason, required=True), _ticket(wanted.ticket)
    gates = len(section.gates)

    def step(tx: Transaction) -> Asked:
        seen = tx.remembered(wanted.key)
        if isinstance(seen, str) and (there := tx.requests.get(seen)) is not None:
            return Asked(request=there, gates=gates, repeated=True)
        known_person(tx, policy, wanted.asker)
        if not in_force(tx, policy):
            raise Refusal("policy-moved")
        number = tx.requests.next_number()  # its lock makes whoever asks for the same at once see this one
        _still_to_change(tx, state)
        request = ChangeRequest(
            id=f"DEP-{number}",
            number=number,
            kind=Kind.CONFIGURATION,
            service=PROJECT,
            environment=section.environment,
            artifact=Artifact(state, asked_digest(tx, policy, state)),
            requester=actor,
            requested_at=tx.now,
            expires_at=tx.now + section.approval.expires,
            evidence_deadline=tx.now + _PATIENCE,
            ticket=ticket,
            reason=reason,
            start=Start(
                mode="next"
            ),  # nobody has to press a button once it is approved and every gate passes
        )
        may_request(rostered(tx, policy), actor.person or "", request, tx.now, benefit=True)
        tx.requests.put(request, Fact(type="request.submitted", by=actor))
        tx.put_place(request.id, "reply", wanted.asker.reply)
        tx.remember(wanted.key, request.id)
        owing.evaluate_at(tx, request, tx.now)
        return Asked(request=request, gates=gates, repeated=False)

    return await ledger.write(step)


def _still_to_change(tx: Transaction, state: str) -> None:
    """Raises Refusal where the project is in that state, or somebody asked for it."""
    now = project_state(tx)
    if now is not None and now.state == state:
        raise Refusal(
            "in-that-state",
            {"state": state, "since": now.since.isoformat(), "request": now.request, "by": now.by},
        )
    for other in tx.requests.open(service=PROJECT, artifact=state):
        facts: dict[str, JsonValue] = {"request": other.id, "by": other.requester.person}
        raise Refusal("already-asked", facts | {"state": other.state.value})


def _ticket(text: str | None) -> str | None:
    kept = plain_text(text)
    if len(kept) > _LONGEST_TICKET:
        raise Refusal("too-long", {"field": "ticket", "length": len(kept), "limit": _LONGEST_TICKET})
    return kept or None


def take_effect(tx: Transaction, policy: Policy, request: ChangeRequest) -> None:
    """Every seat is filled and every gate passes: the project enters the state. Its rules are in force from here on, it
    is recorded and announced, and every open request is judged anew by them; one transaction."""
    state, by = named(request.artifact.tag), request.asked_to_start or request.requester
    if state is None:
        raise ValueError(f"{request.id} asks for no state: {request.artifact.tag}")
    signed: list[JsonValue] = [
        {"person": a.person, "roles": [*a.roles], "method": a.factor.method, "at": a.signed_at.isoformat()}
        for a in tx.approvals.of(request.id)
        if a.state is ApprovalState.COUNTED and a.revision == request.revision
    ]
    facts: dict[str, JsonValue] = {"fingerprint": request.fingerprint, "approved_by": signed}
    starting = replace(request, state=RequestState.STARTING, approved_at=request.approved_at or tx.now)
    tx.requests.put(starting, Fact(type="request.starting", by=by, facts=facts))
    entered = enter_by(tx, policy, state, starting)
    closing = Closing(code=ENTERED, by=request.requester, at=tx.now)
    live = replace(starting, state=RequestState.LIVE, closing=closing, asked_to_start=None)
    tx.requests.put(live, Fact(type="request.live", by=by, facts={"state": state, "policy": entered.digest}))
    tx.unschedule("evaluate", live.id)
    tx.unschedule("remind", live.id)
    owing.card(tx, entered, live)
    owing.note(tx, entered, live, ENTERED, state=state)
    owing.answer(tx, entered, live, live.state.value)
    judge_anew(tx, entered)
