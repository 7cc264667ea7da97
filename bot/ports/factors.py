"""What flows need to believe a second factor: identity providers, passkeys, codes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from pydantic import JsonValue

from bot.domain.second_factor import Challenge, Credential, Passkey


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedIn:
    """A login that was checked in full: who, when, how, and the claims that the auditor gets (no token among them)."""

    subject: str  # "ISSUER SUBJECT", as Identity.subject
    label: str
    authenticated_at: datetime
    acr: str | None
    amr: tuple[str, ...]
    roles: frozenset[str]
    claims: Mapping[str, JsonValue]
    refresh: str | None = field(
        default=None, repr=False
    )  # sealed: asks for the roles again without the person


class LoginRefused(Exception):  # noqa: N818
    """The login proves nothing, or the provider did not answer; `code` says why, `facts` holds no secret."""

    def __init__(self, code: str, **facts: JsonValue) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts


class IdentityProvider(Protocol):
    """OpenID Connect: authorization code with PKCE, everything checked after the fact."""

    async def begin(
        self, challenge: Challenge, *, nonce: str, step_up: bool
    ) -> tuple[str, Mapping[str, JsonValue]]:
        """Where to send the browser, and the facts to keep with the challenge. Raises LoginRefused."""
        ...

    async def finish(self, challenge: Challenge, *, nonce: str, code: str) -> LoggedIn:
        """Redeem the code and check the answer. Raises LoginRefused."""
        ...

    async def roles(self, refresh: str) -> tuple[frozenset[str], str]:
        """The roles that the provider gives this person now, and the sealed text for the next time.

        Raises LoginRefused: the account is gone, the grant was revoked, the provider does not answer.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Asserted:
    """A passkey's signature that was verified, with the raw assertion for the auditor."""

    counter: int
    backed_up: bool
    evidence: Mapping[str, JsonValue]


class PasskeyRefused(Exception):  # noqa: N818
    """The answer of an authenticator proves nothing; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class PasskeyCheck(Protocol):
    """WebAuthn for our own origin. Pure computation; raises PasskeyRefused and nothing else."""

    def creation_options(
        self, challenge: bytes, *, person: str, label: str, known: Sequence[Passkey]
    ) -> Mapping[str, JsonValue]: ...
    def created(self, challenge: bytes, answer: Mapping[str, JsonValue]) -> tuple[Passkey, int]:
        """The new passkey and its counter."""
        ...

    def request_options(self, challenge: bytes, *, known: Sequence[Passkey]) -> Mapping[str, JsonValue]: ...
    def asserted(self, challenge: bytes, passkey: Passkey, answer: Mapping[str, JsonValue]) -> Asserted: ...


class Seal(Protocol):
    """Encrypts second-factor secrets under the setting's key."""

    def close(self, secret: bytes, *, purpose: str) -> str: ...
    def open(self, sealed: str, *, purpose: str) -> bytes: ...


class CodeCheck(Protocol):
    """Reads a time-based code: the step it belongs to, or None where it is wrong."""

    def step(self, credential: Credential, code: str, at: datetime) -> int | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSecret:
    """A secret for an authenticator app. `sealed` is what may be kept; the rest is shown once."""

    sealed: str
    secret: str = field(repr=False)
    address: str = field(repr=False)  # otpauth://…


class CodeSecrets(Protocol):
    """Makes secrets for time-based codes."""

    def make(self, *, person: str, issuer: str) -> NewSecret: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Factors:
    """What second factors are checked and enrolled with."""

    codes: CodeCheck
    pages: str | None = None
    """Our own origin, such as https://portcullis.example.com; None: there are no pages, and codes are typed in Slack."""
    passkeys: PasskeyCheck | None = None
    logins: IdentityProvider | None = None
    secrets: CodeSecrets | None = None
