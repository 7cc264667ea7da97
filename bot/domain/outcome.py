"""What a gate found, as data: a status, a code, facts, evidence, and what unblocks it. Words live in handlers/."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from pydantic import JsonValue


class Status(StrEnum):
    """How a gate stands. Unknown is not green."""

    PASSED = "passed"
    WARNED = "warned"
    WAITING = "waiting"
    UNKNOWN = "unknown"
    BLOCKED = "blocked"

    @property
    def rank(self) -> int:
        """Worse is larger: what is certainly forbidden outranks what nobody knows."""
        return list(Status).index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """One piece of evidence behind an outcome: who stated it and when."""

    source: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GateOutcome:
    """One gate's answer. A gate that waits says what ends it: an instant (`until`), or an event whose instant nobody
    knows (`awaits`, such as the lifting of `FRZ-3`). A warning may say `until` when it ends by itself. `retry` marks
    an unknown that exists because a source did not answer, and may go away when asked again."""

    gate: str
    status: Status
    code: str
    facts: Mapping[str, JsonValue] = field(default_factory=dict)
    cites: tuple[Citation, ...] = ()
    until: datetime | None = None
    retry: bool = False
    awaits: str | None = None
    bypassed: bool = False
    """Break-glass passes it: `status` is still what the gate itself says, and is shown beside."""

    @property
    def counts_as(self) -> Status:
        """The status that decides."""
        return Status.PASSED if self.bypassed else self.status

    def __post_init__(self) -> None:
        if self.status is Status.WAITING and (self.until is None) == (self.awaits is None):
            raise ValueError(f"{self.gate} waits, but does not say until when, or what for")
        if self.until is not None and self.status not in (Status.WAITING, Status.WARNED):
            raise ValueError(f"{self.gate} is {self.status}, but says until when")
        if self.awaits is not None and self.status is not Status.WAITING:
            raise ValueError(f"{self.gate} is {self.status}, but says what it waits for")


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """All outcomes of one decision, and the instant they were judged for."""

    outcomes: tuple[GateOutcome, ...]
    judged_at: datetime
    policy_digest: str
    earliest: datetime | None = None
    """The first instant, from the one judged for, at which everything known passes together; None where that is not
    known: something is blocked or unknown, awaits an event, or nobody asked."""

    @property
    def status(self) -> Status:
        """The worst outcome; an empty policy passes nothing."""
        return max((o.counts_as for o in self.outcomes), key=lambda s: s.rank, default=Status.UNKNOWN)

    @property
    def waits_until(self) -> datetime | None:
        """The last of the instants that the waiting gates tell: it starts no sooner. None when nothing waits, or
        when something waits for an event, whose instant nobody knows."""
        waiting = self.only(Status.WAITING)
        if any(o.awaits is not None for o in waiting):
            return None
        return max((o.until for o in waiting if o.until), default=None)

    @property
    def begins(self) -> datetime | None:
        """When it may start, for all that is known, where it has to wait; None where nothing waits, or nobody knows."""
        if self.earliest is not None:
            return self.earliest if self.earliest > self.judged_at else None
        return self.waits_until

    @property
    def awaits(self) -> tuple[str, ...]:
        """The events that something waits for, such as the lifting of a freeze (P6), in the policy's order."""
        return tuple(o.awaits for o in self.outcomes if o.awaits is not None and not o.bypassed)

    @property
    def may_be_approved(self) -> bool:
        """Nothing forbids it and nothing is unknown; it may still have to wait."""
        return self.status in (Status.PASSED, Status.WARNED, Status.WAITING)

    @property
    def may_start(self) -> bool:
        """Every gate passes now (a warning is shown, not a bar)."""
        return self.status in (Status.PASSED, Status.WARNED)

    @property
    def worth_asking_again(self) -> bool:
        """Nothing is blocked, and every unknown exists because a source did not answer."""
        unknown = self.only(Status.UNKNOWN)
        return self.status is Status.UNKNOWN and bool(unknown) and all(o.retry for o in unknown)

    def only(self, *statuses: Status) -> tuple[GateOutcome, ...]:
        """The outcomes that count as one of these statuses, in the policy's order."""
        return tuple(o for o in self.outcomes if o.counts_as in statuses)

    @property
    def bypassed(self) -> tuple[GateOutcome, ...]:
        """What break-glass passes, in the policy's order."""
        return tuple(o for o in self.outcomes if o.bypassed)


def worst_first(outcomes: Iterable[GateOutcome]) -> list[GateOutcome]:
    """Outcomes with what stops a person first; equal ones keep the policy's order."""
    return sorted(outcomes, key=lambda o: -o.counts_as.rank)
