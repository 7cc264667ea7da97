"""Reads the instants that callers write: RFC 3339 with an offset, and nothing that only looks like one."""

import re
from datetime import UTC, datetime
from typing import Final

_RFC_3339: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII
)
WANTED: Final = "an RFC 3339 instant with its offset, such as 2026-03-02T14:00:00Z"


def instant(text: object) -> datetime:
    """The instant in UTC. Raises ValueError, whose text says what is wanted, for anything else: a number too, which
    other readers would take for seconds since 1970."""
    if not isinstance(text, str) or not _RFC_3339.fullmatch(text):
        raise ValueError(f"it must be {WANTED}")
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"there is no such date or time; it must be {WANTED}") from None
