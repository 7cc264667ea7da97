"""Checks a typed code against an enrolled TOTP credential."""

from datetime import datetime

from bot.adapters.seal import SealBroken
from bot.adapters.totp import Totp
from bot.domain.refusal import Refusal
from bot.domain.second_factor import Credential


class TotpCheck:
    """Implements ports.CodeCheck. A secret that does not open is a broken installation: Refusal `key-changed`."""

    def __init__(self, totp: Totp) -> None:
        self._totp = totp

    def step(self, credential: Credential, code: str, at: datetime) -> int | None:
        """The step that the code was made for, or None where it is wrong or the credential is no TOTP."""
        if credential.method != "totp":
            return None
        try:
            secret = self._totp.opened(credential.sealed, person=credential.person)
        except SealBroken:
            raise Refusal("key-changed") from None
        return self._totp.step_of(code, secret, at)
