"""A statement by CI, a scanner or a monitor about one artifact, with the instant it was made."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from pydantic import JsonValue


class EvidenceKind(StrEnum):
    """What was stated."""

    BUILD = "build"
    VERIFICATION = "verification"
    SCAN = "scan"
    DEPLOYMENT = "deployment"
    TESTS = "tests"
    BACKUP = "backup"
    FLAG = "flag"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One statement. `id` is the digest of the statement, so the same one repeated is one row."""

    id: str
    kind: EvidenceKind
    service: str
    artifact: str
    digest: str | None
    environment: str | None
    passed: bool
    at: datetime
    received_at: datetime
    source: str
    counts: Mapping[str, int] = field(default_factory=dict)
    details: Mapping[str, JsonValue] = field(default_factory=dict)

    def said(self) -> dict[str, JsonValue]:
        """What the statement says, without when and by whom: the part that an approval is bound to."""
        return {
            "kind": self.kind.value,
            "environment": self.environment,
            "artifact": self.artifact,
            "digest": self.digest,
            "passed": self.passed,
            "counts": dict(self.counts),
            "findings": self.details.get("findings"),
        }


def newest(
    evidence: Iterable[Evidence], kind: EvidenceKind, *, environment: str | None = None
) -> Evidence | None:
    """The newest statement of this kind (in this environment, if one is named); a later one replaces an earlier."""
    fitting = (
        e for e in evidence if e.kind is kind and (environment is None or e.environment == environment)
    )
    return max(fitting, key=lambda e: (e.at, e.received_at, e.id), default=None)
