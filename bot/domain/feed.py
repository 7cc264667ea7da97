"""A calendar that is fetched from an address: what is known of its last good copy, and whether that is still enough."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedState:
    """What is known of one address. A measurement, like a monitor's reading; a change of content is audited."""

    url: str
    checked_at: datetime  # the last attempt, whatever came of it
    fetched_at: datetime | None = (
        None  # the last time that its content was seen to be good: fetched, or not modified
    )
    digest: str | None = None  # of the last good copy
    etag: str | None = None
    last_modified: str | None = None
    problem: str | None = None  # the code of what went wrong at the last attempt; None where it went well
    failures: int = 0  # attempts that went wrong since one went well


@dataclass(frozen=True, slots=True)
class Fetched:
    """What one attempt to fetch brought."""

    code: str  # ok, not-modified, or what went wrong
    body: bytes | None = field(default=None, repr=False)  # with ok, and only then
    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedStatus:
    """A feed as the calendar gate sees it (P6): beyond `stale_after` nobody knows what stands in it now."""

    name: str  # of the policy's freeze
    environments: frozenset[str] | None
    services: frozenset[str] | None
    fetched_at: datetime | None
    stale_after: timedelta
    problem: str | None
    readable: bool = True  # whether a good copy is at hand

    def stale_at(self, now: datetime) -> bool:
        """Whether the last good copy is missing or too old to decide by."""
        return not self.readable or self.fetched_at is None or now - self.fetched_at > self.stale_after

    def covers(self, environment: str, service: str | None) -> bool:
        """Whether the policy's freeze applies there; asked without a service, one that names services does not."""
        return (self.environments is None or environment in self.environments) and (
            self.services is None or service in self.services
        )
