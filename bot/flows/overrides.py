"""Overrides and swaps: somebody takes a stretch of on-call duty, durable in one transaction, audited, told, and
effective at once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from pydantic import JsonValue

from bot.domain.audit import Fact
from bot.domain.calendar import HORIZON
from bot.domain.change_request import Actor
from bot.domain.duty import Duty, people_between
from bot.domain.override import Override
from bot.domain.refusal import Refusal
from bot.flows import owing
from bot.flows.asking import Asker, bounded_reason, known
from bot.flows.handoff import look_soon
from bot.flows.link import known_person
from bot.flows.on_duty import overrides_of, rostered
from bot.flows.roles import roles_of
from bot.policy import Policy
from bot.ports import Ledger, Transaction

NOTE: Final = "override-note"
"""The kind of the messages; the subject is the override."""
BEHIND: Final = timedelta(minutes=5)
"""How far back a beginning may lie and still mean "now": forms take a while to fill in."""
MOST_OPEN: Final = 200
"""So many overrides of one rotation may be ahead or in force."""
MOST_NAMED: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One stretch that somebody is to take, not yet believed."""

    rotation: str
    person: str
    begins_at: datetime | None = None  # None: now
    ends_at: datetime
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """An override as it was declared, and whom it relieves."""

    override: Override
    relieved: tuple[str, ...]
    seats: tuple[str, ...] | None = None
    """Where seats in approvals do not go along: who has them meanwhile."""


async def declarable(ledger: Ledger, policy: Policy, asker: Asker) -> str:
    """The person who is about to fill in the form. Raises Refusal as `declare` does for who nobody is, and
    `no-overrides` where the policy has no rotation of people."""

    def query(tx: Transaction) -> str:
        if not rotations(policy):
            raise Refusal("no-overrides")
        return known_person(tx, policy, asker).person or ""

    return await ledger.read(query)


def rotations(policy: Policy) -> tuple[str, ...]:
    """The rotations that can be overridden here: those of people. Another system's is changed there."""
    return tuple(name for name, each in policy.on_call.items() if each.duty is not None)


async def declare(
    ledger: Ledger, policy: Policy, asker: Asker, wanted: Sequence[Wanted], *, key: str
) -> tuple[Taken, ...]:
    """Declare one override, or the two of a swap: all of them or none. Both people and the channel are told.

    By whoever is on call for the whole stretch, by one of the rotation's people who takes it, or by one of `leads`.
    Raises Refusal `unknown-person`, `unknown-rotation`, `unknown-person-name`, `override-elsewhere`,
    `override-not-yours`, `override-changes-nothing`, `too-many-overrides`, `override-begins-in-the-past`,
    `override-ends-in-the-past`, `override-ends-first`, `override-too-far` or `reason-too-long`.
    """

    def step(tx: Transaction) -> tuple[Taken, ...]:
        seen = tx.remembered(key)
        if isinstance(seen, list):
            return tuple(taken for each in seen if (taken := _kept(tx, policy, each)) is not None)
        actor = known_person(tx, policy, asker)
        found = [_believed(tx, policy, actor, each) for each in wanted]
        done = tuple(_declared(tx, policy, actor, *each) for each in found)
        kept: list[JsonValue] = [[t.override.id, *t.relieved] for t in done]
        tx.remember(key, kept)
        return done

    return await ledger.write(step)


async def cancellable(ledger: Ledger, policy: Policy, asker: Asker) -> tuple[tuple[str, ...], int]:
    """The overrides in force or ahead that somebody may take back, and how many others there are. Raises Refusal
    `unknown-person`."""

    def query(tx: Transaction) -> tuple[tuple[str, ...], int]:
        person = known_person(tx, policy, asker).person or ""
        found = tx.overrides.since(tx.now)
        own = tuple(each.id for each in found if _may_cancel(tx, policy, each, person))
        return own, len(found) - len(own)

    return await ledger.read(query)


async def cancel(ledger: Ledger, policy: Policy, asker: Asker, override_id: str, *, key: str) -> Override:
    """Take it back: from now on whoever's turn it is has it again; what was is not changed.

    By whoever declared it, whoever takes it, or one of `leads`. Raises Refusal `unknown-person`, `unknown-override`,
    `override-cancelled`, `override-over` or `override-not-yours-to-cancel`.
    """

    def step(tx: Transaction) -> Override:
        found = tx.overrides.get(override_id, lock=True)
        if found is None:
            raise Refusal("unknown-override", {"override": override_id[:40]})
        if tx.remembered(key) is not None:
            return found
        actor = known_person(tx, policy, asker)
        _cancellable(tx, policy, found, actor)
        taken_back = replace(found, cancelled_by=actor, cancelled_at=tx.now)
        tx.overrides.put(taken_back, Fact(type="override.cancelled", by=actor))
        tx.remember(key, found.id)
        code = "cancelled" if tx.now < found.begins_at else "ended-early"
        _tell(tx, policy, taken_back, code, _turns(tx, policy, taken_back))
        look_soon(tx, found.rotation)
        return taken_back

    return await ledger.write(step)


