"""An approval: one person's signed word on one fingerprint, and the five-key record of P11."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from pydantic import JsonValue


class ApprovalState(StrEnum):
    """A signature counts only after the roles and the gates were asked anew."""

    SIGNED = "signed"
    COUNTED = "counted"
    REFUSED = "refused"
    VOID = "void"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondFactor:
    """How a person proved to be themselves, just now. `evidence` never holds a secret or a code."""

    method: str
    credential: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """One signature: at most one per person, request and revision."""

    request: str
    revision: int
    person: str
    via: str
    fingerprint: str
    signed_at: datetime
    factor: SecondFactor
    state: ApprovalState = ApprovalState.SIGNED
    roles: tuple[str, ...] = ()
    code: str | None = None

    @property
    def id(self) -> str:
        return f"{self.request}/{self.revision}/{self.person}"


def approval_record(
    *,
    artifact: str,
    approver: str,
    approved_at: datetime,
    deployment_window: str,
    requested_at: datetime,
) -> dict[str, JsonValue]:
    """P11: the record with exactly its five keys; the duration is in whole seconds since the request."""
    return {
        "artifact": artifact,
        "approver": approver,
        "approved_at": approved_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "deployment_window": deployment_window,
        "approval_duration_seconds": max(0, int((approved_at - requested_at).total_seconds())),
    }
