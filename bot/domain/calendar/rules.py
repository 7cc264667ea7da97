"""One rule of the calendar: what it does, when, and to which services and environments."""

from dataclasses import dataclass
from enum import StrEnum

from bot.domain.calendar.effects import Effect
from bot.domain.calendar.spans import Source


class RuleKind(StrEnum):
    """What sort of rule it is."""

    WINDOW = "window"
    RESTRICTION = "restriction"
    HOLIDAY = "holiday"
    FREEZE = "freeze"
    OUTSIDE_WINDOWS = "outside-windows"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Services AND environments. None stands for all of them."""

    environments: frozenset[str] | None = None
    services: frozenset[str] | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for a scope that holds nothing: it would be a rule that never applies."""
        if self.environments == frozenset() or self.services == frozenset():
            raise ValueError("an empty scope applies to nothing; leave it out to apply to everything")

    def covers(self, environment: str, service: str | None) -> bool:
        """Whether it applies. Asked without a service, only rules that name no service apply."""
        return (self.environments is None or environment in self.environments) and (
            self.services is None or service in self.services
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A window, which opens, or a restriction, holiday or freeze, which discourages or prohibits (P6, P12)."""

    name: str
    kind: RuleKind
    effect: Effect
    source: Source
    scope: Scope = Scope()
    break_glass: bool = False
    """Whether break-glass passes a prohibition by this rule."""
    reason: str | None = None
    holds: bool = False
    """Whether it holds the next step of a rollout that is under way: a hard freeze does, a closing window never."""

    def __post_init__(self) -> None:
        """Raise ValueError when the effect does not fit the kind."""
        if self.kind is RuleKind.OUTSIDE_WINDOWS:
            raise ValueError("being outside the windows follows from the windows; it is no rule of its own")
        opens = self.effect <= Effect.ALLOW
        if opens != (self.kind is RuleKind.WINDOW):
            raise ValueError(f"a {self.kind} cannot {self.effect.word}")
        if self.holds and (self.kind is not RuleKind.FREEZE or self.effect is not Effect.PROHIBIT):
            raise ValueError("only a freeze that prohibits holds what is under way")
