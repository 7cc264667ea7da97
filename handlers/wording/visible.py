"""Text without what makes it look like another one: what goes to people passes here, whatever format it goes in."""

import re
from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

_UNSEEN: Final = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


def visible(text: str) -> str:
    """Without control and bidi characters and halves of pairs; tabs and the ends of lines stay."""
    return _UNSEEN.sub("", text)


def all_visible(fields: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """A JSON object whose texts are visible. Names of fields are ours, and stay."""
    return {key: _shown(value) for key, value in fields.items()}


def _shown(value: JsonValue) -> JsonValue:
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, list):
        return [_shown(each) for each in value]
    return all_visible(value) if isinstance(value, dict) else value
