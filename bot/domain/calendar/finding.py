"""What the lint of a calendar found: a code, where, and facts enough for a sentence."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Final

from pydantic import JsonValue

NAMES_SHOWN: Final = 10


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about a calendar that its author may not have meant."""

    code: str
    rule: str | None
    """The name of the rule; None where it is about an environment as a whole."""
    environment: str | None
    facts: Mapping[str, JsonValue]
    """Instants are RFC 3339 in UTC, local times have no offset."""
    grave: bool
    """Whether the calendar hardly means this; otherwise it is worth knowing and may well be meant."""


def instant(at: datetime) -> str:
    """An instant as a fact."""
    return at.astimezone(UTC).isoformat()


def wall(at: datetime) -> str:
    """A local time as a fact."""
    return at.replace(tzinfo=None).isoformat(timespec="minutes")


def names(found: Iterable[str], most: int = NAMES_SHOWN) -> list[JsonValue]:
    """Names as a fact, each once and no more than a person reads."""
    return [*islice(dict.fromkeys(found), most)]
