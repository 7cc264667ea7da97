"""A passkey whose counter does not grow: refused, audited, and told aloud, whatever it was to prove (P8)."""

from pydantic import JsonValue

from bot.domain.audit import Fact
from bot.domain.refusal import Refusal
from bot.domain.second_factor import Credential
from bot.flows import owing
from bot.flows.challenges import Asked
from bot.flows.locks import failed_at
from bot.policy import Policy
from bot.ports import Transaction

CODE = "passkey-copied"


def copied(
    tx: Transaction, policy: Policy, asked: Asked, credential: Credential, counter: int, *, address: str
) -> Refusal:
    """Two devices hold the same key, or an old answer was played again. The caller commits, then raises what this gives
    (`locks.committed`)."""
    intent = asked.intent
    facts: dict[str, JsonValue] = {
        "code": CODE,
        "person": credential.person,
        "credential": credential.id,
        "name": credential.name,
        "counter": counter,
    }
    tx.trail.record(Fact(type="factor.counter", by=intent.actor, facts=facts), subject=intent.about)
    incidents = policy.slack.channels.incidents
    if intent.request is not None:
        owing.channel(tx, incidents, "security-event", intent.request, facts)
    else:
        owing.channel(tx, incidents, "policy-notice", credential.id, facts)
    return failed_at(tx, intent, address=address, code=CODE, method=asked.challenge.method)
