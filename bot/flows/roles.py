"""Which roles a person holds now, from the sources the policy names; what cannot be asked denies (P7)."""

from dataclasses import dataclass
from datetime import datetime

from bot.domain.rotation import on_call_at
from bot.policy import Policy, Role


@dataclass(frozen=True, slots=True)
class Held:
    """The roles a person holds, and those that could not be decided, with the source that was not asked."""

    roles: frozenset[str]
    unanswered: tuple[tuple[str, str], ...] = ()


def roles_of(policy: Policy, person: str, now: datetime) -> Held:
    """A role is held by whoever any of its sources names; where `all_of` stands, all of that must agree too.

    The policy's own sources (people, rotations) are answered here. Sources that must be asked live are not
    connected in this version: they answer nothing, and nothing is a no.
    """
    held: set[str] = set()
    unanswered: list[tuple[str, str]] = []
    for name, role in policy.roles.items():
        named = _named_by_policy(policy, role, person, now)
        if named and role.all_of is None:
            held.add(name)
        elif named or role.all_of is None or not (role.people or role.on_call):
            unanswered.extend((name, source) for source in (*role.live_sources, *_elsewhere(policy, role)))
    return Held(frozenset(held), tuple(unanswered))


def _named_by_policy(policy: Policy, role: Role, person: str, now: datetime) -> bool:
    if role.people is not None and (role.people == "*" or person in role.people):
        return True
    return role.on_call is not None and on_call(policy, role.on_call, now) == person


def _elsewhere(policy: Policy, role: Role) -> tuple[str, ...]:
    """The rotation of a role that another system holds."""
    duty = policy.on_call.get(role.on_call or "")
    return () if duty is None or duty.rotation is not None else (f"on_call {role.on_call}",)


def first_responder(policy: Policy, now: datetime) -> str | None:
    """Who answers for an incident: on call in the rotation that the escalation names first, or, where it names
    none, in the first that the policy has. A rotation that another system holds names nobody here."""
    named = [target.on_call for step in policy.escalation for target in step.notify if target.on_call]
    found = (on_call(policy, rotation, now) for rotation in named or policy.on_call)
    return next((person for person in found if person is not None), None)


def on_call(policy: Policy, rotation: str, now: datetime) -> str | None:
    """The person on call in a rotation of people; None where there is none, or another system holds it."""
    duty = policy.on_call.get(rotation)
    if duty is None or duty.rotation is None:
        return None
    return on_call_at(duty.rotation, now)
