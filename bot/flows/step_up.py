"""Turn a click into authority: ask a challenge, consume it, verify the factor that answers it, carry the intent out.

Three transactions, so that nothing is verified twice: the challenge is asked; it is consumed, before anybody looks at
the answer; then the intent is used and carried out, or the failure is counted. An answer is bound to its challenge,
the challenge to its intent, and the intent to a person and to the facts that they were shown (P8 P9 F11).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from bot.domain.approval import SecondFactor
from bot.domain.refusal import Refusal
from bot.domain.second_factor import Credential, Intent, Method, challenge_facts
from bot.flows.acts import ACTS
from bot.flows.approve import take_code
from bot.flows.challenges import Asked, Shown, challenge, consume, keep_with, peek, shown, usable, within
from bot.flows.copied_passkey import copied
from bot.flows.held_factors import cooling, environment_of
from bot.flows.intents import intent_of
from bot.flows.locks import committed, failed_at
from bot.flows.reload_policy import in_force
from bot.policy import Policy
from bot.ports import Factors, Ledger, LoggedIn, PasskeyRefused, Transaction

__all__ = [
    "Asked", "Done", "Shown", "by_code", "by_login", "by_passkey", "challenge", "fail_login", "keep_with", "peek", "shown",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """It was carried out."""

    intent: Intent
    method: Method


async def by_passkey(
    ledger: Ledger,
    policy: Policy,
    factors: Factors,
    token: str,
    challenge_id: str,
    answer: Mapping[str, JsonValue],
    *,
    address: str,
) -> Done:
    """Carry the intent out by a passkey's signature over exactly this challenge. Raises Refusal."""
    asked = await consume(ledger, token, challenge_id, Method.PASSKEY, address)
    credential_id = answer.get("id")
    credential = await ledger.read(lambda tx: _passkey(tx, asked.intent, credential_id))
    if isinstance(credential, Refusal):
        raise await _fail(ledger, asked, credential, address)
    passkey = credential.passkey
    if factors.passkeys is None or passkey is None:
        raise Refusal("method-forbidden", {"method": "passkey", "allowed": []})
    try:
        asserted = factors.passkeys.asserted(asked.signed, passkey, answer)
    except PasskeyRefused as refused:
        raise await _fail(ledger, asked, Refusal(refused.code), address) from None

    def step(tx: Transaction) -> Refusal | None:
        usable(tx, policy, asked.intent, Method.PASSKEY, address)
        if not _proves(tx, policy, asked.intent, credential.id):
            raise Refusal("passkey-unknown")
        if not tx.credentials.accept_counter(credential.id, asserted.counter):
            return copied(tx, policy, asked, credential, asserted.counter, address=address)
        evidence = {**asserted.evidence, "challenge": challenge_facts(asked.challenge, asked.intent)}
        _carry_out(tx, policy, token, asked, credential.id, evidence)
        return None

    return await _done(ledger, step, asked)


async def by_code(
    ledger: Ledger,
    policy: Policy,
    factors: Factors,
    token: str,
    challenge_id: str,
    code: str,
    *,
    address: str,
) -> Done:
    """Carry the intent out by a code that was never used before. Raises Refusal."""
    asked = await consume(ledger, token, challenge_id, Method.TOTP, address)

    def step(tx: Transaction) -> Refusal | None:
        held = usable(tx, policy, asked.intent, Method.TOTP, address)
        taken = take_code(tx, factors.codes, held.codes, code)
        if isinstance(taken, str):
            return _failed(tx, asked, Refusal(taken), address)
        credential, number = taken
        evidence: dict[str, JsonValue] = {
            "step": number,
            "challenge": challenge_facts(asked.challenge, asked.intent),
        }
        _carry_out(tx, policy, token, asked, credential.id, evidence)
        return None

    return await _done(ledger, step, asked)


