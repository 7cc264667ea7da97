"""Second-factor credentials: what a person enrolled, with the secret sealed."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """One enrolled second factor of one person. `sealed` is ciphertext; `last_step` is kept beside it, not here."""

    id: str
    person: str
    method: str  # "totp"; passkeys and OIDC join it
    sealed: str
    enrolled_at: datetime
    enrolled_by: str
    revoked_at: datetime | None = None
