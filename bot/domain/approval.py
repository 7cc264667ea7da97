"""An approval: one person's signed word on one fingerprint, and the five-key record of P11."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from pydantic import JsonValue

from bot.domain.change_request import Actor, ChangeRequest


class ApprovalState(StrEnum):
    """A signature counts only after the roles and the gates were asked anew."""

    SIGNED = "signed"
    COUNTED = "counted"
    REFUSED = "refused"
    VOID = "void"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondFactor:
    """How a person proved to be themselves, just now. `evidence` is what an auditor verifies it by (the raw assertion
    of a passkey, the claims of a login); it never holds a secret, a code or a token."""

    method: str
    credential: str
    at: datetime
    evidence: Mapping[str, JsonValue] = field(default_factory=dict)


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


def signature(request: ChangeRequest, by: Actor, factor: SecondFactor, *, at: datetime) -> Approval:
    """What `by` signs at this instant: the request as it stands, by its fingerprint. It counts nothing yet."""
    return Approval(
        request=request.id,
        revision=request.revision,
        person=by.person or "",
        via=by.via,
        fingerprint=request.fingerprint or "",
        signed_at=at,
        factor=factor,
    )


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
