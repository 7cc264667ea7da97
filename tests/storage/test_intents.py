"""Intents and challenges: each used once, by whoever comes first."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.second_factor import CHALLENGE_LASTS, Challenge, Intent, Purpose
from storage.ledger import Ledger
from tests.conftest import NOON

pytestmark = pytest.mark.requirement("F11")

INTENT = Intent(
    id="sha256:1",
    purpose=Purpose.APPROVE,
    person="ada",
    via="slack:T1/U01ADA",
    created_at=NOON,
    expires_at=NOON + timedelta(minutes=10),
    request="DEP-1",
    revision=1,
    fingerprint="sha256:f",
)
CHALLENGE = Challenge(
    id="c1",
    intent="sha256:1",
    method="passkey",
    nonce="bm9uY2U",
    created_at=NOON,
    expires_at=NOON + CHALLENGE_LASTS,
    facts={"state": "s"},
)


async def test_an_intent_is_used_once(ledger: Ledger) -> None:
    await ledger.write(lambda tx: tx.intents.put(INTENT))
    assert await ledger.read(lambda tx: tx.intents.get("sha256:1")) == INTENT
    used = await asyncio.gather(
        *(ledger.write(lambda tx: tx.intents.use("sha256:1", NOON)) for _ in range(5))
    )
    assert sorted(used) == [False, False, False, False, True]
    found = await ledger.read(lambda tx: tx.intents.get("sha256:1"))
    assert found is not None
    assert found.used_at is not None
    assert await ledger.read(lambda tx: tx.intents.get("another")) is None
    assert not await ledger.write(lambda tx: tx.intents.use("another", NOON))


async def test_a_challenge_is_consumed_by_the_first_who_comes(ledger: Ledger) -> None:
    await ledger.write(lambda tx: tx.intents.ask(CHALLENGE))
    found = await asyncio.gather(*(ledger.write(lambda tx: tx.intents.consume("c1", NOON)) for _ in range(5)))
    assert [f for f in found if f is not None] == [replace(CHALLENGE, consumed_at=NOON)]
    assert await ledger.read(lambda tx: tx.intents.challenge("c1")) == CHALLENGE


async def test_a_challenge_is_over_after_two_minutes(ledger: Ledger) -> None:
    await ledger.write(lambda tx: tx.intents.ask(CHALLENGE))
    assert await ledger.write(lambda tx: tx.intents.consume("c1", NOON + CHALLENGE_LASTS)) is None
    assert await ledger.write(lambda tx: tx.intents.consume("unknown", NOON)) is None


def test_what_is_signed_differs_with_every_fact() -> None:
    others = [
        CHALLENGE.digest(replace(INTENT, person="bo")),
        CHALLENGE.digest(replace(INTENT, fingerprint="sha256:g")),
        CHALLENGE.digest(replace(INTENT, revision=2)),
        CHALLENGE.digest(replace(INTENT, request="DEP-2")),
        CHALLENGE.digest(replace(INTENT, purpose=Purpose.WITHDRAW)),
        replace(CHALLENGE, nonce="bm9uY2V0").digest(INTENT),
        replace(CHALLENGE, method="oidc").digest(INTENT),
        replace(CHALLENGE, expires_at=NOON).digest(INTENT),
    ]
    assert len({CHALLENGE.digest(INTENT), *others}) == len(others) + 1
    assert len(CHALLENGE.signed_bytes(INTENT)) == 32


def test_an_intent_that_signs_names_what_it_signs() -> None:
    with pytest.raises(ValueError, match="names the request"):
        replace(INTENT, fingerprint=None)
