"""Verifies a passkey's signature from the exported audit trail alone, as an auditor would who trusts no program of ours.

Everything needed stands in the entry: the public key, what the authenticator and the browser said, the signature, and
the facts whose digest was the challenge.
"""

import base64
import hashlib
import json
from typing import Any, Final
from urllib.parse import urlsplit

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

PREFIX: Final = b"portcullis/approval/v1\0"
ES256: Final = -7
VERIFIED: Final = 0x04  # the authenticator saw a finger, a face or a PIN


def findings(evidence: dict[str, Any]) -> dict[str, bool]:
    """What an auditor asks of one signature, and whether it holds. Never raises on what is merely wrong."""
    said = json.loads(_bytes(evidence["client_data_json"]))
    authenticator = _bytes(evidence["authenticator_data"])
    facts = evidence["challenge"]
    # RFC 8785 of texts, whole numbers and nulls is exactly this.
    canonical = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    challenge = hashlib.sha256(PREFIX + canonical).digest()
    host = (urlsplit(evidence["origin"]).hostname or "").encode()
    return {
        "the challenge is the digest of what was agreed to": _bytes(said["challenge"]) == challenge,
        "it was given to our own page": (said["type"], said["origin"], said.get("crossOrigin"))
        == ("webauthn.get", evidence["origin"], False),
        "for our own host": authenticator[:32] == hashlib.sha256(host).digest(),
        "the authenticator verified its user": bool(authenticator[32] & VERIFIED),
        "the signature is of the enrolled key": _signed(evidence, authenticator),
    }


def _signed(evidence: dict[str, Any], authenticator: bytes) -> bool:
    cose = cbor2.loads(_bytes(evidence["public_key"]))
    if cose[3] != ES256:
        raise ValueError(f"this reads ES256 alone, not {cose[3]}")
    x, y = int.from_bytes(cose[-2]), int.from_bytes(cose[-3])
    key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    signed = authenticator + hashlib.sha256(_bytes(evidence["client_data_json"])).digest()
    try:
        key.verify(_bytes(evidence["signature"]), signed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
