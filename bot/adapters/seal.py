"""Encrypts second-factor secrets under the setting's key, so that the database alone gives none away."""

import base64
import binascii
import os
import re
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr

_VERSION = "v1"
_NONCE_BYTES = 12
_LEAST_CHARACTERS = 32
_LEAST_HEX = 64  # 32 bytes
_LEAST_DISTINCT = 8


class WeakKey(ValueError):  # noqa: N818 -- it names what the key is
    """The key is too easily guessed; the text says so in one line and does not contain the key."""


class SealBroken(Exception):  # noqa: N818 -- it names what was found
    """What was sealed cannot be opened: another key, another purpose, or it was altered."""


def new_key() -> str:
    """A fresh key of 32 random bytes, as text that fits an environment variable."""
    return secrets.token_urlsafe(32)


class KeySeal:
    """Implements ports.Seal with AES-256-GCM, under a key of its own for each purpose (HKDF-SHA256).

    A sealed text is `v1.` and base64url of nonce and ciphertext. The purpose is authenticated too: what was sealed
    for one person's credential does not open as another's.
    """

    def __init__(self, key: SecretStr) -> None:
        """Raises WeakKey for fewer than 32 bytes: 64 hexadecimal digits, or 32 characters of any other text."""
        text = key.get_secret_value().strip()
        _refuse_weak(text)
        self._key = text.encode()

    def close(self, secret: bytes, *, purpose: str) -> str:
        """`secret`, encrypted for `purpose`; sealing the same secret twice gives two different texts."""
        nonce = os.urandom(_NONCE_BYTES)
        cipher = self._cipher(purpose).encrypt(nonce, secret, _bound_to(purpose))
        return f"{_VERSION}.{base64.urlsafe_b64encode(nonce + cipher).decode()}"

    def open(self, sealed: str, *, purpose: str) -> bytes:
        """What was sealed for `purpose`. Raises SealBroken."""
        version, _, body = sealed.partition(".")
        if version != _VERSION:
            raise SealBroken("sealed by a version that is not known here")
        raw = _decoded(body)
        try:
            return self._cipher(purpose).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], _bound_to(purpose))
        except (InvalidTag, ValueError) as error:
            raise SealBroken("sealed under another key or for another purpose, or altered since") from error

    def _cipher(self, purpose: str) -> AESGCM:
        derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=_bound_to(purpose)).derive(self._key)
        return AESGCM(derived)


def _decoded(body: str) -> bytes:
    """The bytes of base64url text in its one canonical spelling."""
    try:
        raw = base64.b64decode(body.encode("ascii"), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise SealBroken("the sealed text is malformed") from error
    if base64.urlsafe_b64encode(raw).decode() != body:
        raise SealBroken("the sealed text is malformed")
    return raw


def _bound_to(purpose: str) -> bytes:
    return f"portcullis/seal/{_VERSION}\0{purpose}".encode()


def _refuse_weak(text: str) -> None:
    if re.fullmatch(r"[0-9a-fA-F]+", text) and len(text) < _LEAST_HEX:
        raise WeakKey(f"the key has {len(text)} hexadecimal digits, and needs {_LEAST_HEX} (32 bytes)")
    if len(text) < _LEAST_CHARACTERS:
        raise WeakKey(f"the key has {len(text)} characters, and needs at least {_LEAST_CHARACTERS}")
    if len(set(text)) < _LEAST_DISTINCT:
        raise WeakKey(
            f"the key repeats fewer than {_LEAST_DISTINCT} different characters, and can be guessed"
        )
