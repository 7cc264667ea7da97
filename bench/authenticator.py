"""The passkey of the benchmark: the sandbox's, synced, with a key that another process can be given."""

from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from sandbox.authenticator import SoftAuthenticator, b64, unb64

__all__ = ["Authenticator", "b64"]


@dataclass(frozen=True, slots=True)
class Authenticator:
    """One key, made anew for each run of the benchmark, for one page."""

    passkey: SoftAuthenticator

    @classmethod
    def new(cls, origin: str) -> "Authenticator":
        """One with a fresh key."""
        return cls(SoftAuthenticator(origin, synced=True))

    @property
    def origin(self) -> str:
        """The page that it signs for."""
        return self.passkey.origin

    @classmethod
    def of(cls, origin: str, pem: bytes) -> "Authenticator":
        """The one whose key was written by `pem`. Raises ValueError for another kind of key."""
        key = load_pem_private_key(pem, password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ValueError("not a key of this authenticator")  # noqa: TRY004 -- of what a file holds
        return cls(SoftAuthenticator(origin, synced=True, key=key))

    def pem(self) -> bytes:
        """The private key, for the process that plays the browser."""
        return self.passkey.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def public_key(self) -> str:
        """The public half (COSE), as it is enrolled."""
        return b64(self.passkey.public_key)

    def answer(self, credential_id: str, challenge: str) -> dict[str, Any]:
        """What a browser hands to the page after `navigator.credentials.get`. `challenge`: base64url."""
        self.passkey.id = unb64(credential_id)
        return self.passkey.get({"challenge": challenge})
