"""Who is on call: the one place that everybody asks. Layers, overrides and what other systems said are all in it."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from bot.domain.duty import next_change, person_at, shift_at
from bot.domain.override import Override
from bot.policy import Policy
from bot.policy.on_call import OnCall, Told
from bot.ports import Place, Transaction

FRESH: Final = timedelta(minutes=10)
"""What another system said longer ago is no answer any more: a contact stands in, and it is said."""
ANSWER: Final = "elsewhere"
"""The surface under which the last answer of another system is kept."""
_CONTACTS: Final = ("primary", "backup", "escalation")


class By(StrEnum):
    """Why somebody is on call."""

    LAYER = "layer"
    OVERRIDE = "override"
    ELSEWHERE = "elsewhere"
    CONTACT = "contact"  # the system that knows did not say: a contact of the policy stands in (C10)
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class OnDuty:
    """Who is on call in one rotation at an instant, and what comes after. `problem` is a code, where the system that
    keeps it did not say, or nobody is on call yet."""

    rotation: str
    person: str | None
    by: By
    layer: str | None = None
    override: Override | None = None
    until: datetime | None = None
    """When another person takes over, as far as it is known."""
    then: str | None = None
    told_at: datetime | None = None
    """When the system that keeps it answered last."""
    problem: str | None = None


def place_of(rotation: str) -> str:
    """The subject of a rotation's places."""
    return f"on-call/{rotation}"


def on_duty(tx: Transaction, policy: Policy, rotation: str, now: datetime) -> str | None:
    """The person on call (P21); of a duty that another system keeps and has not told for ten minutes, the first
    contact (C10). None where there is nobody at all: the rotation left the policy, or has not begun."""
    found = policy.on_call.get(rotation)
    if found is None:
        return None
    if found.duty is not None:
        return person_at(found.duty, overrides_of(tx, policy, rotation, now), now)
    told, _ = _told(tx, policy, rotation, found, now)
    return stand_in(policy) if told is None else told.person


def duty_at(tx: Transaction, policy: Policy, rotation: str, now: datetime) -> OnDuty:
    """The same with why, until when, and who comes then: for people."""
    found = policy.on_call.get(rotation)
    if found is None:
        return OnDuty(rotation=rotation, person=None, by=By.NOBODY, problem="unknown-rotation")
    if found.duty is None:
        return _elsewhere(tx, policy, rotation, found, now)
    overrides = overrides_of(tx, policy, rotation, now)
    shift, until = shift_at(found.duty, overrides, now), next_change(found.duty, overrides, now)
    then = None if until is None else person_at(found.duty, overrides, until)
    if shift is None:
        by, problem = By.NOBODY, "not-begun"
        return OnDuty(rotation=rotation, person=None, by=by, until=until, then=then, problem=problem)
    return OnDuty(
        rotation=rotation,
        person=shift.person,
        by=By.LAYER if shift.override is None else By.OVERRIDE,
        layer=shift.layer,
        override=next((o for o in overrides if o.id == shift.override), None),
        until=until,
        then=then,
    )


def rostered(tx: Transaction, policy: Policy) -> Policy:
    """The policy with its rotations as they are now, for whoever decides by roles: an override gives and takes a seat
    at once, where it may (`Override.moves_seats`), and what other systems said counts. A contact that only stands in
    holds no role by it: what nobody said is no yes."""
    return _as_now(tx, policy, seats=True)


def called(tx: Transaction, policy: Policy) -> Policy:
    """The same for whoever is to be told: every override counts, for whoever took a duty is paged from that instant
    on, whether seats go with it or not."""
    return _as_now(tx, policy, seats=False)


def _as_now(tx: Transaction, policy: Policy, *, seats: bool) -> Policy:
    changed: dict[str, OnCall] = {}
    declared = tx.overrides.since(tx.now) if policy.on_call else []
    for name, each in policy.on_call.items():
        if each.duty is not None:
            own = tuple(
                o
                for o in declared
                if o.rotation == name
                and o.person in policy.people
                and (not seats or o.moves_seats(each.duty.people))
            )
            if own:
                changed[name] = replace(each, overrides=own)
            continue
        told, _ = _told(tx, policy, name, each, tx.now)
        if told is not None:
            changed[name] = replace(each, told=told)
    return replace(policy, on_call={**policy.on_call, **changed}) if changed else policy


def overrides_of(tx: Transaction, policy: Policy, rotation: str, since: datetime) -> tuple[Override, ...]:
    """The overrides of a rotation that were not over then, in the order in which they were declared. One that names
    somebody who left the directory holds nothing: whoever's turn it is has it."""
    found = tx.overrides.since(since)
    return tuple(o for o in found if o.rotation == rotation and o.person in policy.people)


def zone_of(policy: Policy, rotation: str) -> ZoneInfo:
    """The zone in which people speak of this rotation: that of its hand-offs, else the policy's."""
    found = policy.on_call.get(rotation)
    own = None if found is None else found.rotation
    return policy.zone if own is None else own.zone


def stand_in(policy: Policy) -> str | None:
    """The contact who stands in where nobody says who is on call (C10): primary, else backup, else escalation."""
    return next((policy.contacts[name] for name in _CONTACTS if name in policy.contacts), None)


def _elsewhere(tx: Transaction, policy: Policy, rotation: str, found: OnCall, now: datetime) -> OnDuty:
    told, problem = _told(tx, policy, rotation, found, now)
    at = _instant(tx.place(place_of(rotation), ANSWER), "at")
    if told is not None:
        return OnDuty(
            rotation=rotation, person=told.person, by=By.ELSEWHERE, until=told.until, told_at=told.at
        )
    contact = stand_in(policy)
    by = By.NOBODY if contact is None else By.CONTACT
    return OnDuty(rotation=rotation, person=contact, by=by, told_at=at, problem=problem)


def _told(
    tx: Transaction, policy: Policy, rotation: str, found: OnCall, now: datetime
) -> tuple[Told | None, str | None]:
    """What the other system said, while it holds; else the code of why nobody knows."""
    place = tx.place(place_of(rotation), ANSWER)
    if place is None or place.get("source") != found.elsewhere:
        return None, "not-asked"
    at, until, problem = _instant(place, "at"), _instant(place, "until"), place.get("problem")
    code = str(problem) if problem else None
    if at is None:
        return None, code or "not-asked"
    if tx.now - at > FRESH:
        return None, code or "too-old"
    if now > max(until or at + FRESH, tx.now):
        return None, "not-told-ahead"
    accounts = place.get("people")
    person = _named(policy, found, [str(a) for a in accounts] if isinstance(accounts, list) else [])
    if person is None:
        return None, "nobody-known" if accounts else "nobody-on-call"
    return Told(person=person, at=at, until=until if until is not None and until > tx.now else None), None


def _named(policy: Policy, found: OnCall, accounts: list[str]) -> str | None:
    """The first of these accounts that the directory knows. A user group has no order of its own: there the
    directory's decides, so that exactly one is primary."""
    if found.slack_usergroup is not None:
        return next((name for name, person in policy.people.items() if person.slack in accounts), None)
    known = (policy.person_by_email(a) or policy.person_by_slack(a) for a in accounts)
    return next((person[0] for person in known if person is not None), None)


def _instant(place: Place | None, key: str) -> datetime | None:
    value = None if place is None else place.get(key)
    return datetime.fromisoformat(value) if isinstance(value, str) else None
