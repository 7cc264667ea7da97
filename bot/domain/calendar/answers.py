"""What the calendar answers: a verdict for an instant, the stretches of a range, the occurrences of the rules."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bot.domain.calendar.effects import Effect, Verdict
from bot.domain.calendar.rules import Rule, RuleKind

HORIZON: Final = timedelta(days=400)
"""How far ahead the calendar looks for the next change and the next opening."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveRule:
    """A rule in force at the instant asked about."""

    name: str
    kind: RuleKind
    effect: Effect
    until: datetime | None
    """When it stops being in force (UTC); None where that is more than 400 days away."""
    reason: str | None = None
    holds: bool = False
    """Whether it holds the next step of a rollout under way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarVerdict:
    """What the calendar says about one instant. Instants are UTC, None where there is none within 400 days."""

    at: datetime
    environment: str
    service: str | None
    verdict: Verdict
    break_glass: bool
    """Whether no active prohibition stands in the way of break-glass; being outside the windows never does."""
    rules: tuple[ActiveRule, ...]
    """Every rule in force, the worst first."""
    next_change: datetime | None
    """The first instant after `at` with another verdict."""
    next_allowed: datetime | None
    """The first instant from `at` on that is allowed or preferred."""
    next_preferred: datetime | None
    """The first instant from `at` on that is preferred."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch [start, end) between two UTC instants throughout which the same rules are in force."""

    start: datetime
    end: datetime
    verdict: Verdict
    rules: tuple[ActiveRule, ...]
    """Every rule in force, the worst first, as `CalendarVerdict.rules` at `start`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """One stretch [start, end) during which a rule is in force."""

    rule: Rule
    start: datetime
    end: datetime
    label: str | None


def within(instant: datetime | None, at: datetime) -> datetime | None:
    """The instant where it lies no further than the horizon from `at`, else None."""
    return instant if instant is not None and instant - at <= HORIZON else None
