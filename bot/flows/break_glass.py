"""Break-glass: an emergency passes the gates that the policy lists, aloud, for some hours, and is reviewed (P13, P6).

Who must sit is `seats.seat_plan`; which closed gate counts as passed is `gates.bypass`; its use is `break_glass_used`,
what it owes afterwards `review`. Nothing starts before whoever is on call was told: `told` is called when that message
has really arrived.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from pydantic import JsonValue

from bot.domain.audit import Fact
from bot.domain.change_request import BrokenGlass, ChangeRequest, RequestState, Start
from bot.domain.deployment import Run, RunState
from bot.domain.owed import Delivery, Timer
from bot.domain.refusal import Refusal
from bot.domain.snapshot import Snapshot
from bot.flows import loud, owing
from bot.flows.on_duty import called
from bot.flows.roles import on_call
from bot.flows.rollouts import run_of
from bot.gates import calendar, ticket
from bot.policy import Policy
from bot.ports import Ledger, Transaction

KIND: Final = "break-glass"
"""The kind of its timers; their subjects are DEP-42/told and DEP-42/over."""
TELL_OTHERS: Final = timedelta(minutes=2)
"""So long the message to whoever is on call may take before the contacts are told instead."""
TICKET: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*[-#][0-9]+|[A-Z]{2,}[0-9]{3,}|#[0-9]+", re.ASCII)
"""What a ticket's key looks like, where the policy's ticket gate gives no form of its own: INC-7, INC0012345, #7."""
_CONTACTS: Final = ("escalation", "backup", "primary")


@dataclass(frozen=True, slots=True)
class Glass:
    """What somebody who asks for an emergency may break: a glass with all that it demands."""

    ticket: str
    reason: str


def asked_for(
    policy: Policy,
    environment: str,
    *,
    emergency: str | None,
    reason: str | None,
    start: Start,
    now: datetime,
) -> Glass | None:
    """What `emergency=` breaks there; None where nothing is an emergency, or the policy has no break-glass for it:
    then it is a kind of request, and every gate holds it as any other.

    Raises Refusal `glass-no-reason`, `glass-bad-ticket`, or `glass-too-late` for a start that comes after its end.
    """
    section = policy.environments[environment].break_glass
    if emergency is None or section is None:
        return None
    if reason is None:
        raise Refusal("glass-no-reason", {"environment": environment})
    form = ticket_form(policy, environment)
    if "incident-ticket" in section.requires and form.fullmatch(emergency) is None:
        said = None if form is TICKET else form.pattern
        raise Refusal("glass-bad-ticket", {"name": emergency, "pattern": said})
    if start.at is not None and start.at >= now + section.expires:
        facts: dict[str, JsonValue] = {
            "at": start.at.isoformat(),
            "until": (now + section.expires).isoformat(),
        }
        raise Refusal("glass-too-late", facts)
    return Glass(emergency, reason)


def ticket_form(policy: Policy, environment: str) -> re.Pattern[str]:
    """The form that the policy gives incidents in its ticket gate, else what any ticket's key looks like."""
    gate = policy.environments[environment].gates.get(ticket.NAME)
    if isinstance(gate, ticket.Parameters) and gate.emergency_pattern is not None:
        return re.compile(gate.emergency_pattern)
    return TICKET


def with_glass(tx: Transaction, policy: Policy, request: ChangeRequest, glass: Glass | None) -> ChangeRequest:
    """The new request with its glass broken, which lives no longer than that; as it is where there is none."""
    section = policy.environments[request.environment].break_glass
    if glass is None or section is None:
        return request
    ends = tx.now + section.expires
    return replace(
        request,
        expires_at=min(request.expires_at, ends),
        break_glass=BrokenGlass(
            by=request.requester,
            at=tx.now,
            ticket=glass.ticket,
            reason=glass.reason,
            bypasses=section.bypasses,
            requires=section.requires,
            expires_at=ends,
            told=on_duty(called(tx, policy), tx.now),
        ),
    )


def tell_broken(tx: Transaction, policy: Policy, request: ChangeRequest) -> None:
    """What is owed the moment it is broken: the entry, the channels, whoever is on call, and the timers. With an empty
    rotation the contacts are told instead, and the messages say that nobody is on call."""
    glass = request.break_glass
    if glass is None:
        return
    instead = () if glass.told else contacts(policy)
    facts: dict[str, JsonValue] = {
        "ticket": glass.ticket, "reason": glass.reason, "bypasses": [*glass.bypasses],
        "expires_at": glass.expires_at.isoformat(), "on_call": [*glass.told], "instead": [*instead],
    }  # fmt: skip
    fact = Fact(type="break-glass.broken", by=glass.by, facts=facts)
    tx.trail.record(fact, subject=f"request/{request.id}")
    said: dict[str, JsonValue] = {"instead": [*instead]}
    loud.everywhere(tx, policy, request, "broken", said, notifies=True)
    for person in glass.told or instead:
        loud.person(tx, policy, person, request, "on-call", {**said, loud.NOTIFIES: True})
    tx.schedule(Timer(kind=KIND, subject=f"{request.id}/told", due_at=tx.now + TELL_OTHERS))
    tx.schedule(Timer(kind=KIND, subject=f"{request.id}/over", due_at=glass.expires_at))


