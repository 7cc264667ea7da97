"""Which of a person's second factors can be used for something now: by the policy, by their age, by who confirmed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.domain.identity import Identity, Provider
from bot.domain.refusal import Refusal
from bot.domain.second_factor import Credential, Intent, Method
from bot.policy import Policy
from bot.ports import Transaction

PROTECTED: Final = "production"
"""The kind of environment for which a factor that was enrolled just now approves nothing (the cool-off)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldFactors:
    """What a person can prove themselves with, for one purpose. Never empty."""

    methods: tuple[Method, ...]  # in the order of the policy
    passkeys: tuple[Credential, ...]
    codes: tuple[Credential, ...]
    logins: tuple[Identity, ...]


def environment_of(tx: Transaction, intent: Intent) -> str | None:
    """The environment that an intent is about; None where it is about a person's own factors."""
    request = None if intent.request is None else tx.requests.get(intent.request)
    return None if request is None else request.environment


def allowed_methods(policy: Policy, environment: str | None) -> tuple[Method, ...]:
    """What the policy accepts there, the best first; where no environment is meant, all there is."""
    found = policy.environments.get(environment or "")
    methods = _strongest(policy) if found is None else map(Method, found.approval.second_factor.methods)
    return tuple(m for m in methods if m is not Method.OIDC or policy.second_factors.login is not None)


def _strongest(policy: Policy) -> tuple[Method, ...]:
    """What some production accepts; all there is where none asks for anybody's approval. A factor that approves nothing
    there makes, confirms and takes away none that does."""
    asking = [e.approval for e in policy.environments.values() if e.kind == PROTECTED and e.approval.seats]
    accepted = {Method(name) for approval in asking for name in approval.second_factor.methods}
    return tuple(m for m in Method if m in accepted or not asking)


def held_factors(tx: Transaction, policy: Policy, person: str, environment: str | None) -> HeldFactors:
    """What `person` can use for `environment` now.

    Raises Refusal `not-enrolled`, `not-confirmed`, `method-forbidden` or `cooling-off`: the one that stands nearest
    to being able to.
    """
    allowed = allowed_methods(policy, environment)
    enrolled = tx.credentials.of(person)
    linked = tuple(i for i in tx.identities.of(person) if i.provider is Provider.OIDC)
    logins = tuple(i for i in linked if not cooling_login(tx, policy, i, environment))
    fitting = [c for c in enrolled if Method(c.method) in allowed]
    proving = [c for c in fitting if c.proves]
    usable = [c for c in proving if not cooling(tx, policy, c, environment)]
    methods = {Method(c.method) for c in usable}
    if logins:
        methods |= {Method.OIDC} & set(allowed)
    if not methods:
        since = [c.usable_from or tx.now for c in proving]
        since += [i.linked_at + policy.second_factors.cool_off for i in linked if Method.OIDC in allowed]
        raise _nothing(person, allowed, since, unconfirmed=bool(fitting), other=bool(enrolled or linked))
    return HeldFactors(
        methods=tuple(m for m in allowed if m in methods),
        passkeys=tuple(c for c in usable if c.method == Method.PASSKEY),
        codes=tuple(c for c in usable if c.method == Method.TOTP),
        logins=logins if Method.OIDC in methods else (),
    )


def cooling(tx: Transaction, policy: Policy, credential: Credential, environment: str | None) -> bool:
    """Whether it is too new for this environment: whoever stole a way to enrol is seen before it helps them."""
    found = policy.environments.get(environment or "")
    if found is None or found.kind != PROTECTED:
        return False
    return credential.usable_from is not None and tx.now < credential.usable_from


def cooling_login(tx: Transaction, policy: Policy, identity: Identity, environment: str | None) -> bool:
    """The same for an account at the identity provider, from when it was linked; what the host linked is known."""
    found = policy.environments.get(environment or "")
    if found is None or found.kind != PROTECTED or identity.linked_by.startswith("host:"):
        return False
    return tx.now < identity.linked_at + policy.second_factors.cool_off


def _nothing(
    person: str, allowed: tuple[Method, ...], since: list[datetime], *, unconfirmed: bool, other: bool
) -> Refusal:
    """`since`: from when on what the person holds can be used here."""
    if since:
        return Refusal("cooling-off", {"until": min(since).isoformat()})
    if unconfirmed:
        return Refusal("not-confirmed", {"person": person})
    if other:
        return Refusal("method-forbidden", {"allowed": [m.value for m in allowed]})
    return Refusal("not-enrolled", {"person": person})
