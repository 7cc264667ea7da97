"""Declare a freeze and lift one: by role, durable in one transaction, audited, announced, and effective at once (P6)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from pydantic import JsonValue

from bot.domain.audit import Fact
from bot.domain.authority import NOT_ASKED, Answers
from bot.domain.calendar import HORIZON
from bot.domain.change_request import Actor
from bot.domain.freeze import Freeze, FreezeClass, FreezeState
from bot.domain.refusal import Refusal
from bot.flows.asking import Asker, bounded_reason, known
from bot.flows.authority import Authority, about_at_a_press
from bot.flows.freeze_moments import announce, begun, drop_timers, fire, reconsider, set_timers
from bot.flows.freeze_roles import may_declare, may_lift
from bot.flows.freezes import Frozen, declared, known_freeze, unfrozen
from bot.flows.link import known_person
from bot.flows.on_duty import rostered
from bot.policy import Policy
from bot.ports import Ledger, Transaction

__all__ = ["BEHIND", "LONGEST", "Declaration", "declarable", "declare", "fire", "lift", "liftable"]

BEHIND: Final = timedelta(minutes=5)
"""How far back a beginning may lie and still mean "now": forms take a while to fill in."""
LONGEST: Final = HORIZON
"""An end further away is none that the calendar could tell: whoever means that leaves it out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What `/deploy freeze` says, not yet believed. Environments and services empty stand for all of them."""

    environments: Sequence[str] = ()
    services: Sequence[str] = ()
    strength: FreezeClass = FreezeClass.HARD
    reason: str | None = None
    begins_at: datetime | None = None  # None: now
    ends_at: datetime | None = None  # None: until it is lifted
    break_glass: bool = False


async def declarable(ledger: Ledger, policy: Policy, asker: Asker) -> None:
    """Raise Refusal for somebody who may not declare a freeze, before they fill in the form."""
    await ledger.read(
        lambda tx: may_declare(rostered(tx, policy), known_person(tx, policy, asker).person or "", tx.now)
    )


async def declare(ledger: Ledger, policy: Policy, asker: Asker, wanted: Declaration, *, key: str) -> Freeze:
    """Write the freeze, its audit entry, its timers and its announcement; requests in its scope are judged again.

    Raises Refusal `unknown-person`, `may-not-freeze`, `unknown-environment`, `unknown-service`, `no-reason`,
    `reason-too-long`, `frozen-already`, `freeze-not-asked`, or one of the `freeze-begins-…` and `freeze-ends-…` codes.
    """

    def step(tx: Transaction) -> Freeze:
        seen = tx.remembered(key)
        if isinstance(seen, str) and (there := tx.freezes.get(seen)) is not None:
            return there
        actor = known_person(tx, policy, asker)
        may_declare(rostered(tx, policy), actor.person or "", tx.now)
        number = tx.freezes.next_number()  # its lock makes whoever declares the same at once see this one
        freeze = _believed(policy, actor, wanted, f"FRZ-{number}", tx.now)
        for other in tx.freezes.since(tx.now):
            if freeze.repeats(other):
                raise Refusal("frozen-already", {"freeze": other.id, "by": other.declared_by.person})
        tx.freezes.put(freeze, Fact(type="freeze.declared", by=actor))
        tx.remember(key, freeze.id)
        _declared(tx, policy, declared(freeze))
        return freeze

    return await ledger.write(step)


def _declared(tx: Transaction, policy: Policy, frozen: Frozen) -> None:
    """Told once now, whether it begins now or later, and set to be told at its moments."""
    active = frozen.state(tx.now) is FreezeState.ACTIVE
    if active:
        begun(tx, frozen)
    announce(tx, policy, frozen, "begun" if active else "declared")
    set_timers(tx, frozen)
    reconsider(tx, frozen)


def _believed(policy: Policy, actor: Actor, wanted: Declaration, freeze_id: str, now: datetime) -> Freeze:
    environments = _named("environment", wanted.environments, list(policy.environments))
    services = _named("service", wanted.services, list(policy.services))
    _reaches(policy, environments)
    begins_at = _beginning(wanted.begins_at, now)
    _end_fits(begins_at, wanted.ends_at, now)
    return Freeze(
        id=freeze_id,
        environments=environments,
        services=services,
        strength=wanted.strength,
        reason=bounded_reason(wanted.reason, required=True) or "",
        begins_at=begins_at,
        ends_at=wanted.ends_at,
        break_glass=wanted.break_glass,
        declared_by=actor,
        declared_at=now,
    )


def _reaches(policy: Policy, environments: Sequence[str]) -> None:
    """Raise Refusal for a freeze that would stop nothing: its environments do not ask the calendar.

    Named ones must all ask it; where none is named, one that does is enough, and the announcement names the others.
    """
    unreached = unfrozen(policy, environments)
    if unreached and (environments or len(unreached) == len(policy.environments)):
        raise Refusal("freeze-not-asked", {"environments": [*unreached]})


def _named(kind: str, names: Sequence[str], there: list[str]) -> tuple[str, ...]:
    """Each name once, in the policy's order. Raises Refusal for one that the policy does not have."""
    wanted = {known(kind, name, there) for name in names}
    return tuple(name for name in there if name in wanted)


