"""Second factors: what a person enrolled, and the intent and the challenge that one is used for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from pydantic import JsonValue

from bot.domain.canonical import canonical, sha256
from bot.domain.change_request import Actor


class Method(StrEnum):
    """How a person proves to be themselves (P8), the strongest first."""

    PASSKEY = "passkey"
    OIDC = "oidc"
    TOTP = "totp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Passkey:
    """The public half of a WebAuthn credential; nothing in it is secret. Texts are base64url without padding."""

    credential_id: str
    public_key: str  # COSE
    transports: tuple[str, ...] = ()
    backed_up: bool = False  # it may be on several devices of the person
    aaguid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """One enrolled second factor of one person. `sealed` is ciphertext; the last TOTP step, or the last signature
    counter of a passkey, is kept beside it, not here.

    It proves nothing until `confirmed_at`; before `usable_from` it proves nothing for production (the cool-off).
    """

    id: str
    person: str
    method: str  # a Method, "totp" or "passkey"
    sealed: str
    enrolled_at: datetime
    enrolled_by: str
    revoked_at: datetime | None = None
    passkey: Passkey | None = None
    name: str | None = None  # as its owner called it
    pending: bool = False  # a second administrator has not confirmed it yet
    confirmed_by: str | None = None
    usable_from: datetime | None = None

    @property
    def proves(self) -> bool:
        """Whether it is in force at all."""
        return self.revoked_at is None and not self.pending


class Purpose(StrEnum):
    """What a link to our pages is for."""

    APPROVE = "approve"
    WITHDRAW = "withdraw"
    ENROLL = "enroll"
    CONFIRM = "confirm"  # a second administrator confirms somebody's enrolment
    RESET = "reset"  # one of the two who take away what somebody enrolled


INTENT_LASTS: Final = timedelta(minutes=10)
CHALLENGE_LASTS: Final = timedelta(seconds=120)


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A click in Slack: who wants to do what, to exactly which facts. It carries no authority; a second factor does.

    `id` is the digest of the token in the link: the database alone gives no link away.
    """

    id: str
    purpose: Purpose
    person: str
    via: str  # "slack:T1/U01ADA"
    created_at: datetime
    expires_at: datetime
    request: str | None = None
    revision: int | None = None
    fingerprint: str | None = None
    subject: str | None = None  # the person or credential that it is about
    words: str | None = None  # the reason given in Slack

    @property
    def actor(self) -> Actor:
        """Whoever clicked."""
        return Actor(via=self.via, person=self.person)

    @property
    def about(self) -> str:
        """The subject under which the trail tells of it: its request, or the person's own factors."""
        return f"person/{self.person}" if self.request is None else f"request/{self.request}"

    used_at: datetime | None = None

    def __post_init__(self) -> None:
        bound = (self.request, self.revision, self.fingerprint)
        if self.purpose in _BOUND and None in bound:
            raise ValueError(
                f"an intent to {self.purpose} names the request, its revision and its fingerprint"
            )


_BOUND: Final = frozenset({Purpose.APPROVE, Purpose.WITHDRAW})


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """What one use of one factor answers: 32 random bytes for one intent, consumed before anything is verified.

    `facts` is what the method needs to remember between asking and answering (the state of a login, for one).
    """

    id: str  # random, as the page names it
    intent: str
    method: str
    nonce: str  # base64url
    created_at: datetime
    expires_at: datetime
    facts: Mapping[str, JsonValue] = field(default_factory=dict)
    consumed_at: datetime | None = None

    def signed_bytes(self, intent: Intent) -> bytes:
        """What a passkey signs, and what a login's nonce is: a digest over everything that the person agrees to."""
        return bytes.fromhex(self.digest(intent).removeprefix("sha256:"))

    def digest(self, intent: Intent) -> str:
        """SHA-256 over a domain-separation prefix and the RFC 8785 form of the facts; an auditor recomputes it."""
        return sha256(PREFIX + canonical(challenge_facts(self, intent)))


PREFIX: Final = b"portcullis/approval/v1\0"


def challenge_facts(challenge: Challenge, intent: Intent) -> dict[str, JsonValue]:
    """What is signed, by name. The fingerprint covers the artifact, its digest, the policy and the evidence."""
    return {
        "purpose": intent.purpose.value,
        "person": intent.person,
        "request": intent.request,
        "revision": intent.revision,
        "fingerprint": intent.fingerprint,
        "subject": intent.subject,
        "words": intent.words,
        "method": challenge.method,
        "nonce": challenge.nonce,
        "expires_at": challenge.expires_at.isoformat(),
    }
