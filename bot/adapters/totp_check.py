"""Checks a typed code against an enrolled TOTP credential."""

from datetime import datetime

from bot.adapters.totp import Totp
from bot.domain.second_factor import Credential


class TotpCheck:
    """Implements ports.CodeCheck. A secret that does not open (another key) is a broken installation: it raises."""

    def __init__(self, totp: Totp) -> None:
        self._totp = totp

    def step(self, credential: Credential, code: str, at: datetime) -> int | None:
        """The step that the code was made for, or None where it is wrong or the credential is no TOTP."""
        if credential.method != "totp":
            return None
        secret = self._totp.opened(credential.sealed, person=credential.person)
        return self._totp.step_of(code, secret, at)