async def by_login(
    ledger: Ledger, policy: Policy, token: str, challenge_id: str, logged_in: LoggedIn, *, address: str
) -> Done:
    """Carry the intent out by a login whose answer was checked in full, and which is this person's own. It has to be
    as fresh as the policy wants, and younger than the click. Raises Refusal."""
    asked = await consume(ledger, token, challenge_id, Method.OIDC, address)

    def step(tx: Transaction) -> Refusal | None:
        held = usable(tx, policy, asked.intent, Method.OIDC, address)
        linked = next((i for i in held.logins if i.subject == logged_in.subject), None)
        if linked is None:
            return _failed(tx, asked, Refusal("login-not-yours"), address)
        age = tx.now - logged_in.authenticated_at
        if age > within(tx, policy, asked.intent):
            return _failed(tx, asked, Refusal("login-too-old"), address)
        evidence: dict[str, JsonValue] = {
            "subject": logged_in.subject,
            "acr": logged_in.acr,
            "amr": [*logged_in.amr],
            "authenticated_at": logged_in.authenticated_at.isoformat(),
            "claims": dict(logged_in.claims),
            "challenge": challenge_facts(asked.challenge, asked.intent),
        }
        _carry_out(tx, policy, token, asked, linked.id, evidence)
        return None

    return await _done(ledger, step, asked)


async def fail_login(ledger: Ledger, token: str, challenge_id: str, code: str, *, address: str) -> Refusal:
    """Count a login that proved too little; its challenge is used up. Gives the refusal to show, or raises one."""
    asked = await consume(ledger, token, challenge_id, Method.OIDC, address)
    return await _fail(ledger, asked, Refusal(code), address)


def _passkey(tx: Transaction, intent: Intent, credential_id: JsonValue) -> Credential | Refusal:
    """The credential that answered, which has to be this very person's; or why it does not count."""
    known = isinstance(credential_id, str) and credential_id.isascii()
    found = tx.credentials.by_passkey(str(credential_id)) if known else None
    if found is None or found.passkey is None or not found.proves:
        return Refusal("passkey-unknown")
    return found if found.person == intent.person else Refusal("passkey-not-yours")


def _proves(tx: Transaction, policy: Policy, intent: Intent, credential_id: str) -> bool:
    """Whether it still does, in the transaction that decides. Raises Refusal `cooling-off`."""
    credential = tx.credentials.get(credential_id, lock=True)
    if credential is None or not credential.proves:
        return False
    if cooling(tx, policy, credential, environment_of(tx, intent)):
        until = credential.usable_from
        raise Refusal("cooling-off", {"until": None if until is None else until.isoformat()})
    return True


# What comes after


def _carry_out(
    tx: Transaction,
    policy: Policy,
    token: str,
    asked: Asked,
    credential: str,
    evidence: Mapping[str, JsonValue],
) -> None:
    """Use the intent and do what it says, in one transaction; what it acts on is checked again. Raises Refusal."""
    intent = intent_of(tx, token)
    if not in_force(tx, policy):  # put in force while the person proved who they are
        raise Refusal("policy-changed", {"request": intent.request})
    if not tx.intents.use(intent.id, tx.now):
        raise Refusal("link-used", {"request": intent.request, "purpose": intent.purpose.value})
    factor = SecondFactor(
        method=asked.challenge.method, credential=credential, at=tx.now, evidence=dict(evidence)
    )
    ACTS[intent.purpose](tx, policy, intent, factor)


async def _done(ledger: Ledger, step: Callable[[Transaction], Refusal | None], asked: Asked) -> Done:
    await committed(ledger, step)
    return Done(intent=asked.intent, method=Method(asked.challenge.method))


def _failed(tx: Transaction, asked: Asked, why: Refusal, address: str) -> Refusal:
    method = asked.challenge.method
    return failed_at(tx, asked.intent, address=address, code=why.code, method=method)


async def _fail(ledger: Ledger, asked: Asked, why: Refusal, address: str) -> Refusal:
    return await ledger.write(lambda tx: _failed(tx, asked, why, address))
