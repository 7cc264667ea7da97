"""A second administrator confirms what somebody enrolled by the code or from the host (P8, F11)."""

from dataclasses import dataclass, replace
from datetime import datetime

from pydantic import JsonValue

from bot.domain.approval import SecondFactor
from bot.domain.audit import Fact
from bot.domain.refusal import Refusal
from bot.domain.second_factor import INTENT_LASTS, Credential, Intent, Purpose
from bot.flows.administrators import act_as_administrator, settled
from bot.flows.asking import Asker, known
from bot.flows.factor_notes import named, tell
from bot.flows.held_factors import held_factors
from bot.flows.intents import open_intent
from bot.flows.link import known_person
from bot.policy import Policy
from bot.ports import Ledger, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A way to our page for the administrator, and the one factor that it confirms."""

    token: str
    credential: Credential
    until: datetime


async def begin_confirmation(ledger: Ledger, policy: Policy, asker: Asker, person: str) -> Begun:
    """An administrator's click becomes an intent about exactly the factor that waits now. Raises Refusal."""
    known("person-name", person, list(policy.people))

    def step(tx: Transaction) -> Begun:
        actor = known_person(tx, policy, asker)
        by = actor.person or ""
        act_as_administrator(policy, by, tx.now, on=person)
        waiting = pending_of(tx, person)
        if waiting is None:
            raise Refusal("nothing-to-confirm", {"person": person})
        held_factors(tx, policy, by, None)
        token = open_intent(tx, purpose=Purpose.CONFIRM, person=by, asker=asker, subject=waiting.id)
        return Begun(token=token, credential=waiting, until=tx.now + INTENT_LASTS)

    return await ledger.write(step)


def pending_of(tx: Transaction, person: str) -> Credential | None:
    """What waits for an administrator; a newer enrolment takes the place of an older one."""
    return next((c for c in reversed(tx.credentials.of(person)) if c.pending), None)


def after_cool_off(tx: Transaction, policy: Policy) -> datetime | None:
    """From when a factor counts for production that counts from now on for the rest; None where the policy has no
    cool-off."""
    return tx.now + policy.second_factors.cool_off if policy.second_factors.cool_off else None


def check_confirmation(tx: Transaction, policy: Policy, intent: Intent) -> None:
    """Whether it could be confirmed now. Raises Refusal."""
    _waiting(tx, policy, intent)


def confirm_act(tx: Transaction, policy: Policy, intent: Intent, factor: SecondFactor) -> None:
    """Confirm the factor; for production it counts from here on, after the cool-off. Raises Refusal."""
    waiting = _waiting(tx, policy, intent)
    settled(tx, policy, factor)
    confirmed = replace(
        waiting,
        pending=False,
        confirmed_by=intent.person,
        usable_from=after_cool_off(tx, policy),
    )
    facts: dict[str, JsonValue] = {
        "method": factor.method,
        "credential": factor.credential,
        "evidence": dict(factor.evidence),
    }
    tx.credentials.put(confirmed, Fact(type="credential.confirmed", by=intent.actor, facts=facts))
    tell(tx, policy, confirmed.person, "confirmed", by=intent.person, **named(confirmed))


def _waiting(tx: Transaction, policy: Policy, intent: Intent) -> Credential:
    found = tx.credentials.get(intent.subject or "", lock=True)
    if found is None or found.revoked_at is not None or not found.pending:
        raise Refusal("nothing-to-confirm", {"person": None if found is None else found.person})
    if found.person not in policy.people:
        raise Refusal("person-gone", {"person": found.person})
    act_as_administrator(policy, intent.person, tx.now, on=found.person)
    return found
