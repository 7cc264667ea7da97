"""An incident: one environment in trouble for one kind of cause, one thread, one person who answers for it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.domain.escalation import Escalation


class IncidentState(StrEnum):
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class Cause(StrEnum):
    """What opened it. An environment has at most one open incident of each."""

    MONITORS = "monitors"  # they say RED
    DEPLOYMENT = "deployment"  # a rollout failed, or was rolled back (P21)
    DECLARED = "declared"  # a person said so (F9)
    BLINDNESS = "blindness"  # nobody can see how it is, and that lasts (F14)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What a person said of the change that went live shortly before: it was this, or it was not."""

    request: str
    related: bool
    by: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """`respond_by` is the severity's response time, counted from `opened_at`.

    `muted_by` names an environment earlier in the fix-first order that is RED as well: this one pages nobody while
    that lasts, and its colour says what it says. `suspect` went live within the hour before: a fact, and no claim.
    """

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
    first_answered_at: datetime | None = None  # when somebody had it first, where it was given up since
    resolved_by: str | None = None  # a person, or None: it is GREEN, or seen, again
    resolved_at: datetime | None = None
    cause: Cause = Cause.MONITORS
    title: str | None = None  # what a person called it
    declared_by: str | None = None
    escalation: Escalation | None = None
    muted_by: str | None = None
    suspect: str | None = None
    judged: tuple[Judged, ...] = ()
    rolled_back_by: str | None = None  # the request that takes the suspect back
    ticket: str | None = None  # what another system calls it
    again_at: datetime | None = None  # when it began anew, having been GREEN for minutes only
    group: str | None = None  # the incident whose pages tell of this one as well; its own id where it leads
    summary: str | None = (
        None  # the first of those that share one message in the channel instead of a card each
    )

    @property
    def is_open(self) -> bool:
        return self.state is not IncidentState.RESOLVED

    @property
    def answered_at(self) -> datetime | None:
        """When somebody had it for the first time (F7): to call for more people takes nothing of that back."""
        return self.first_answered_at or self.acknowledged_at

    @property
    def waits(self) -> bool:
        """Nobody has it yet, and nothing keeps people from being paged for it."""
        return self.state is IncidentState.OPEN and self.muted_by is None

    @property
    def leads(self) -> bool:
        """Whether its pages tell of others as well."""
        return self.group == self.id

    @property
    def cleared(self) -> frozenset[str]:
        """The changes of which the newest word is that they were not it."""
        newest = {judged.request: judged.related for judged in self.judged}
        return frozenset(request for request, related in newest.items() if not related)
