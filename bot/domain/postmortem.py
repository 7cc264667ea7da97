"""What is learned from an incident: five whys, what happened when, and what is done about it, by whom, until when."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from bot.domain.change_request import Actor

WHYS: Final = 5


class PostmortemState(StrEnum):
    """DRAFT: written by the bot from the timeline, and by people since. PUBLISHED: somebody said it is done."""

    DRAFT = "draft"
    PUBLISHED = "published"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionItem:
    """Something that is done so that it does not happen again. `number` counts within its post-mortem."""

    number: int
    text: str
    owner: str
    due: date
    done_by: Actor | None = None
    done_at: datetime | None = None

    @property
    def is_done(self) -> bool:
        return self.done_at is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Postmortem:
    """One an incident; it has the incident's id. `due_at` is when it has to be published (F9: 48 hours)."""

    incident: str
    due_at: datetime
    opened_at: datetime
    owner: str | None = None
    summary: str | None = None
    impact: str | None = None
    whys: tuple[str, ...] = ()
    actions: tuple[ActionItem, ...] = ()
    state: PostmortemState = PostmortemState.DRAFT
    published_by: Actor | None = None
    published_at: datetime | None = None

    def __post_init__(self) -> None:
        if len(self.whys) > WHYS:
            raise ValueError(f"{WHYS} whys, not {len(self.whys)}")
        if (self.state is PostmortemState.PUBLISHED) != (self.published_at is not None):
            raise ValueError(f"{self.incident}: published is published at some time")

    @property
    def id(self) -> str:
        return self.incident

    def missing(self) -> tuple[str, ...]:
        """What it lacks to be published, by name."""
        asked = {
            "summary": self.summary,
            "impact": self.impact,
            "whys": len(self.whys) == WHYS or None,
            "actions": self.actions or None,
        }
        return tuple(name for name, there in asked.items() if not there)

    def published(self, by: Actor, at: datetime) -> "Postmortem":
        """The same, said to be done."""
        return replace(self, state=PostmortemState.PUBLISHED, published_by=by, published_at=at)
