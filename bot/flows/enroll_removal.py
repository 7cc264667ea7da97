"""Take away one's own lost factor: with another one that counts already, never with the one that is lost (P8)."""

from dataclasses import replace

from pydantic import JsonValue

from bot.domain.audit import Fact
from bot.domain.refusal import Refusal
from bot.domain.second_factor import Credential
from bot.flows.enroll_proof import Proof, ProvedBy, Visit, enrolling, need_proof, use_up
from bot.flows.factor_notes import named, tell
from bot.flows.reset import void_signed
from bot.policy import Policy
from bot.ports import Ledger, Transaction


async def remove(ledger: Ledger, policy: Policy, visit: Visit, credential_id: str) -> Credential:
    """Revoke a factor of the link's person, on the strength of another one of theirs; link and proof are used up.

    Raises Refusal `not-proved`, `unknown-factor`, `needs-another-factor`, `cooling-off`.
    """

    def step(tx: Transaction) -> Credential:
        intent = enrolling(tx, policy, visit.token)
        proof = need_proof(tx, intent, visit.browser)
        lost = tx.credentials.get(credential_id, lock=True)
        if lost is None or lost.person != intent.person or lost.revoked_at is not None:
            raise Refusal("unknown-factor")
        _with_another(tx, proof, lost)
        use_up(tx, intent)
        facts: dict[str, JsonValue] = {"proved_by": proof.kind.value, **proof.facts}
        gone = replace(lost, revoked_at=tx.now)
        tx.credentials.put(gone, Fact(type="credential.revoked", by=intent.actor, facts=facts))
        void_signed(tx, policy, intent.person, intent.actor, credential=gone.id)
        tell(tx, policy, intent.person, "removed", by=intent.via, **named(gone))
        return gone

    return await ledger.write(step)


def _with_another(tx: Transaction, proof: Proof, lost: Credential) -> None:
    """A factor of today takes none of last year's away: whoever enrolled it may not be the person."""
    if proof.kind is ProvedBy.LOGIN:
        return
    used = tx.credentials.get(proof.text("credential") or "")
    if used is None or used.id == lost.id:
        raise Refusal("needs-another-factor")
    if used.usable_from is not None and tx.now < used.usable_from and lost.enrolled_at < used.enrolled_at:
        raise Refusal("cooling-off", {"until": used.usable_from.isoformat()})
