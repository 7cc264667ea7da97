"""What is shipped: a tag and the digest it stood for, and what the registry says of it."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")  # the OCI distribution specification's grammar


@dataclass(frozen=True, slots=True)
class Artifact:
    """A tag, and the digest it stood for when we looked (None: nobody has looked)."""

    tag: str
    digest: str | None = None

    def __post_init__(self) -> None:
        if not TAG.fullmatch(self.tag):
            raise ValueError(f"not an OCI tag: {self.tag!r}")
        if self.digest is not None and not DIGEST.fullmatch(self.digest):
            raise ValueError(f"not a sha256 digest: {self.digest!r}")


class RegistryWord(StrEnum):
    """How the registry answered."""

    FOUND = "found"
    MISSING = "missing"
    UNREACHABLE = "unreachable"
    NOT_CONFIGURED = "not-configured"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryAnswer:
    """The registry's own word on one tag or digest, at one instant."""

    word: RegistryWord
    asked_at: datetime
    digest: str | None = None
    problem: str | None = None  # a short code such as "timeout" or "http-503"; never the upstream's text