def on_duty(policy: Policy, now: datetime) -> tuple[str, ...]:
    """Who is on call: in every rotation that the escalation names, or in all where it names none. A rotation that
    another system holds names nobody here."""
    named = [target.on_call for step in policy.escalation for target in step.notify if target.on_call]
    found = (on_call(policy, rotation, now) for rotation in named or policy.on_call)
    return tuple(dict.fromkeys(person for person in found if person is not None))


def contacts(policy: Policy) -> tuple[str, ...]:
    """Whom to tell where nobody on call can be (C10): the contact for escalations, else the next that there is."""
    return tuple(policy.contacts[name] for name in _CONTACTS if name in policy.contacts)[:1]


async def told(ledger: Ledger, delivery: Delivery) -> None:
    """A message that tells whoever is on call has arrived: from now on the request may start. Only the first counts."""
    if delivery.facts.get(loud.NOTIFIES) is not True:
        return

    def step(tx: Transaction) -> None:
        request = tx.requests.get(delivery.subject, lock=True)
        if request is None or request.break_glass is None or request.break_glass.told_at is not None:
            return
        glass = replace(request.break_glass, told_at=tx.now)
        facts: dict[str, JsonValue] = {"on_call": [*glass.told], "by": delivery.destination}
        tx.requests.put(replace(request, break_glass=glass), Fact(type="break-glass.told", facts=facts))
        tx.unschedule(KIND, f"{request.id}/told")
        if _waits(request):
            owing.evaluate_at(tx, request, tx.now)

    await ledger.write(step)


async def fire(ledger: Ledger, policy: Policy, subject: str) -> None:
    """One of its timers: nobody was reached in time, or its hours are over."""
    request_id, _, moment = subject.rpartition("/")

    def step(tx: Transaction) -> None:
        request = tx.requests.get(request_id, lock=True)
        if request is None or request.break_glass is None:
            return
        if moment == "told":
            _tell_others(tx, policy, request, request.break_glass)
        elif tx.now >= request.break_glass.expires_at:
            _over(tx, policy, request, request.break_glass)

    await ledger.write(step)


def _tell_others(tx: Transaction, policy: Policy, request: ChangeRequest, glass: BrokenGlass) -> None:
    """The message has not arrived: the contacts are told as well, and the requester, that nothing starts until then."""
    if glass.told_at is not None or not _waits(request):
        return
    for person in contacts(policy):
        loud.person(
            tx, policy, person, request, "on-call", {"instead": [*contacts(policy)], loud.NOTIFIES: True}
        )
    loud.person(tx, policy, request.requester.person, request, "not-told", {"on_call": [*glass.told]})


def _over(tx: Transaction, policy: Policy, request: ChangeRequest, glass: BrokenGlass) -> None:
    """Its hours are over. Unused, that is told as loudly as it was broken; a run that nothing was called of ends."""
    key = f"break-glass:{request.id}:over"
    if tx.remembered(key) is not None:
        return
    tx.remember(key, True)
    used = glass.used_at is not None
    facts: dict[str, JsonValue] = {"used": used, "state": request.state.value}
    tx.trail.record(Fact(type="break-glass.expired", facts=facts), subject=f"request/{request.id}")
    if not used:
        loud.everywhere(tx, policy, request, "expired", facts)
    if _waits(request):
        owing.evaluate_at(tx, request, tx.now)  # which closes it
    run = run_of(tx, request)
    if run is not None and run.waits and lapsed(request, run, tx.now):
        tx.schedule(Timer(kind="run", subject=run.id, due_at=tx.now))


def _waits(request: ChangeRequest) -> bool:
    return request.is_open and request.state is not RequestState.STARTING


# What decides


def as_the_policy_says(policy: Policy, snapshot: Snapshot) -> Snapshot:
    """The facts with no more bypassed than the policy in force still lists: what it took back closes again."""
    request = snapshot.request
    if request.break_glass is None:
        return snapshot
    glass = replace(request.break_glass, bypasses=_bypasses(policy, request))
    return replace(snapshot, request=replace(request, break_glass=glass))


def _bypasses(policy: Policy, request: ChangeRequest) -> tuple[str, ...]:
    environment = policy.environments.get(request.environment)
    section = None if environment is None else environment.break_glass
    if request.break_glass is None or section is None:
        return ()
    return tuple(gate for gate in request.break_glass.bypasses if gate in section.bypasses)


def passes_freezes(policy: Policy, request: ChangeRequest, run: Run, now: datetime) -> bool:
    """Whether its rollout may pass a freeze that permits break-glass. What was called in time may finish afterwards:
    half a rollout helps nobody; a freeze that does not permit it holds its next step all the same."""
    glass = request.break_glass
    if glass is None or calendar.NAME not in _bypasses(policy, request):
        return False
    return now < glass.expires_at or run.called_at is not None


def lapsed(request: ChangeRequest, run: Run, now: datetime) -> bool:
    """Whether it was to start by a bypass, nothing was called in time, and its glass is over: it may not begin now."""
    glass = request.break_glass
    uncalled = run.state is RunState.INTENDED and run.called_at is None
    return glass is not None and glass.used_at is not None and uncalled and now >= glass.expires_at
