"""A deployment run: intent written, call made, result written; never sent twice. In one call, or in steps of traffic."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from bot.domain.analysis import Verdict
from bot.domain.artifact import Artifact
from bot.domain.verification import Look, TakenBack, Verification

WHOLE: Final = 100
"""Per cent of the traffic: the last step of every rollout."""


class RunState(StrEnum):
    """INTENDED: nothing sent. CALLING: sent, or about to be; after a crash it is looked up, never sent again.
    BETWEEN: a step is reached and its traffic is watched; nothing is under way until the next step is called."""

    INTENDED = "intended"
    CALLING = "calling"
    BETWEEN = "between-steps"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    LOST = "lost"

    @property
    def is_over(self) -> bool:
        """Nothing of it will be called any more."""
        return self in _OVER


_OVER: Final = frozenset({RunState.SUCCEEDED, RunState.FAILED, RunState.LOST})


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a run gets to all of the traffic (F5). It is settled with the intent: a later policy changes none of it."""

    steps: tuple[int, ...] = (WHOLE,)  # per cent, ascending, the last one 100
    dwell: timedelta = timedelta(0)  # how long each step is watched before the next
    analysed: bool = False
    """The policy wants each step analysed: it goes on once its figures pass, or a person says so. Missing data holds."""

    def __post_init__(self) -> None:
        ascending = list(self.steps) == sorted(set(self.steps)) and bool(self.steps)
        if not ascending or self.steps[0] < 1 or self.steps[-1] != WHOLE:
            raise ValueError(f"steps are percentages that ascend and end with 100, not {self.steps}")
        if self.dwell < timedelta(0):
            raise ValueError("a step cannot be watched for less than no time")

    @property
    def stepped(self) -> bool:
        """Whether it takes more than the one call that every run takes."""
        return len(self.steps) > 1

    def after(self, percent: int) -> int:
        """The step that follows `percent`; the last one where none does."""
        return next((step for step in self.steps if step > percent), WHOLE)


ONE_CALL: Final = Plan()


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """A rule of the calendar that holds a run's next call (P6). `until` is None where nobody knows its end."""

    rule: str
    since: datetime  # when it began to hold this run
    until: datetime | None
    reason: str | None = None
    declared: bool = (
        False  # by people, so people can lift it; else it stands in the policy or in a fetched calendar
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One rollout of a deployer for one request: a single call, or one call for each step of its plan."""

    id: str
    request: str
    service: str
    environment: str
    artifact: Artifact
    rollback_target: Artifact | None
    state: RunState
    intended_at: datetime
    called_at: datetime | None = None  # the newest call
    finished_at: datetime | None = None
    code: str | None = None  # of the newest call: "exit-0", "exit-3", "timed-out", "not-found", "lost"
    output_digest: str | None = None  # of the kept output; the output itself stays out of messages and logs
    plan: Plan = ONE_CALL
    reached: int = 0  # per cent that the last call which succeeded brought
    confirmed: int = 0  # per cent up to which a person said "go on" where the plan wants an analysis
    next_at: datetime | None = None  # the next step goes no earlier
    frozen: tuple[Frozen, ...] = ()
    rolls_back: bool = False  # it brings back a version that ran before, by the deployer's own way (P16)
    began_at: datetime | None = None  # its first call: a baseline is what was measured just before (F5)
    look: Look | None = None  # the newest look at the step it is at, as far as it was news
    verification: Verification | None = None  # what is watched once it is live (P19)
    taken_back: TakenBack | None = None  # that it failed, and what followed by itself (P15, D5)

    def __post_init__(self) -> None:
        if self.reached and self.reached not in self.plan.steps:
            raise ValueError(f"{self.id} reached {self.reached} %, which is no step of its plan")
        if self.state is RunState.BETWEEN and not 0 < self.reached < WHOLE:
            raise ValueError(f"{self.id} is between steps at {self.reached} %")
        if self.frozen and self.state not in _HOLDABLE:
            raise ValueError(f"{self.id} is {self.state.value}, where no calendar holds anything")

    @property
    def aim(self) -> int:
        """Per cent that the call under way brings, or the next one would."""
        return self.plan.after(self.reached)

    @property
    def waits(self) -> bool:
        """Nothing of it is under way, and a call is still to come: what holds it can hold it here, and only here."""
        return self.state in _HOLDABLE

    @property
    def unconfirmed(self) -> bool:
        """Its step should be analysed, and neither its figures nor a person have said "go on" yet."""
        return self.state is RunState.BETWEEN and self.plan.analysed and self.confirmed < self.reached

    @property
    def doubted(self) -> Look | None:
        """The look that holds its next step: it was watched for its time, and the figures do not pass. None while it
        is still watched, or where nothing is to be analysed."""
        look = self.look
        held = self.unconfirmed and look is not None and look.percent == self.reached
        return look if held and look is not None and look.verdict is not Verdict.PASS else None


_HOLDABLE: Final = frozenset({RunState.INTENDED, RunState.BETWEEN})


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """What a deployer reports. `output` is already capped. `made`: whether anything was called at all; a failure without
    it changed nothing."""

    succeeded: bool
    code: str
    output: str
    made: bool = True

    def __post_init__(self) -> None:
        if self.succeeded and not self.made:
            raise ValueError("what was never called cannot have succeeded")
