"""Reads RFC 3339 instants that others wrote; stricter than `fromisoformat`, which takes times without a zone."""

import re
from datetime import UTC, datetime

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)


def instant(text: str) -> datetime | None:
    """The aware instant that `text` states, or None where it states none, or one that is no instant in UTC: a local
    time of the first or the last day of the calendar."""
    text = text.strip()
    if not _RFC_3339.fullmatch(text):
        return None
    try:
        said = datetime.fromisoformat(text.upper())
        said.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return said
