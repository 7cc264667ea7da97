"""A deployment run: intent written, call made, result written; never sent twice."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.domain.artifact import Artifact


class RunState(StrEnum):
    """INTENDED: nothing sent. CALLING: sent, or about to be; after a crash it is looked up, never sent again."""

    INTENDED = "intended"
    CALLING = "calling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One call of a deployer for one request."""

    id: str
    request: str
    service: str
    environment: str
    artifact: Artifact
    rollback_target: Artifact | None
    state: RunState
    intended_at: datetime
    called_at: datetime | None = None
    finished_at: datetime | None = None
    code: str | None = None  # "exit-0", "exit-3", "timed-out", "not-found", "lost"
    output_digest: str | None = None  # of the kept output; the output itself stays out of messages and logs


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """What a deployer reports. `output` is already capped."""

    succeeded: bool
    code: str
    output: str
