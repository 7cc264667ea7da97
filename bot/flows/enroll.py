"""Enrol a second factor from the host's command line: a stolen Slack login cannot do it."""

import secrets
from dataclasses import replace

from bot.domain.audit import Fact
from bot.domain.change_request import Actor
from bot.domain.refusal import Refusal
from bot.domain.second_factor import Credential
from bot.flows.asking import known
from bot.policy import Policy
from bot.ports import Ledger, Transaction


async def enroll_totp(
    ledger: Ledger, policy: Policy, *, person: str, sealed: str, by: str, again: bool
) -> Credential:
    """Keep a sealed TOTP secret for `person`. `again` revokes what was enrolled before.

    Raises Refusal `unknown-person-name` or `enrolled-already`. Audited as a bootstrap by `by` (the host's user).
    """
    known("person-name", person, list(policy.people))
    actor = Actor(via=f"host:{by}")

    def step(tx: Transaction) -> Credential:
        for old in tx.credentials.of(person):
            if not again:
                raise Refusal("enrolled-already", {"person": person})
            tx.credentials.put(replace(old, revoked_at=tx.now), Fact(type="credential.revoked", by=actor))
        credential = Credential(
            id=f"totp-{secrets.token_hex(6)}",
            person=person,
            method="totp",
            sealed=sealed,
            enrolled_at=tx.now,
            enrolled_by=actor.via,
        )
        tx.credentials.put(credential, Fact(type="credential.enrolled", by=actor))
        return credential

    return await ledger.write(step)
