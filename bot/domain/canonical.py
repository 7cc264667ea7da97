"""Canonical bytes (RFC 8785) and digests, so that two people who hold the same facts hold the same hash."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Final

import rfc8785
from pydantic import JsonValue

_EXACT: Final = 2**53 - 1
"""The largest integer that every reader of JSON reads as itself."""
_ENCODED: Final = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def canonical(value: JsonValue | Mapping[str, JsonValue]) -> bytes:
    """The RFC 8785 form of `value`. Raises `rfc8785.CanonicalizationError` for what JSON cannot say exactly."""
    try:
        if _is_plain([value]):
            # In a quarter of the time, for which every audit entry waits.
            return _ENCODED.encode(value).encode()
    except (TypeError, UnicodeEncodeError):  # a key that is no text, half a character
        pass  # refused below, in its own words
    return rfc8785.dumps(value)


def _is_plain(children: Iterable[object]) -> bool:
    """Whether Python's own encoder writes exactly the bytes of RFC 8785: nothing is a float, every integer is exact,
    and the keys are in the same order by code points as in UTF-16. Raises TypeError for a key that is no text."""
    for child in children:
        kind = type(child)
        if kind is str or child is None or kind is bool:
            continue
        if isinstance(child, dict):
            if not "".join(child).isascii() or not _is_plain(child.values()):
                return False
        elif isinstance(child, list):
            if not _is_plain(child):
                return False
        elif kind is not int or not (isinstance(child, int) and -_EXACT <= child <= _EXACT):
            return False
    return True


def sha256(content: bytes) -> str:
    """`sha256:` and the hex digest of `content`."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def digest_of(value: JsonValue | Mapping[str, JsonValue]) -> str:
    """The digest of the canonical form of `value`."""
    return sha256(canonical(value))
