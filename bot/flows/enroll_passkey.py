"""Register a passkey, in the browser that proved whose it is (P8)."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from bot.domain.refusal import Refusal
from bot.domain.second_factor import Challenge, Credential, Intent, Method, Passkey
from bot.flows.enroll import Fresh, factor_name, keep, room_for
from bot.flows.enroll_proof import Visit, enrolling, need_proof
from bot.flows.locks import failed_at
from bot.flows.offers import ask_offer, take_offer
from bot.policy import Policy
from bot.ports import Factors, Ledger, PasskeyCheck, PasskeyRefused, Transaction

CREATION = "passkey-creation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """What the browser makes a passkey with."""

    challenge: str
    options: Mapping[str, JsonValue]


async def offer_passkey(ledger: Ledger, policy: Policy, factors: Factors, visit: Visit) -> Offered:
    """A challenge and the options for a new passkey; those that the person has already are excluded.

    Raises Refusal `not-proved`, `too-many-factors`, `method-forbidden`.
    """
    checks = _checks(factors)

    def step(tx: Transaction) -> tuple[Challenge, Intent, tuple[Passkey, ...]]:
        intent = enrolling(tx, policy, visit.token)
        proof = need_proof(tx, intent, visit.browser)
        room_for(tx, intent.person)
        held = tuple(c.passkey for c in tx.credentials.of(intent.person) if c.passkey is not None)
        return ask_offer(tx, intent, CREATION, until=proof.until), intent, held

    challenge, intent, held = await ledger.write(step)
    label = policy.people[intent.person].name or intent.person
    options = checks.creation_options(
        challenge.signed_bytes(intent), person=intent.person, label=label, known=held
    )
    return Offered(challenge=challenge.id, options=options)


async def keep_passkey(
    ledger: Ledger,
    policy: Policy,
    factors: Factors,
    visit: Visit,
    challenge_id: str,
    answer: Mapping[str, JsonValue],
    name: str | None,
) -> Credential:
    """Keep the passkey that the browser made for exactly this challenge. Raises Refusal; `passkey-taken` where it is,
    or was, anybody's already."""
    checks = _checks(factors)

    def consumed(tx: Transaction) -> tuple[Challenge, Intent]:
        intent = enrolling(tx, policy, visit.token)
        need_proof(tx, intent, visit.browser)
        return take_offer(tx, intent, CREATION, challenge_id), intent

    challenge, intent = await ledger.write(consumed)
    try:
        passkey, counter = checks.created(challenge.signed_bytes(intent), answer)
    except PasskeyRefused as refused:
        code = refused.code
        raise await ledger.write(lambda tx: _failed(tx, intent, code, visit.address)) from None

    def step(tx: Transaction) -> Credential:
        now = enrolling(tx, policy, visit.token)
        if tx.credentials.by_passkey(passkey.credential_id) is not None:
            raise Refusal("passkey-taken")
        fresh = Fresh(method=Method.PASSKEY, passkey=passkey, name=factor_name(name))
        kept = keep(tx, policy, now, visit, fresh)
        tx.credentials.accept_counter(kept.id, counter)
        return kept

    return await ledger.write(step)


def _checks(factors: Factors) -> PasskeyCheck:
    if factors.passkeys is None:
        raise Refusal("method-forbidden", {"method": "passkey", "allowed": []})
    return factors.passkeys


def _failed(tx: Transaction, intent: Intent, code: str, address: str) -> Refusal:
    return failed_at(tx, intent, address=address, code=code, method=Method.PASSKEY.value)
