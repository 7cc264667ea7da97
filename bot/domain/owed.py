"""What the ledger owes: timers that fall due and deliveries to make, each durable and each coalesced by its key."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from pydantic import JsonValue

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Timer:
    """Work that falls due at an instant. One per `key`: to set it again makes it run again, at the earlier instant."""

    kind: str
    subject: str
    due_at: datetime

    @property
    def key(self) -> str:
        return f"{self.kind}:{self.subject}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One outgoing message owed to one destination. It is rendered when it is sent, from the state of then.

    `destination` is the lane it queues in: deliveries of one lane go in order, lanes do not wait for each other.
    """

    key: str
    kind: str
    destination: str
    subject: str
    due_at: datetime
    facts: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed(Generic[T]):
    """A timer or delivery that this process works on until `lease_until`; `generation` fences a stale worker."""

    item: T
    id: int
    generation: int
    attempts: int
