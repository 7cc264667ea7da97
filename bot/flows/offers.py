"""What a browser is offered to make a new factor with: good for one answer, while its proof stands."""

import base64
import secrets
from collections.abc import Mapping
from datetime import datetime

from pydantic import JsonValue

from bot.domain.refusal import Refusal
from bot.domain.second_factor import Challenge, Intent
from bot.ports import Transaction


def ask_offer(
    tx: Transaction,
    intent: Intent,
    kind: str,
    *,
    until: datetime,
    facts: Mapping[str, JsonValue] | None = None,
) -> Challenge:
    """A fresh challenge. Its kind is part of what is signed and never one of the methods of a step-up, so neither can
    be answered in place of the other."""
    challenge = Challenge(
        id=secrets.token_urlsafe(16),
        intent=intent.id,
        method=kind,
        nonce=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("="),
        created_at=tx.now,
        expires_at=until,
        facts=facts or {},
    )
    tx.intents.ask(challenge)
    return challenge


def offered(tx: Transaction, intent: Intent, kind: str, challenge_id: str) -> Challenge:
    """The offer, which stays open. Raises Refusal `challenge-over`."""
    found = tx.intents.challenge(challenge_id)
    if found is None or tx.now >= found.expires_at or (found.intent, found.method) != (intent.id, kind):
        raise Refusal("challenge-over", {"request": None})
    return found


def take_offer(tx: Transaction, intent: Intent, kind: str, challenge_id: str) -> Challenge:
    """The offer, for the first who takes it. Raises Refusal `challenge-over`."""
    offered(tx, intent, kind, challenge_id)
    taken = tx.intents.consume(challenge_id, tx.now)
    if taken is None:
        raise Refusal("challenge-over", {"request": None})
    return taken