def _believed(tx: Transaction, policy: Policy, actor: Actor, wanted: Wanted) -> tuple[Wanted, datetime, Duty]:
    rotation = known("rotation", wanted.rotation, list(policy.on_call))
    duty = policy.on_call[rotation].duty
    if duty is None:
        raise Refusal(
            "override-elsewhere", {"rotation": rotation, "source": policy.on_call[rotation].elsewhere}
        )
    known("person-name", wanted.person, list(policy.people))
    begins_at = _beginning(wanted.begins_at, tx.now)
    _fits(begins_at, wanted.ends_at, tx.now)
    bounded_reason(wanted.reason)
    overrides = overrides_of(tx, policy, rotation, tx.now)
    if len(overrides) >= MOST_OPEN:
        raise Refusal("too-many-overrides", {"rotation": rotation, "limit": MOST_OPEN})
    relieved = people_between(duty, overrides, begins_at, wanted.ends_at)
    stretch = (begins_at, wanted.ends_at)
    person = actor.person or ""
    if not _may_declare(tx, policy, rotation, duty, wanted.person, relieved, person):
        back = _given_away(tx, policy, duty, overrides, stretch, person)
        raise _not_yours(policy, rotation, duty, wanted.person, relieved, person, back)
    if relieved == (wanted.person,):
        raise Refusal("override-changes-nothing", {"rotation": rotation, "person": wanted.person})
    return wanted, begins_at, duty


def _declared(
    tx: Transaction, policy: Policy, actor: Actor, wanted: Wanted, begins_at: datetime, duty: Duty
) -> Taken:
    before = overrides_of(tx, policy, wanted.rotation, tx.now)
    relieved = people_between(duty, before, begins_at, wanted.ends_at)
    others = tuple(person for person in relieved if person != wanted.person)[:MOST_NAMED]
    override = Override(
        id=f"OVR-{tx.overrides.next_number()}",
        rotation=wanted.rotation,
        person=wanted.person,
        begins_at=begins_at,
        ends_at=wanted.ends_at,
        declared_by=actor,
        declared_at=tx.now,
        reason=bounded_reason(wanted.reason),
        by_lead=_leads(tx, policy, wanted.rotation, actor.person or ""),
    )
    tx.overrides.put(override, Fact(type="override.declared", by=actor, facts={"relieves": [*others]}))
    _tell(tx, policy, override, "declared", others)
    look_soon(tx, wanted.rotation)
    return Taken(override=override, relieved=others, seats=seats_with(tx, policy, override))


def _may_declare(
    tx: Transaction,
    policy: Policy,
    rotation: str,
    duty: Duty,
    taker: str,
    relieved: tuple[str, ...],
    person: str,
) -> bool:
    """Whoever takes it must be one of the rotation's people to take it unasked: a duty can carry a seat in an
    approval, and nobody helps themselves to one."""
    taking = person == taker and person in duty.people
    return relieved == (person,) or taking or _leads(tx, policy, rotation, person)


def _not_yours(
    policy: Policy,
    rotation: str,
    duty: Duty,
    taker: str,
    relieved: tuple[str, ...],
    person: str,
    back: tuple[str, ...],
) -> Refusal:
    facts: dict[str, JsonValue] = {
        "rotation": rotation,
        "on_call": [*relieved[:MOST_NAMED]],
        "taker": taker,
        "takes": taker in duty.people,
        "own": person == taker,
        "roles": [*policy.on_call[rotation].leads],
        "back": [*back],
    }
    return Refusal("override-not-yours", facts)


def _given_away(
    tx: Transaction,
    policy: Policy,
    duty: Duty,
    overrides: Sequence[Override],
    stretch: tuple[datetime, datetime],
    person: str,
) -> tuple[str, ...]:
    """The fewest overrides that somebody may take back and has the whole stretch then; none where that is not so."""
    begins_at, ends_at = stretch

    def alone_without(gone: Sequence[Override]) -> bool:
        left = [each for each in overrides if each not in gone]
        return people_between(duty, left, begins_at, ends_at) == (person,)

    needed = [
        each
        for each in overrides
        if each.begins_at < ends_at and each.over_at > begins_at and _may_cancel(tx, policy, each, person)
    ]
    if not needed or len(needed) > MOST_NAMED or not alone_without(needed):
        return ()
    for each in tuple(needed):
        fewer = [other for other in needed if other is not each]
        if alone_without(fewer):
            needed = fewer
    return tuple(each.id for each in needed)


