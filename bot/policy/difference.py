"""What changed between two policies, path by path."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import JsonValue

from bot.policy.policy import Policy

_ORDERED: Final = ".policy.environments"
"""The mapping whose order means something: what is fixed first."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A place where two documents differ. A side without anything there is None, and `added` or `removed` says so."""

    path: str
    before: JsonValue
    after: JsonValue
    added: bool = False
    removed: bool = False


def differences(before: Policy, after: Policy) -> list[Difference]:
    """Every difference between two policies, iCalendar files included; empty exactly where the digests agree."""
    return list(_compare("", _compared(before), _compared(after)))


def _compared(policy: Policy) -> JsonValue:
    document = policy.document
    return {key: document[key] for key in ("policy", "files")} if isinstance(document, dict) else document


def _compare(path: str, before: JsonValue, after: JsonValue) -> Iterator[Difference]:
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _mappings(path, before, after)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _lists(path, before, after)
    elif before != after or isinstance(before, bool) is not isinstance(after, bool):
        yield Difference(_short(path), before, after)


def _mappings(
    path: str, before: Mapping[str, JsonValue], after: Mapping[str, JsonValue]
) -> Iterator[Difference]:
    for key in [*before, *(key for key in after if key not in before)]:
        here = f"{path}.{key}"
        if key not in after:
            yield Difference(_short(here), before[key], None, removed=True)
        elif key not in before:
            yield Difference(_short(here), None, after[key], added=True)
        else:
            yield from _compare(here, before[key], after[key])
    kept_before = [key for key in before if key in after]
    kept_after = [key for key in after if key in before]
    if path == _ORDERED and kept_before != kept_after:
        yield Difference(f"{_short(path)} (order)", list(kept_before), list(kept_after))


def _lists(path: str, before: Sequence[JsonValue], after: Sequence[JsonValue]) -> Iterator[Difference]:
    """Lists of named things are compared name by name, others as a whole."""
    named_before, named_after = _by_name(before), _by_name(after)
    if named_before is None or named_after is None:
        if before != after:
            yield Difference(_short(path), list(before), list(after))
        return
    yield from _mappings(path, named_before, named_after)
    order_before = [name for name in named_before if name in named_after]
    order_after = [name for name in named_after if name in named_before]
    if order_before != order_after:
        yield Difference(f"{_short(path)} (order)", list(order_before), list(order_after))


def _by_name(items: Sequence[JsonValue]) -> dict[str, JsonValue] | None:
    named: dict[str, JsonValue] = {}
    for item in items:
        name = item.get("name") if isinstance(item, dict) else None
        if not isinstance(name, str) or name in named:
            return None
        named[name] = item
    return named


def _short(path: str) -> str:
    """The path as the policy's author writes it, without the wrapping of the digest's preimage."""
    return path.removeprefix(".policy.").removeprefix(".")
