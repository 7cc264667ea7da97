"""All facts for one decision, gathered beforehand, so that gates are pure and a decision can be replayed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bot.domain.artifact import Artifact, RegistryAnswer
from bot.domain.authority import NOT_ASKED, Answers
from bot.domain.calendar import Calendar
from bot.domain.change_request import ChangeRequest
from bot.domain.checklist import Item
from bot.domain.environment import EnvironmentStatus
from bot.domain.evidence import Evidence, EvidenceKind
from bot.domain.feed import FeedStatus
from bot.domain.repository import Author


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackFacts:
    """P14: the version that runs now, and whether the registry still has it."""

    target: Artifact | None
    registry: RegistryAnswer | None
    command: str | None  # the pre-generated command, as text for people


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """`evidence` is all of this service; gates pick what is about this artifact. `environments` is fix-first."""

    request: ChangeRequest
    taken_at: datetime  # a decision for a later instant still has only the evidence of this one
    evidence: tuple[Evidence, ...]
    registry: RegistryAnswer
    rollback: RollbackFacts
    environments: tuple[EnvironmentStatus, ...]
    promotion_path: tuple[str, ...]  # the target environment and what it promotes from, nearest first
    calendar: Calendar  # with the freezes that people declared, and the last good copies of what is fetched
    feeds: tuple[FeedStatus, ...] = ()
    answers: Answers = NOT_ASKED  # of the live sources of roles
    authors: tuple[Author, ...] | None = None  # as the repository tells; None where nobody asked it
    authors_problem: str | None = None  # the code of why the repository did not tell
    checklists: Mapping[str, tuple[Item, ...]] = field(default_factory=dict)  # the policy's, by name

    def about_artifact(self) -> tuple[Evidence, ...]:
        """The statements about this tag."""
        return tuple(e for e in self.evidence if e.artifact == self.request.artifact.tag)

    def deployments_to(self, environment: str) -> tuple[Evidence, ...]:
        """What was deployed to `environment`, oldest first; failed deployments are left out."""
        return tuple(
            sorted(
                (
                    e
                    for e in self.evidence
                    if e.kind is EvidenceKind.DEPLOYMENT and e.environment == environment and e.passed
                ),
                key=lambda e: (e.at, e.received_at, e.id),
            )
        )

    def environment(self, name: str) -> EnvironmentStatus | None:
        """The status of `name`, or None where the policy has no such environment."""
        return next((e for e in self.environments if e.name == name), None)
