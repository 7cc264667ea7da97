"""Reads the facts that travel beside a code. Whatever is missing or of another type becomes a word, never an error."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pydantic import JsonValue

from handlers.wording.times import span

LONGEST: Final = 200
"""Characters of one fact that are shown."""
UNSAID: Final = "?"


@dataclass(frozen=True, slots=True)
class Facts:
    """Typed, bounded reads of one mapping of facts."""

    said: Mapping[str, JsonValue]

    def text(self, key: str, unsaid: str = UNSAID) -> str:
        """A fact on one line; `unsaid` where there is none."""
        value = self.said.get(key)
        if value is None or value == "" or isinstance(value, dict | list):
            return unsaid
        return one_line(str(value), LONGEST)

    def number(self, key: str) -> int | None:
        """A whole number."""
        value = self.said.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def texts(self, key: str) -> list[str]:
        """A list of words."""
        value = self.said.get(key)
        return [one_line(str(v), LONGEST) for v in value if v is not None] if isinstance(value, list) else []

    def maps(self, key: str) -> "list[Facts]":
        """A list of mappings."""
        value = self.said.get(key)
        return [Facts(v) for v in value if isinstance(v, dict)] if isinstance(value, list) else []

    def counts(self, key: str) -> dict[str, int]:
        """A mapping of names to whole numbers."""
        value = self.said.get(key)
        if not isinstance(value, dict):
            return {}
        return {k: v for k, v in value.items() if isinstance(v, int) and not isinstance(v, bool)}

    def instant(self, key: str) -> datetime | None:
        """An aware instant."""
        value = self.said.get(key)
        try:
            at = datetime.fromisoformat(value) if isinstance(value, str) else None
        except ValueError:
            return None
        return at if at is not None and at.tzinfo is not None else None

    def seconds(self, key: str) -> str:
        """A number of seconds as a span."""
        number = self.number(key)
        return UNSAID if number is None else span(timedelta(seconds=number))

    def digest(self, key: str) -> str:
        """A digest as people compare it: its first twelve digits."""
        return short_digest(self.text(key))


def short_digest(digest: str | None) -> str:
    """`sha256:9f2c…` as `9f2c6a01b2c3`; an unknown one as `?`."""
    return digest.removeprefix("sha256:")[:12] if digest else UNSAID


def one_line(text: str, limit: int) -> str:
    """White space collapsed, and cut to `limit` characters with an ellipsis."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def listed(words: list[str], most: int = 5, *, last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`; beyond `most` the rest is counted."""
    if len(words) > most:
        return f"{', '.join(words[:most])} {last} {len(words) - most} more"
    if len(words) <= 1:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def plural(count: int, one: str, many: str | None = None) -> str:
    """`1 gate`, `3 gates`."""
    return f"{count} {one if count == 1 else many or one + 's'}"
