"""A second factor that the person has already as the proof behind an enrolment, or behind a removal (P8)."""

from collections.abc import Mapping

from pydantic import JsonValue

from bot.domain.refusal import Refusal
from bot.domain.second_factor import Credential, Intent, Method, challenge_facts
from bot.flows.approve import take_code
from bot.flows.challenges import Asked, consume
from bot.flows.copied_passkey import copied
from bot.flows.enroll_proof import ProvedBy, enrolling, keep_proof
from bot.flows.held_factors import held_factors
from bot.flows.intents import ask_challenge
from bot.flows.locks import committed, failed_at, locked
from bot.policy import Policy
from bot.ports import Factors, Ledger, PasskeyRefused, Transaction


async def ask_factor(ledger: Ledger, policy: Policy, token: str, method: Method, *, address: str) -> Asked:
    """A challenge for one use of a factor of the link's person. Raises Refusal."""

    def step(tx: Transaction) -> Asked:
        intent = enrolling(tx, policy, token)
        locked(tx, intent.person, address, method=method.value)
        held = held_factors(tx, policy, intent.person, None)
        usable = {Method.PASSKEY: held.passkeys, Method.TOTP: held.codes}.get(method, ())
        if not usable:
            raise Refusal("method-not-enrolled", {"method": method.value})
        known = tuple(c.passkey for c in held.passkeys if c.passkey) if method is Method.PASSKEY else ()
        return Asked(challenge=ask_challenge(tx, intent, method), intent=intent, known=known)

    return await ledger.write(step)


async def proved_by_passkey(
    ledger: Ledger,
    policy: Policy,
    factors: Factors,
    token: str,
    challenge_id: str,
    answer: Mapping[str, JsonValue],
    *,
    browser: str,
    address: str,
) -> None:
    """Take a passkey's signature over exactly this challenge as proof, for this browser (a digest). Raises Refusal."""
    asked = await consume(ledger, token, challenge_id, Method.PASSKEY, address)
    checks = factors.passkeys
    if checks is None:
        raise Refusal("method-forbidden", {"method": "passkey", "allowed": []})
    credential = await ledger.read(lambda tx: _own(tx, asked.intent, answer.get("id")))
    if credential is None or credential.passkey is None:
        raise await _fail(ledger, asked, "passkey-not-yours", address)
    try:
        asserted = checks.asserted(asked.signed, credential.passkey, answer)
    except PasskeyRefused as refused:
        raise await _fail(ledger, asked, refused.code, address) from None

    def step(tx: Transaction) -> Refusal | None:
        intent = enrolling(tx, policy, token)
        if _own(tx, intent, answer.get("id")) is None:  # revoked meanwhile
            return _failed(tx, asked, "passkey-not-yours", address)
        if not tx.credentials.accept_counter(credential.id, asserted.counter):
            return copied(tx, policy, asked, credential, asserted.counter, address=address)
        _keep(tx, asked, intent, credential, asserted.evidence, browser)
        return None

    await committed(ledger, step)


async def proved_by_app(
    ledger: Ledger,
    policy: Policy,
    factors: Factors,
    token: str,
    challenge_id: str,
    code: str,
    *,
    browser: str,
    address: str,
) -> None:
    """Take a code of the person's authenticator app as proof, for this browser (a digest). Raises Refusal."""
    asked = await consume(ledger, token, challenge_id, Method.TOTP, address)

    def step(tx: Transaction) -> Refusal | None:
        intent = enrolling(tx, policy, token)
        held = held_factors(tx, policy, intent.person, None)
        taken = take_code(tx, factors.codes, held.codes, code)
        if isinstance(taken, str):
            return _failed(tx, asked, taken, address)
        credential, number = taken
        _keep(tx, asked, intent, credential, {"step": number}, browser)
        return None

    await committed(ledger, step)


def _own(tx: Transaction, intent: Intent, credential_id: JsonValue) -> Credential | None:
    found = tx.credentials.by_passkey(credential_id) if isinstance(credential_id, str) else None
    return found if found is not None and found.proves and found.person == intent.person else None


def _keep(
    tx: Transaction,
    asked: Asked,
    intent: Intent,
    credential: Credential,
    evidence: Mapping[str, JsonValue],
    browser: str,
) -> None:
    facts: dict[str, JsonValue] = {
        "credential": credential.id,
        "method": credential.method,
        "evidence": {**evidence, "challenge": challenge_facts(asked.challenge, asked.intent)},
    }
    keep_proof(tx, intent, ProvedBy.FACTOR, browser=browser, facts=facts)


async def _fail(ledger: Ledger, asked: Asked, code: str, address: str) -> Refusal:
    return await ledger.write(lambda tx: _failed(tx, asked, code, address))


def _failed(tx: Transaction, asked: Asked, code: str, address: str) -> Refusal:
    return failed_at(tx, asked.intent, address=address, code=code, method=asked.challenge.method)
