"""Who may declare a freeze and who may lift one, by the policy's roles (P6, P7)."""

from collections.abc import Iterable
from datetime import datetime

from pydantic import JsonValue

from bot.domain.authority import NOT_ASKED, Answers
from bot.domain.freeze import Freeze
from bot.domain.refusal import Refusal
from bot.flows.roles import Held, roles_of
from bot.flows.seats import seats_of
from bot.policy import Policy


def may_declare(policy: Policy, person: str, now: datetime) -> None:
    """To stop is the safe direction: everybody of the directory may, unless the policy names roles; and then whoever
    may hold one, for all that is known, where it takes a live source to know.

    Raises Refusal `may-not-freeze`.
    """
    wanted = policy.calendar_section.may_freeze
    if wanted is None:
        return
    held = roles_of(policy, person, now)
    if not held.possible & set(wanted):
        raise Refusal("may-not-freeze", {"roles": [*wanted], "unanswered": []})


def may_lift(
    policy: Policy, freeze: Freeze, person: str, now: datetime, answers: Answers = NOT_ASKED
) -> None:
    """The roles that the policy names; where it names none, whoever declared it, and whoever could fill a seat in
    every environment that it covers. Environments that ask for nobody's approval have no say. What a live source
    did not answer is no yes.

    Raises Refusal `may-not-lift`.
    """
    named = policy.calendar_section.may_lift
    held = roles_of(policy, person, now, answers)
    if named is not None:
        wanted = [set(named)]
        allowed = bool(held.roles & set(named))
    else:
        environments = _asking(policy, freeze)
        wanted = [_seat_roles(policy, environment) for environment in environments]
        allowed = person == freeze.declared_by.person or (
            bool(environments) and all(_fills_a_seat(policy, name, person, held) for name in environments)
        )
    if not allowed:
        roles = sorted(set[str]().union(*wanted))
        facts: dict[str, JsonValue] = {
            "freeze": freeze.id,
            "by": None if named is not None else freeze.declared_by.person,
            "roles": [*roles],
            "environments": [] if named is not None else [*_asking(policy, freeze)],
            "unanswered": _unanswered(held, roles),
        }
        raise Refusal("may-not-lift", facts)


def lifters(policy: Policy, freeze: Freeze, now: datetime) -> tuple[str, ...]:
    """Everybody of the directory who may lift it; whoever declared it stands first."""
    declarer = freeze.declared_by.person
    people = sorted(policy.people, key=lambda person: person != declarer)
    return tuple(person for person in people if _may(policy, freeze, person, now))


def _may(policy: Policy, freeze: Freeze, person: str, now: datetime) -> bool:
    try:
        may_lift(policy, freeze, person, now)
    except Refusal:
        return False
    return True


def _asking(policy: Policy, freeze: Freeze) -> list[str]:
    """The environments it covers whose changes somebody has to approve."""
    names = freeze.environments or tuple(policy.environments)
    return [name for name in names if name in policy.environments and seats_of(policy, name)]


def _seat_roles(policy: Policy, environment: str) -> set[str]:
    return {role for seat in seats_of(policy, environment) for role in seat}


def _fills_a_seat(policy: Policy, environment: str, person: str, held: Held) -> bool:
    excluded = set(policy.environments[environment].approval.exclude)
    if person in excluded or held.roles & excluded:
        return False
    return bool(held.roles & _seat_roles(policy, environment))


def _unanswered(held: Held, wanted: Iterable[str]) -> list[JsonValue]:
    """The sources of the wanted roles that could not be asked: nothing is a no."""
    names = set(wanted)
    return [*sorted({source for role, source in held.unanswered if role in names})]
