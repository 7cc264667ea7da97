"""What is wrong with a policy: every problem at once, each with its file and line and a sentence."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from bot.policy.suggestions import meant

EXPLAINED: Final = "problem"
"""The pydantic error type of a message that is already a sentence of ours."""

_EXPECTED: Final = {
    "string": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "tuple": "a list",
    "list": "a list",
    "frozen_set": "a list",
    "set": "a list",
    "dict": "a mapping of keys to values",
    "model": "a mapping of keys to values",
    "mapping": "a mapping of keys to values",
}
_QUOTED: Final = re.compile(r"'([^']*)'")
_LONGEST_VALUE: Final = 80
_SIZES: Final = frozenset({"too_short", "too_long", "string_too_short", "string_too_long"})


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong, and where. Lines count from 1."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        """`FILE:LINE: what, and what was meant`."""
        return f"{self.file}:{self.line}: {self.message}"


class PolicyError(Exception):
    """A policy that cannot be used. Its text is one line per problem and may be shown to a person."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Keep the problems in the order of their lines."""
        self.problems: tuple[Problem, ...] = tuple(sorted(set(problems)))
        super().__init__("\n".join(map(str, self.problems)))


class Unreadable(PolicyError):  # noqa: N818 -- it names what was found
    """What stopped the reading without being told by the file's own rules: a fault of ours, told all the same."""

    def __init__(self, file: str, error: Exception) -> None:
        """Tell the first line of what went wrong; all of it is the cause, for the log."""
        said = (str(error).splitlines() or [""])[0][:200]
        why = f"{type(error).__name__}: {said}" if said else type(error).__name__
        super().__init__([Problem(file, 1, f"the policy could not be read ({why})")])


def explained(model: type[BaseModel], error: ValidationError) -> ValidationError:
    """The same errors, each worded as a sentence for whoever writes the policy."""
    return ValidationError.from_exception_data(
        error.title,
        [
            InitErrorDetails(
                type=PydanticCustomError(EXPLAINED, "{sentence}", {"sentence": sentence(model, each)}),
                loc=each["loc"],
                input=each["input"],
            )
            for each in error.errors(include_url=False)
        ],
    )


def sentence(model: type[BaseModel], error: ErrorDetails) -> str:
    """One error in plain words; `model` is what was being read, whose keys may have been meant."""
    kind, found = error["type"], error["input"]
    if kind == EXPLAINED:
        return str(error["ctx"]["sentence"])
    if kind == "extra_forbidden":
        return _unknown_key(model, str(error["loc"][-1]))
    if kind == "missing":
        return f"{str(error['loc'][-1])!r} is missing"
    if kind == "value_error":
        return str(error["ctx"]["error"])
    if kind == "literal_error":
        expected = str(error["ctx"]["expected"])
        words = _QUOTED.findall(expected) or [expected]
        return f"{shown(found)} is not one of {', '.join(words)}{meant(str(found), words)}"
    noun, _, rest = kind.rpartition("_")
    if rest in {"type", "parsing"} and noun in _EXPECTED:
        hint = "; put it in quotes" if noun == "string" and isinstance(found, (int, float)) else ""
        return f"expected {_EXPECTED[noun]}, not {shown(found)}{hint}"
    if kind == "string_pattern_mismatch":
        return f"{shown(found)} does not have the form {error['ctx']['pattern']}"
    if kind in _SIZES:
        return _wrong_size(error)
    return error["msg"].replace("Input should", f"{shown(found)} should")


def _wrong_size(error: ErrorDetails) -> str:
    """Too few or too many entries or characters. What stands in the file is counted, never how far it was read."""
    found, few = error["input"], error["type"].endswith("short")
    bound = int(error["ctx"]["min_length" if few else "max_length"])
    one, many = ("character", "characters") if isinstance(found, str) else ("entry", "entries")
    limit = f"at {'least' if few else 'most'} {f'one {one}' if bound == 1 else f'{bound} {many}'}"
    if isinstance(found, (str, list, tuple, dict)):
        return f"this is empty: write {limit}" if not found else f"expected {limit}, not {len(found)}"
    return f"expected {limit}"


def _unknown_key(model: type[BaseModel], key: str) -> str:
    known = [field.alias or name for name, field in model.model_fields.items()]
    hint = meant(key, known) or (f"; known here: {', '.join(known)}" if known else "; nothing is set here")
    return f"unknown key {key!r}{hint}"


def shown(value: object) -> str:
    """A value of the file as a sentence names it, cut where it is long."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return "a list"
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "…"
