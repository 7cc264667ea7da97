"""Enrol an authenticator app: a secret that is shown once, and kept only when a code of it was typed (P8)."""

from dataclasses import dataclass

from bot.domain.refusal import Refusal
from bot.domain.second_factor import Credential, Intent, Method
from bot.flows.enroll import Fresh, factor_name, keep, methods_offered, room_for
from bot.flows.enroll_proof import Visit, enrolling, need_proof
from bot.flows.locks import committed, failed_at
from bot.flows.offers import ask_offer, offered, take_offer
from bot.policy import Policy
from bot.ports import CodeSecrets, Factors, Ledger, NewSecret, Transaction

CREATION = "totp-creation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """A secret to be shown once; its `address` is what the QR code says."""

    challenge: str
    made: NewSecret


async def offer_app(ledger: Ledger, policy: Policy, factors: Factors, visit: Visit) -> Offered:
    """A new secret, kept sealed and for as long as the proof stands. Raises Refusal `not-proved`, `too-many-factors`,
    `method-forbidden`."""
    secrets = _secrets(policy, factors)
    intent = await ledger.read(lambda tx: enrolling(tx, policy, visit.token))
    made = secrets.make(person=intent.person, issuer=f"Portcullis {policy.organization}")

    def step(tx: Transaction) -> str:
        intent = enrolling(tx, policy, visit.token)
        proof = need_proof(tx, intent, visit.browser)
        room_for(tx, intent.person)
        return ask_offer(tx, intent, CREATION, until=proof.until, facts={"sealed": made.sealed}).id

    return Offered(challenge=await ledger.write(step), made=made)


async def keep_app(
    ledger: Ledger,
    policy: Policy,
    factors: Factors,
    visit: Visit,
    challenge_id: str,
    code: str,
    name: str | None,
) -> Credential:
    """Keep the secret where the code is one of it; a wrong one is counted, and may be tried again. Raises Refusal."""

    def step(tx: Transaction) -> Credential | Refusal:
        intent = enrolling(tx, policy, visit.token)
        need_proof(tx, intent, visit.browser)
        sealed = offered(tx, intent, CREATION, challenge_id).facts.get("sealed")
        fresh = Fresh(method=Method.TOTP, sealed=str(sealed), name=factor_name(name))
        number = factors.codes.step(_trial(intent, fresh, tx), code, tx.now)
        if number is None:
            method = Method.TOTP.value
            return failed_at(tx, intent, address=visit.address, code="wrong-code", method=method)
        take_offer(tx, intent, CREATION, challenge_id)
        kept = keep(tx, policy, intent, visit, fresh)
        tx.credentials.accept_step(kept.id, number)  # it enrolled, and does nothing else
        return kept

    return await committed(ledger, step)


def _trial(intent: Intent, fresh: Fresh, tx: Transaction) -> Credential:
    """The credential as it would be, to check a code of it."""
    return Credential(
        id="trial",
        person=intent.person,
        method=fresh.method.value,
        sealed=fresh.sealed,
        enrolled_at=tx.now,
        enrolled_by=intent.via,
    )


def _secrets(policy: Policy, factors: Factors) -> CodeSecrets:
    if factors.secrets is None or Method.TOTP not in methods_offered(policy):
        raise Refusal("method-forbidden", {"method": "totp", "allowed": ["passkey"]})
    return factors.secrets
