"""Collects what is wrong with blocks and views, in the words and with the JSON pointers Slack uses."""

from collections.abc import Iterable, Mapping
from typing import Any


class Findings:
    """All flaws of one message or view."""

    def __init__(self) -> None:
        self.flaws: list[str] = []

    def flaw(self, at: str, why: str) -> None:
        """Note one flaw at a JSON pointer."""
        self.flaws.append(f"[ERROR] {why} [json-pointer:{at}]")

    def keys(self, content: Mapping[str, Any], at: str, allowed: Iterable[str]) -> None:
        """Refuse properties Slack does not know."""
        for key in content:
            if key not in set(allowed):
                self.flaw(at, f"invalid additional property: {key}")

    def string(
        self, content: Mapping[str, Any], key: str, at: str, *, limit: int, required: bool = False
    ) -> None:
        """A plain string property of at most `limit` characters."""
        value = content.get(key)
        if value is None:
            if required:
                self.flaw(at, f"missing required field: {key}")
            return
        if not isinstance(value, str):
            self.flaw(f"{at}/{key}", "must be a string")
        elif len(value) > limit:
            self.flaw(f"{at}/{key}", f"must be less than {limit + 1} characters")
        elif required and not value:
            self.flaw(f"{at}/{key}", "must be more than 0 characters")

    def text(
        self,
        content: Mapping[str, Any],
        key: str,
        at: str,
        *,
        limit: int,
        plain: bool = False,
        required: bool = True,
    ) -> None:
        """A text object under `key`, of 1 to `limit` characters, plain text where `plain`."""
        value = content.get(key)
        if value is None:
            if required:
                self.flaw(at, f"missing required field: {key}")
            return
        self.text_object(value, f"{at}/{key}", limit=limit, plain=plain)

    def text_object(self, value: object, at: str, *, limit: int, plain: bool = False) -> None:
        """A text object itself."""
        if not isinstance(value, Mapping):
            self.flaw(at, "must be a text object")
            return
        kinds = {"plain_text"} if plain else {"plain_text", "mrkdwn"}
        if value.get("type") not in kinds:
            self.flaw(f"{at}/type", f"must be {' or '.join(sorted(kinds))}")
        allowed = (
            {"type", "text", "emoji"} if value.get("type") == "plain_text" else {"type", "text", "verbatim"}
        )
        self.keys(value, at, allowed)
        text = value.get("text")
        if not isinstance(text, str):
            self.flaw(at, "missing required field: text")
        elif not text:
            self.flaw(f"{at}/text", "must be more than 0 characters")
        elif len(text) > limit:
            self.flaw(f"{at}/text", f"must be less than {limit + 1} characters")

    def items(
        self, content: Mapping[str, Any], key: str, at: str, *, limit: int, least: int = 1
    ) -> list[tuple[str, Any]]:
        """The items of a list property with their pointers; its length is checked."""
        value = content.get(key)
        if not isinstance(value, list):
            self.flaw(at, f"missing required field: {key}")
            return []
        if len(value) < least:
            self.flaw(f"{at}/{key}", f"no fewer than {least} items allowed [{len(value)} given]")
        if len(value) > limit:
            self.flaw(f"{at}/{key}", f"no more than {limit} items allowed [{len(value)} given]")
        return [(f"{at}/{key}/{index}", one) for index, one in enumerate(value)]
