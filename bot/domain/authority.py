"""What the live sources of roles answered: who is in a team, a group, a rotation elsewhere, or owns changed code."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from pydantic import JsonValue


class Word(StrEnum):
    """What a source says of one person. UNANSWERED is no yes: where authority is needed, it denies."""

    YES = "yes"
    NO = "no"
    UNANSWERED = "unanswered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """One source's answer, in people of the directory.

    `problem` is a code: the source as a whole did not answer. `silent` tells of people about whom alone it did not
    (a source that is asked one by one), each with a code; whoever is neither in `members` nor in `silent` is not in.
    `facts` is what the source said besides, for people: how many files, which owners the directory does not know.
    """

    source: str  # as the policy tells it: "github_team acme/production-approvers"
    asked_at: datetime
    members: frozenset[str] = frozenset()
    problem: str | None = None
    silent: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, JsonValue] = field(default_factory=dict)

    def of(self, person: str) -> Word:
        """What it says of `person`."""
        if self.problem is not None or person in self.silent:
            return Word.UNANSWERED
        return Word.YES if person in self.members else Word.NO

    def why_silent(self, person: str) -> str | None:
        """The code of what went wrong, where it did not answer about `person`."""
        return self.problem or self.silent.get(person)


@dataclass(frozen=True, slots=True)
class Answers:
    """What every source that was asked said, by source. One that was not asked has not answered. `people` are those
    whom they were asked about for a decision; None: everybody alike."""

    by_source: Mapping[str, Membership] = field(default_factory=dict)
    people: frozenset[str] | None = None

    def of(self, source: str, person: str) -> Word:
        """What `source` says of `person`."""
        found = self.by_source.get(source)
        return Word.UNANSWERED if found is None else found.of(person)

    def why_silent(self, source: str, person: str) -> str:
        """The code of what went wrong; `not-asked` where nobody asked."""
        found = self.by_source.get(source)
        return "not-asked" if found is None else found.why_silent(person) or "answered"


NOT_ASKED = Answers()
