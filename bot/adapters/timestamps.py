"""Reads RFC 3339 instants that others wrote; stricter than `fromisoformat`, which takes times without a zone."""

import re
from datetime import datetime

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)


def instant(text: str) -> datetime | None:
    """The aware instant that `text` states, or None where it states none."""
    text = text.strip()
    if not _RFC_3339.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text.upper())
    except ValueError:
        return None
