"""A freeze that people declared while the bot runs: what it forbids, where, from when until when, and who lifted it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from bot.domain.calendar import Effect, Fixed, Rule, RuleKind, Scope, Span
from bot.domain.change_request import Actor

UNTIL_LIFTED: Final = datetime(9999, 12, 31, tzinfo=UTC)
"""The end of a freeze that has none yet: the calendar needs an instant, and no real one lies so far ahead."""

NOTICE: Final = timedelta(days=1)
"""How long before its beginning a freeze is announced once more."""
ALIKE: Final = timedelta(minutes=1)
"""Two declarations whose edges lie nearer to each other than this mean the same times."""


class FreezeClass(StrEnum):
    """SOFT discourages: what starts needs an acknowledged reason. HARD prohibits, and holds rollouts under way (P6)."""

    SOFT = "soft"
    HARD = "hard"


class FreezeState(StrEnum):
    """How a freeze stands at an instant."""

    SCHEDULED = "scheduled"
    ACTIVE = "active"
    ENDED = "ended"
    LIFTED = "lifted"


class Moment(StrEnum):
    """The instants at which people hear of a freeze."""

    DAY_BEFORE = "day-before"
    BEGIN = "begin"
    END = "end"


def moments(begins_at: datetime, ends_at: datetime | None, now: datetime) -> dict[Moment, datetime]:
    """The moments of a freeze that are still ahead at `now` (P6): what is past is not told late."""
    all_of_them = {Moment.DAY_BEFORE: begins_at - NOTICE, Moment.BEGIN: begins_at, Moment.END: ends_at}
    return {moment: at for moment, at in all_of_them.items() if at is not None and at > now}


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """One declared freeze. `environments` and `services` empty stand for all of them; instants are UTC."""

    id: str  # "FRZ-3"
    environments: tuple[str, ...]
    services: tuple[str, ...]
    strength: FreezeClass
    reason: str
    begins_at: datetime
    ends_at: datetime | None  # None: until it is lifted
    break_glass: bool  # whether break-glass passes it
    declared_by: Actor
    declared_at: datetime
    lifted_by: Actor | None = None
    lifted_at: datetime | None = None
    lift_reason: str | None = None

    def __post_init__(self) -> None:
        if self.ends_at is not None and self.ends_at <= self.begins_at:
            raise ValueError(f"{self.id} ends no later than it begins")

    @property
    def over_at(self) -> datetime | None:
        """When it stops being in force: lifted, or at its end; None while nobody knows."""
        return self.lifted_at or self.ends_at

    def state(self, now: datetime) -> FreezeState:
        """How it stands at `now`."""
        if self.lifted_at is not None:
            return FreezeState.LIFTED
        if now < self.begins_at:
            return FreezeState.SCHEDULED
        return FreezeState.ACTIVE if self.ends_at is None or now < self.ends_at else FreezeState.ENDED

    def repeats(self, other: "Freeze") -> bool:
        """Whether it says nothing that `other` does not say already: the same scope, class and times."""
        mine, theirs = ((f.scope, f.strength, f.break_glass) for f in (self, other))
        begins = (
            other.begins_at <= self.begins_at if self._at_once else _near(self.begins_at, other.begins_at)
        )
        return mine == theirs and begins and _near(self.ends_at, other.ends_at)

    @property
    def _at_once(self) -> bool:
        return self.begins_at <= self.declared_at

    def covers(self, environment: str, service: str | None) -> bool:
        """Whether it applies there (services AND environments)."""
        return self.scope.covers(environment, service)

    @property
    def scope(self) -> Scope:
        """The scope, for the calendar."""
        return Scope(
            environments=frozenset(self.environments) or None, services=frozenset(self.services) or None
        )

    def rule(self) -> Rule | None:
        """The freeze as a rule of the calendar; None where it was lifted before it began, so it never was one."""
        end = self.over_at or UNTIL_LIFTED
        if end <= self.begins_at:
            return None
        hard = self.strength is FreezeClass.HARD
        return Rule(
            name=self.id,
            kind=RuleKind.FREEZE,
            effect=Effect.PROHIBIT if hard else Effect.DISCOURAGE,
            source=Fixed((Span(self.begins_at, end),)),
            scope=self.scope,
            break_glass=self.break_glass,
            reason=self.reason,
            holds=hard,
        )


def _near(one: datetime | None, other: datetime | None) -> bool:
    """Whether two edges mean the same instant; none at all means none at all."""
    if one is None or other is None:
        return one is other
    return abs(one - other) < ALIKE
