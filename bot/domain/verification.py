"""A deployment under watch: what a look at it came to, the phases after it is live, and the way back it takes (P15, P19)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.domain.analysis import Finding, Verdict, worst


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one look came to. `percent`: at which step of the traffic, 100 once it is live."""

    at: datetime
    percent: int
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst of its findings."""
        return worst(finding.verdict for finding in self.findings)

    @property
    def wrong(self) -> tuple[Finding, ...]:
        """What does not pass, the worst first."""
        bad = [finding for finding in self.findings if finding.verdict is not Verdict.PASS]
        return tuple(sorted(bad, key=lambda finding: -finding.verdict.rank))

    def says_as(self, other: "Look | None") -> bool:
        """Whether it says the same, whatever the numbers are: then it is no news."""
        return other is not None and self.percent == other.percent and _said(self) == _said(other)


def _said(look: Look) -> Iterable[tuple[str, Verdict, str]]:
    return [(finding.name, finding.verdict, finding.code) for finding in look.findings]


class WatchState(StrEnum):
    """WATCHED: phases are still to come. PASSED: every phase passed. UNSURE: over, and some phase did not pass.
    FAILED: a look failed, and the deployment is taken back or people are paged. OVER: another version runs there."""

    WATCHED = "watched"
    PASSED = "passed"
    UNSURE = "unsure"
    FAILED = "failed"
    OVER = "over"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedPhase:
    """A phase as the policy had it when the deployment went live."""

    name: str
    ends_at: datetime
    checks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedPhase:
    """How a phase ended: by its last look."""

    name: str
    at: datetime
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What is watched after a deployment is live, phase after phase (P19). `health` of a rollback counts the other way:
    it has until the end of its phase to get well, and nothing takes it back (P17)."""

    phases: tuple[PlannedPhase, ...]
    ended: tuple[EndedPhase, ...] = ()
    look: Look | None = None
    state: WatchState = WatchState.WATCHED

    def __post_init__(self) -> None:
        if not self.phases or list(self.phases) != sorted(self.phases, key=lambda phase: phase.ends_at):
            raise ValueError("phases follow each other, and there is one at least")
        if len(self.ended) > len(self.phases):
            raise ValueError("more phases ended than there were")

    @property
    def phase(self) -> PlannedPhase | None:
        """The phase that is on; None when it is over."""
        left = self.phases[len(self.ended) :]
        return left[0] if left and self.state is WatchState.WATCHED else None


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenBack:
    """That a deployment failed, by what was watched or by its deployer's own word, and what followed by itself:
    `rollback` is the request that takes it back, or `why_not` says why there is none. One for each deployment (P15)."""

    at: datetime
    findings: tuple[Finding, ...]
    rollback: str | None = None
    why_not: str | None = None
    settled: bool = False  # nothing is to be followed any more

    def __post_init__(self) -> None:
        if (self.rollback is None) == (self.why_not is None):
            raise ValueError("it is taken back, or it is said why not")