def _leads(tx: Transaction, policy: Policy, rotation: str, person: str) -> bool:
    """Whether they hold one of the rotation's lead roles, by what is known without asking anybody outside."""
    found = policy.on_call.get(rotation)
    wanted = set() if found is None else set(found.leads)
    return bool(wanted) and bool(roles_of(rostered(tx, policy), person, tx.now).roles & wanted)


def _cancellable(tx: Transaction, policy: Policy, override: Override, actor: Actor) -> None:
    if override.cancelled_at is not None:
        by = None if override.cancelled_by is None else override.cancelled_by.person
        facts: dict[str, JsonValue] = {"by": by, "at": override.cancelled_at.isoformat()}
        raise Refusal("override-cancelled", {"override": override.id, **facts})
    if override.ends_at <= tx.now:
        raise Refusal("override-over", {"override": override.id, "at": override.ends_at.isoformat()})
    if _may_cancel(tx, policy, override, actor.person or ""):
        return
    found = policy.on_call.get(override.rotation)
    roles: list[JsonValue] = [] if found is None else [*found.leads]
    said: dict[str, JsonValue] = {"by": override.declared_by.person, "taker": override.person, "roles": roles}
    raise Refusal("override-not-yours-to-cancel", {"override": override.id, **said})


def _may_cancel(tx: Transaction, policy: Policy, override: Override, person: str) -> bool:
    return person in (override.declared_by.person, override.person) or _leads(
        tx, policy, override.rotation, person
    )


def _beginning(begins_at: datetime | None, now: datetime) -> datetime:
    """The past is not changed: what is asked from a moment ago on begins now."""
    if begins_at is None or now - BEHIND <= begins_at <= now:
        return now
    if begins_at < now:
        raise Refusal("override-begins-in-the-past", {"at": begins_at.isoformat()})
    return begins_at


def _fits(begins_at: datetime, ends_at: datetime, now: datetime) -> None:
    facts: dict[str, JsonValue] = {"at": ends_at.isoformat(), "begins_at": begins_at.isoformat()}
    if ends_at <= now:
        raise Refusal("override-ends-in-the-past", facts)
    if ends_at <= begins_at:
        raise Refusal("override-ends-first", facts)
    if ends_at > now + HORIZON:
        raise Refusal("override-too-far", {**facts, "limit_days": HORIZON.days})


def seats_with(tx: Transaction, policy: Policy, override: Override) -> tuple[str, ...] | None:
    """Where roles hang on this rotation that do not go to whoever takes it, who has them meanwhile: whoever takes it is
    paged, and signs nothing by it. None where they go along, or where there are none."""
    found = policy.on_call.get(override.rotation)
    if found is None or found.duty is None or override.moves_seats(found.duty.people):
        return None
    if all(role.on_call != override.rotation for role in policy.roles.values()):
        return None
    people = found.duty.people
    moving = [o for o in overrides_of(tx, policy, override.rotation, tx.now) if o.moves_seats(people)]
    return people_between(found.duty, moving, override.begins_at, override.ends_at)[:MOST_NAMED]


def _turns(tx: Transaction, policy: Policy, override: Override) -> tuple[str, ...]:
    """Who has the rest of a stretch that was given back."""
    found = policy.on_call.get(override.rotation)
    if found is None or found.duty is None:
        return ()
    start = max(tx.now, override.begins_at)
    overrides = overrides_of(tx, policy, override.rotation, tx.now)
    people = people_between(found.duty, overrides, start, override.ends_at)
    return tuple(person for person in people if person != override.person)[:MOST_NAMED]


def _tell(tx: Transaction, policy: Policy, override: Override, code: str, others: tuple[str, ...]) -> None:
    """Both people and the channel."""
    seats = seats_with(tx, policy, override) if code == "declared" else None
    found = policy.on_call.get(override.rotation)
    by = override.cancelled_by or override.declared_by
    facts: dict[str, JsonValue] = {
        "code": code,
        "rotation": override.rotation,
        "person": override.person,
        "others": [*others],
        "by": by.person,
        "begins_at": override.begins_at.isoformat(),
        "ends_at": override.ends_at.isoformat(),
        "reason": override.reason,
        "seats_stay": seats is not None,
        "seats": [*(seats or ())],
        "leads": found is not None and bool(found.leads),
    }
    for person in dict.fromkeys((override.person, *others)):
        owing.tell_person(tx, policy, person, NOTE, override.id, facts)
    owing.channel(tx, policy.slack.channels.incidents, NOTE, override.id, facts)


def _kept(tx: Transaction, policy: Policy, seen: JsonValue) -> Taken | None:
    """What was answered to the same command before."""
    if not isinstance(seen, list) or not seen:
        return None
    override = tx.overrides.get(str(seen[0]))
    if override is None:
        return None
    return Taken(
        override=override, relieved=tuple(map(str, seen[1:])), seats=seats_with(tx, policy, override)
    )
