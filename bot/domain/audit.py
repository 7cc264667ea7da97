"""What an audit entry is: canonical bytes that carry the hash of the entry before."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import JsonValue

from bot.domain.canonical import canonical, sha256
from bot.domain.change_request import SYSTEM, Actor

GENESIS = "sha256:" + "0" * 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Why a record changes: no change is written without one."""

    type: str  # "request.submitted", "approval.counted", …
    by: Actor = SYSTEM
    facts: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One stored audit entry."""

    seq: int
    hash: str
    body: bytes


def entry(
    *,
    seq: int,
    at: datetime,
    fact: Fact,
    subject: str,
    state: JsonValue,
    previous: str,
) -> Entry:
    """The entry for `fact`. `state` is the whole record after the change, so entries alone rebuild it."""
    body = canonical(
        {
            "v": 1,
            "seq": seq,
            "at": at.isoformat(),
            "type": fact.type,
            "by": {"via": fact.by.via, "person": fact.by.person},
            "subject": subject,
            "facts": dict(fact.facts),
            "state": state,
            "previous": previous,
        }
    )
    return Entry(seq=seq, hash=sha256(body), body=body)
