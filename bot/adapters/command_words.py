"""Fills the placeholders of a deployer's argv: each item stays one argument, whatever is put into it."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

PLACEHOLDERS: Final = frozenset(
    {
        "service",
        "environment",
        "artifact",
        "digest",
        "percent",
        "run",
        "request",
        "rollback_artifact",
        "rollback_digest",
    }
)
_PLACEHOLDER = re.compile(r"\{([a-z][a-z_]*)\}")
_VALUE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:@+-]{0,254}(?:/[0-9]{1,6})?", re.ASCII)  # a run is DEP-7/1


class CannotFill(ValueError):  # noqa: N818 -- it names the outcome
    """`code` is `unknown-placeholder`, `no-value` or `unsafe-value`; `placeholder` says which one."""

    def __init__(self, code: str, placeholder: str) -> None:
        super().__init__(f"{code}: {{{placeholder}}}")
        self.code = code
        self.placeholder = placeholder


def mentions(argv: Sequence[str], placeholder: str) -> bool:
    """Whether some item of `argv` has `{placeholder}` in it."""
    return any(found[1] == placeholder for item in argv for found in _PLACEHOLDER.finditer(item))


def filled(argv: Sequence[str], values: Mapping[str, str | None]) -> list[str]:
    """`argv` with every `{placeholder}` replaced. Raises CannotFill.

    Values are names, numbers, tags and digests; anything else (a space, a quote, a leading dash that would become an option)
    is refused, although no shell ever sees it: the command may be one.
    """
    return [_PLACEHOLDER.sub(lambda found: _value(found[1], values), item) for item in argv]


def _value(name: str, values: Mapping[str, str | None]) -> str:
    if name not in PLACEHOLDERS:
        raise CannotFill("unknown-placeholder", name)
    value = values.get(name)
    if value is None:
        raise CannotFill("no-value", name)
    if not _VALUE.fullmatch(value):
        raise CannotFill("unsafe-value", name)
    return value
