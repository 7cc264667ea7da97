"""Who confirms what somebody enrolled, and takes it away: the roles of `second_factors.administrators` (P8, F11)."""

from datetime import datetime

from pydantic import JsonValue

from bot.domain.approval import SecondFactor
from bot.domain.identity import Provider
from bot.domain.refusal import Refusal
from bot.flows.roles import roles_of
from bot.policy import Policy
from bot.ports import Transaction


def is_administrator(policy: Policy, person: str, now: datetime) -> bool:
    """Whether the policy itself gives `person` such a role. A source that would have to be asked elsewhere gives none:
    who may take away second factors must not depend on who else was broken into (`doctor` tells of such roles)."""
    return bool(roles_of(policy, person, now).roles & set(policy.second_factors.administrators))


def administrators(policy: Policy, now: datetime, *, but: str | None = None) -> tuple[str, ...]:
    """Everybody who is one, but for one person, in the directory's order."""
    return tuple(p for p in policy.people if p != but and is_administrator(policy, p, now))


def act_as_administrator(policy: Policy, person: str, now: datetime, *, on: str) -> None:
    """Raises Refusal `no-administrators`, `not-an-administrator` or `own-factor`: nobody does it to themselves."""
    if not policy.second_factors.administrators:
        raise Refusal("no-administrators", {"person": on})
    if not is_administrator(policy, person, now):
        able: list[JsonValue] = [*administrators(policy, now, but=on)]
        roles: list[JsonValue] = [*policy.second_factors.administrators]
        raise Refusal("not-an-administrator", {"able": able, "roles": roles})
    if person == on:
        raise Refusal("own-factor", {"able": [*administrators(policy, now, but=on)]})


def settled(tx: Transaction, policy: Policy, factor: SecondFactor) -> None:
    """What is done with a factor to other people's factors takes one whose cool-off is over, as production does; a
    login counts from when it was linked.

    Raises Refusal `cooling-off`.
    """
    used = tx.credentials.get(factor.credential)
    login = tx.identities.get(factor.credential) if used is None else None
    usable = None if used is None else used.usable_from
    if login is not None:
        usable = login.linked_at + policy.second_factors.cool_off
    if usable is not None and tx.now < usable:
        raise Refusal("cooling-off", {"until": usable.isoformat()})


def somebody_confirms(tx: Transaction, policy: Policy) -> bool:
    """Whether what is enrolled from the host has to wait for an administrator: any of them has a factor in force.
    Until then the host's word alone has to do (the first one is enrolled by somebody)."""
    return any(has_a_factor(tx, policy, each) for each in administrators(policy, tx.now))


def has_a_factor(tx: Transaction, policy: Policy, person: str) -> bool:
    """Whether `person` could prove to be themselves at all, in cool-off or not."""
    if any(credential.proves for credential in tx.credentials.of(person)):
        return True
    login = policy.second_factors.login is not None
    return login and any(i.provider is Provider.OIDC for i in tx.identities.of(person))
