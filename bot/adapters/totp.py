"""Time-based one-time passwords (RFC 6238: SHA-1, six digits, 30 seconds), the fallback second factor (P8)."""

import hmac
import re
from datetime import datetime

import pyotp

from bot.ports import NewSecret, Seal

_DIGITS = 6
_CODE = re.compile(rf"[0-9]{{{_DIGITS}}}")
_PURPOSE = "totp"


class Totp:
    """Makes secrets, and tells which 30-second step a code belongs to. Whether a step was used before is the
    ledger's business (`Credentials.accept_step`): a code alone can be replayed within its window."""

    def __init__(self, seal: Seal) -> None:
        self._seal = seal

    def new_secret(self) -> str:
        """A fresh secret of 160 bits, in base32 as authenticator apps expect it."""
        return pyotp.random_base32(32)

    def make(self, *, person: str, issuer: str) -> NewSecret:
        """Implements ports.CodeSecrets: a fresh secret, sealed for `person`, with the address of its QR code."""
        secret = self.new_secret()
        address = self.provisioning_uri(person, issuer, secret)
        return NewSecret(sealed=self.sealed(secret, person=person), secret=secret, address=address)

    def sealed(self, secret: str, *, person: str) -> str:
        """`secret` as it may be stored, bound to `person`: another person's row does not open with it."""
        return self._seal.close(secret.encode("ascii"), purpose=f"{_PURPOSE}/{person}")

    def opened(self, sealed: str, *, person: str) -> str:
        """The secret again. Raises SealBroken where the key, the person or the text is another."""
        return self._seal.open(sealed, purpose=f"{_PURPOSE}/{person}").decode("ascii")

    def provisioning_uri(self, person: str, issuer: str, secret: str) -> str:
        """The `otpauth://` address that an authenticator app reads as a QR code."""
        return pyotp.TOTP(secret, digits=_DIGITS, name=person, issuer=issuer).provisioning_uri()

    def step_of(self, code: str, secret: str, at: datetime, window: int = 1) -> int | None:
        """The step that `code` was made for, among those within `window` of `at`; None where there is none.

        White space in the code is ignored, digits of other scripts are refused. Every step of the window is
        compared in constant time, so that the answer's delay tells nothing. Raises ValueError for a naive `at`.
        """
        if at.tzinfo is None:
            raise ValueError("a naive time has no step")
        typed = "".join(code.split())
        if not _CODE.fullmatch(typed):
            return None
        totp = pyotp.TOTP(secret, digits=_DIGITS)
        present = totp.timecode(at)
        found = None
        for step in range(max(present - window, 0), present + window + 1):
            if hmac.compare_digest(typed, totp.generate_otp(step)):
                found = step  # the newest that fits: accepting it also uses up the older ones
        return found
