"""An auditor's own check of a passkey's signature: it holds for what was agreed to, and for nothing else."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import cbor2
import pytest

from bot.domain.canonical import canonical
from bot.domain.second_factor import PREFIX
from examples.assertion import findings
from sandbox.authenticator import SoftAuthenticator, b64, unb64

ORIGIN = "https://gate.example"
FACTS: dict[str, Any] = {
    "purpose": "approve",
    "person": "ada",
    "request": "DEP-1",
    "revision": 1,
    "fingerprint": "sha256:" + "ab" * 32,
    "subject": None,
    "method": "passkey",
    "nonce": "n0nce",
    "expires_at": "2026-11-21T18:15:09.263434+00:00",
}


def evidence(device: SoftAuthenticator, facts: dict[str, Any]) -> dict[str, Any]:
    """What the record keeps of a signature of `device` over `facts`."""
    challenge = b64(hashlib.sha256(PREFIX + canonical(facts)).digest())
    response = device.get({"challenge": challenge})["response"]
    point = device.key.public_key().public_numbers()
    cose = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32), -3: point.y.to_bytes(32)})
    return {
        "public_key": b64(cose),
        "origin": ORIGIN,
        "authenticator_data": response["authenticatorData"],
        "client_data_json": response["clientDataJSON"],
        "signature": response["signature"],
        "challenge": facts,
    }


def device(**lies: Any) -> SoftAuthenticator:
    return SoftAuthenticator(ORIGIN, **({"rp_id": "gate.example"} | lies))


@pytest.mark.requirement("F11")
def test_a_signature_holds_from_the_record_alone() -> None:
    assert set(findings(evidence(device(), FACTS)).values()) == {True}


@pytest.mark.parametrize("fact", sorted(FACTS))
def test_it_holds_for_no_other_fact(fact: str) -> None:
    signed = evidence(device(), FACTS)
    failed = [
        what for what, holds in findings(signed | {"challenge": FACTS | {fact: "x"}}).items() if not holds
    ]
    assert failed == ["the challenge is the digest of what was agreed to"]


def _flipped(signed: dict[str, Any]) -> dict[str, Any]:
    return signed | {"signature": b64(unb64(signed["signature"])[:-1] + b"\x00")}


LIES: dict[str, Callable[[], dict[str, Any]]] = {
    "the signature is of the enrolled key": lambda: _flipped(evidence(device(), FACTS)),
    "it was given to our own page": lambda: evidence(
        device(client_data={"origin": "https://evil.example"}), FACTS
    ),
    "for our own host": lambda: evidence(device(rp_id="evil.example"), FACTS),
    "the authenticator verified its user": lambda: evidence(device(verifies=False), FACTS),
}


@pytest.mark.parametrize("what", LIES)
def test_each_lie_is_found(what: str) -> None:
    assert [name for name, holds in findings(LIES[what]()).items() if not holds] == [what]


def test_a_lie_about_the_clients_data_breaks_the_signature_too() -> None:
    signed = evidence(device(), FACTS)
    said = json.loads(unb64(signed["client_data_json"]))
    swapped = b64(json.dumps(said | {"crossOrigin": True}).encode())
    failed = [w for w, holds in findings(signed | {"client_data_json": swapped}).items() if not holds]
    assert failed == ["it was given to our own page", "the signature is of the enrolled key"]
