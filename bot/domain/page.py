"""A page: one recipient told of one incident at one step of its chain, by several ways of which one suffices."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum


class PageState(StrEnum):
    """OWED: no way has worked yet. REACHED: one has. FAILED: none will, so the chain goes on at once. CANCELLED:
    somebody answered, or it was over, before any way was tried."""

    OWED = "owed"
    REACHED = "reached"
    FAILED = "failed"
    CANCELLED = "cancelled"


class WayState(StrEnum):
    OWED = "owed"
    ARRIVED = "arrived"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One destination of a page, as its delivery names it: `slack:user:U01ADA`, `email:ada`, `pagerduty:default`.

    `code` says why it failed; `receipt` is what the other side calls the page, where it says so.
    """

    destination: str
    state: WayState = WayState.OWED
    at: datetime | None = None
    code: str | None = None
    receipt: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """`step` counts as `Escalation.told` does, from 1; `recipient` is a person of the directory, or the destination
    itself where the step names a place. A duplicate carries the same incident's id (promise 3)."""

    incident: str
    step: int
    recipient: str
    ways: tuple[Way, ...]
    paged_at: datetime
    state: PageState = PageState.OWED

    @property
    def id(self) -> str:
        return f"{self.incident}/{self.step}/{self.recipient}"

    def told(self, way: Way) -> "Page":
        """The same page after one of its ways arrived, failed or was called off."""
        ways = tuple(way if each.destination == way.destination else each for each in self.ways)
        return replace(self, ways=ways, state=_state(ways))


def _state(ways: tuple[Way, ...]) -> PageState:
    """The best of its ways; nothing to try is failed, so that a person nobody can reach holds nobody up."""
    found = {way.state for way in ways}
    if WayState.ARRIVED in found:
        return PageState.REACHED
    if WayState.OWED in found:
        return PageState.OWED
    return PageState.CANCELLED if WayState.CANCELLED in found else PageState.FAILED
