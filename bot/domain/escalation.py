"""Who is told next while nobody answers: the chain of an incident, settled when it opens, and its next deadline."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

ROUNDS: Final = 3
"""So often a chain is walked; whoever did not answer by then does not answer to a fourth page."""


class TargetKind(StrEnum):
    """What a step of the chain names."""

    ON_CALL = "on_call"
    ROLE = "role"
    PERSON = "person"
    CHANNEL = "channel"
    PAGERDUTY = "pagerduty"
    WEBHOOK = "webhook"


@dataclass(frozen=True, slots=True)
class Target:
    """Somebody or some place to tell: `name` is the rotation, role, person, channel or integration."""

    kind: TargetKind
    name: str


@dataclass(frozen=True, slots=True)
class EscalationStep:
    """All of `targets` at once, and then so much time for somebody to answer. `unless_told`: it is passed over where all
    of them are people whom an earlier step of the same round told."""

    targets: tuple[Target, ...]
    within: timedelta
    unless_told: bool = False

    def __post_init__(self) -> None:
        if not self.targets or self.within <= timedelta(0):
            raise ValueError("a step tells somebody, and waits for an answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation:
    """The chain as the policy had it when the incident opened: a later policy changes none of it.

    `told` counts the steps that were told, over all rounds; `next_at` is when the next one falls due or, after the
    last, when everybody is told that nobody answered. None: somebody answered, or that was told.
    """

    steps: tuple[EscalationStep, ...]
    told: int = 0
    next_at: datetime | None = None
    rounds: int = ROUNDS

    def __post_init__(self) -> None:
        if not 0 <= self.told <= len(self.steps) * self.rounds:
            raise ValueError(f"{self.told} steps were told of {len(self.steps)} × {self.rounds}")

    @property
    def upcoming(self) -> EscalationStep | None:
        """The step that is told next; None after the last round."""
        return None if self.exhausted else self.steps[self.told % len(self.steps)]

    @property
    def exhausted(self) -> bool:
        """Whether nobody is left to be told."""
        return self.told >= len(self.steps) * self.rounds

    @property
    def level(self) -> int:
        """Which step was told last, from 1; 0 before the first."""
        return 0 if self.told == 0 else (self.told - 1) % len(self.steps) + 1

    @property
    def round(self) -> int:
        """Which round the step that was told last belongs to, from 1; 0 before the first."""
        return 0 if self.told == 0 else (self.told - 1) // len(self.steps) + 1

    @property
    def round_over(self) -> bool:
        """Whether the step that was told last is the last one of its round."""
        return self.level == len(self.steps)

    @property
    def patience(self) -> timedelta | None:
        """How long the step that was told last waits for an answer; None before the first."""
        return None if self.told == 0 else self.steps[self.level - 1].within

    def advanced(self, now: datetime) -> "Escalation":
        """The next step is told at `now` and has its time; where none is left, nothing is to come any more."""
        step = self.upcoming
        if step is None:
            return replace(self, next_at=None)
        return replace(self, told=self.told + 1, next_at=now + step.within)

    def waiting_until(self, at: datetime) -> "Escalation":
        """The next step is told at an instant of its own."""
        return replace(self, next_at=at)

    def stopped(self) -> "Escalation":
        """Somebody answered: nobody else is told."""
        return replace(self, next_at=None)
