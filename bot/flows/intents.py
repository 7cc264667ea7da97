"""Links to our own pages: a click becomes an intent, and the intent a link that carries no authority of its own."""

import base64
import hashlib
import secrets
from datetime import timedelta
from typing import Final

from bot.domain.change_request import ChangeRequest
from bot.domain.refusal import Refusal
from bot.domain.second_factor import CHALLENGE_LASTS, INTENT_LASTS, Challenge, Intent, Method, Purpose
from bot.flows.asking import Asker
from bot.ports import Transaction

TOKEN_BYTES: Final = 32


def open_intent(
    tx: Transaction,
    *,
    purpose: Purpose,
    person: str,
    asker: Asker,
    request: ChangeRequest | None = None,
    subject: str | None = None,
    words: str | None = None,
) -> str:
    """Keep what `person` wants to do, bound to the facts of `request` as they stand; gives the link's token, which is
    kept nowhere else. It lasts for ten minutes."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    tx.intents.put(
        Intent(
            id=_id(token),
            purpose=purpose,
            person=person,
            via=asker.via,
            created_at=tx.now,
            expires_at=tx.now + INTENT_LASTS,
            request=None if request is None else request.id,
            revision=None if request is None else request.revision,
            fingerprint=None if request is None else request.fingerprint,
            subject=subject,
            words=words,
        )
    )
    return token


def intent_of(tx: Transaction, token: str, *, used: bool = False) -> Intent:
    """The intent behind a link; `used`: also one that was carried out, whatever time it is. Raises Refusal
    `link-unknown`, `link-used` or `link-over`."""
    found = tx.intents.get(_id(token))
    if found is None:
        raise Refusal("link-unknown")
    if found.used_at is not None and used:
        return found
    if found.used_at is not None:
        raise Refusal("link-used", {"request": found.request, "purpose": found.purpose.value})
    if tx.now >= found.expires_at:
        raise Refusal("link-over", {"request": found.request, "purpose": found.purpose.value})
    return found


def ask_challenge(
    tx: Transaction, intent: Intent, method: Method, *, within: timedelta = CHALLENGE_LASTS
) -> Challenge:
    """A fresh challenge for one use of one factor; it lasts for two minutes, no longer than its intent, and no longer
    than the policy calls a factor fresh (`within`)."""
    challenge = Challenge(
        id=secrets.token_urlsafe(16),
        intent=intent.id,
        method=method.value,
        nonce=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("="),
        created_at=tx.now,
        expires_at=min(tx.now + min(CHALLENGE_LASTS, within), intent.expires_at),
    )
    tx.intents.ask(challenge)
    return challenge


def _id(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
