"""An incident: one environment turned RED, one thread, one person who answers for it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class IncidentState(StrEnum):
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """`respond_by` is the severity's response time, counted from `opened_at`."""

    id: str
    environment: str
    severity: str
    state: IncidentState
    opened_at: datetime
    respond_by: datetime | None
    causes: tuple[str, ...]
    on_call: str | None
    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None
    resolved_by: str | None = None  # a person, or None: the environment turned GREEN
    resolved_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        return self.state is not IncidentState.RESOLVED