def _beginning(begins_at: datetime | None, now: datetime) -> datetime:
    if begins_at is None or now - BEHIND <= begins_at <= now:
        return now
    facts: dict[str, JsonValue] = {"at": begins_at.isoformat(), "limit_days": HORIZON.days}
    if begins_at < now:
        raise Refusal("freeze-begins-in-the-past", facts)
    if begins_at > now + HORIZON:
        raise Refusal("freeze-begins-too-late", facts)
    return begins_at


def _end_fits(begins_at: datetime, ends_at: datetime | None, now: datetime) -> None:
    if ends_at is None:
        return
    facts: dict[str, JsonValue] = {"at": ends_at.isoformat(), "begins_at": begins_at.isoformat()}
    if ends_at <= now:
        raise Refusal("freeze-ends-in-the-past", facts)
    if ends_at <= begins_at:
        raise Refusal("freeze-ends-first", facts)
    if ends_at > begins_at + LONGEST:
        raise Refusal("freeze-ends-too-late", {**facts, "limit_days": LONGEST.days})


async def liftable(
    ledger: Ledger, policy: Policy, asker: Asker, freeze_id: str, *, authority: Authority | None = None
) -> Freeze:
    """The freeze that somebody is about to lift. Raises Refusal as `lift` does, but for the reason."""
    answers = await _live(ledger, policy, asker, freeze_id, authority)
    return await ledger.read(
        lambda tx: _liftable(
            tx, policy, known_person(tx, policy, asker), freeze_id, answers=answers, lock=False
        )
    )


async def _live(
    ledger: Ledger, policy: Policy, asker: Asker, freeze_id: str, authority: Authority | None
) -> Answers:
    """What the live sources say of the asker, where it depends on them alone whether they may."""
    if authority is None:
        return NOT_ASKED
    actor = asker.actor(policy)

    def depends(tx: Transaction) -> bool:
        freeze = tx.freezes.get(freeze_id, lock=False)
        try:
            if freeze is not None:
                may_lift(rostered(tx, policy), freeze, actor.person or "", tx.now)
        except Refusal as refusal:
            return bool(refusal.facts["unanswered"])
        return False

    if not await ledger.read(depends):
        return NOT_ASKED
    return await about_at_a_press(authority, policy, actor.person or "")


async def lift(
    ledger: Ledger,
    policy: Policy,
    asker: Asker,
    freeze_id: str,
    reason: str | None,
    *,
    key: str,
    authority: Authority | None = None,
) -> Freeze:
    """Lift it, or call it off before it begins; what waited for it is judged again at once. Live sources of roles are
    asked about the asker, by `authority`, where it depends on them.

    Raises Refusal `unknown-person`, `unknown-freeze`, `freeze-of-policy`, `lifted-already`, `freeze-over`,
    `may-not-lift`, `no-reason` or `reason-too-long`.
    """
    answers = await _live(ledger, policy, asker, freeze_id, authority)

    def step(tx: Transaction) -> Freeze:
        if tx.remembered(key) is not None:
            return known_freeze(tx, policy, freeze_id)
        actor = known_person(tx, policy, asker)
        freeze = _liftable(tx, policy, actor, freeze_id, answers=answers)
        why = bounded_reason(reason, required=True)
        code = "lifted" if freeze.begins_at <= tx.now else "called-off"
        lifted = replace(freeze, lifted_by=actor, lifted_at=tx.now, lift_reason=why)
        tx.freezes.put(lifted, Fact(type=f"freeze.{code}", by=actor))
        tx.remember(key, freeze.id)
        drop_timers(tx, lifted)
        frozen = declared(lifted)
        announce(tx, policy, frozen, code)
        reconsider(tx, frozen)
        return lifted

    return await ledger.write(step)


def _liftable(
    tx: Transaction, policy: Policy, actor: Actor, freeze_id: str, *, answers: Answers, lock: bool = True
) -> Freeze:
    freeze = known_freeze(tx, policy, freeze_id, lock=lock)
    if freeze.lifted_at is not None:
        by = None if freeze.lifted_by is None else freeze.lifted_by.person
        raise Refusal("lifted-already", {"freeze": freeze.id, "by": by, "at": freeze.lifted_at.isoformat()})
    if freeze.ends_at is not None and freeze.ends_at <= tx.now:
        raise Refusal("freeze-over", {"freeze": freeze.id, "at": freeze.ends_at.isoformat()})
    may_lift(rostered(tx, policy), freeze, actor.person or "", tx.now, answers)
    return freeze
