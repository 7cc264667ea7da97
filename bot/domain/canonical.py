"""Canonical bytes (RFC 8785) and digests, so that two people who hold the same facts hold the same hash."""

import hashlib
from collections.abc import Mapping

import rfc8785
from pydantic import JsonValue


def canonical(value: JsonValue | Mapping[str, JsonValue]) -> bytes:
    """The RFC 8785 form of `value`. Raises `rfc8785.CanonicalizationError` for what JSON cannot say exactly."""
    return rfc8785.dumps(value)


def sha256(content: bytes) -> str:
    """`sha256:` and the hex digest of `content`."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def digest_of(value: JsonValue | Mapping[str, JsonValue]) -> str:
    """The digest of the canonical form of `value`."""
    return sha256(canonical(value))
