"""Reads a JSON object that a stranger sent: bounded in depth, without doubtful keys, numbers or characters.

What is kept is hashed in its canonical form (RFC 8785), so only what that form says exactly gets through: numbers
that it cannot say (fractions, and whole numbers beyond 2**53) are kept as the text that was sent.
"""

import json
from collections import Counter
from typing import Final

from pydantic import JsonValue

MOST_LEVELS: Final = 32
_EXACT: Final = 2**53
_SHOWN: Final = 80


class BadBody(Exception):  # noqa: N818 -- it names what was sent
    """The body is refused; `field` is the place in it."""

    def __init__(self, code: str, sentence: str, field: str = "body") -> None:
        super().__init__(code)
        self.code = code
        self.sentence = sentence
        self.field = field


def json_object(body: bytes) -> dict[str, JsonValue]:
    """The object that `body` holds. Raises BadBody for anything else."""
    try:
        value: JsonValue = json.loads(
            body.decode("utf-8"),
            parse_constant=_no_constant,
            parse_float=str,
            parse_int=_whole,
            object_pairs_hook=_no_duplicates,
        )
    except RecursionError:
        raise _too_deep() from None
    except UnicodeDecodeError:
        raise BadBody("not-json", "The body is not UTF-8, so it is not JSON.") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise BadBody("not-json", f"The body is not JSON: it goes wrong at {place}.") from None
    if not isinstance(value, dict):
        raise BadBody("not-an-object", "The body is JSON, but not an object: it must begin with {.")
    _look_through(value)
    return value


def _no_constant(name: str) -> JsonValue:
    raise BadBody("not-json", f"The body is not JSON: {name} is no number there; write null or leave it out.")


def _whole(digits: str) -> JsonValue:
    if len(digits) > 17:  # noqa: PLR2004 -- with its sign; Python refuses to convert very long ones
        return digits
    number = int(digits)
    return number if abs(number) < _EXACT else digits


def _no_duplicates(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    """Two values for one key: each reader would believe another one."""
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = shown(Counter(key for key, _ in pairs).most_common(1)[0][0])
        raise BadBody("key-twice", f"The key “{twice}” stands twice in one object; say it once.", twice)
    return found


def _look_through(top: dict[str, JsonValue]) -> None:
    """Refuse what is nested too deeply, and halves of characters; without recursion, or it would be the bomb's."""
    level: list[tuple[str, JsonValue]] = list(top.items())
    for key in top:
        _whole_characters(key, "body")
    for _ in range(MOST_LEVELS):
        below: list[tuple[str, JsonValue]] = []
        for field, value in level:
            if isinstance(value, str):
                _whole_characters(value, field)
            elif isinstance(value, list):
                below.extend((field, item) for item in value)
            elif isinstance(value, dict):
                for key, item in value.items():
                    _whole_characters(key, field)
                    below.append((field, item))
        if not below:
            return
        level = below
    raise _too_deep(level[0][0])


def _whole_characters(text: str, field: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        sentence = f"{shown(field)} holds half a character (a lone \\uD800 to \\uDFFF), which is no text."
        raise BadBody("not-text", sentence, shown(field)) from None


def _too_deep(field: str = "body") -> BadBody:
    sentence = f"{shown(field)} is nested more than {MOST_LEVELS} levels deep; send it flatter."
    return BadBody("too-deep", sentence, shown(field))


def shown(key: str) -> str:
    """A key that a stranger sent, short enough to repeat."""
    whole = key.encode("utf-8", "replace").decode()
    return whole if len(whole) <= _SHOWN else whole[:_SHOWN] + "…"
