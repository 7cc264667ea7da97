"""An override: somebody takes a stretch of somebody else's on-call duty."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from bot.domain.change_request import Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """`person` is on call in `rotation` during [begins_at, ends_at), whoever's turn it is. Of several that overlap
    the one declared last holds; one that was taken back holds nothing. `by_lead`: whoever declared it held one of the
    rotation's lead roles then."""

    id: str
    rotation: str
    person: str
    begins_at: datetime
    ends_at: datetime
    declared_by: Actor
    declared_at: datetime
    reason: str | None = None
    by_lead: bool = False
    cancelled_by: Actor | None = None
    cancelled_at: datetime | None = None

    def __post_init__(self) -> None:
        if self.ends_at <= self.begins_at:
            raise ValueError(f"{self.id} ends before it begins")
        if (self.cancelled_by is None) != (self.cancelled_at is None):
            raise ValueError(f"{self.id} is cancelled by somebody, at some time")

    @property
    def over_at(self) -> datetime:
        """When it holds no more: its end, or when it was taken back."""
        return self.ends_at if self.cancelled_at is None else min(self.ends_at, self.cancelled_at)

    def moves_seats(self, people: Collection[str]) -> bool:
        """Whether its taker also has the duty's seats in approvals: one of the rotation's own `people`, or whom a lead
        named. Anybody else is paged, and no more: a click of whoever is on call hands no seat to a stranger to it."""
        return self.by_lead or self.person in people

    def covers(self, instant: datetime) -> bool:
        """Whether it holds at an instant."""
        return self.begins_at <= instant < self.over_at
