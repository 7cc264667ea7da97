"""Domain values to and from their stored documents."""

import json
from functools import cache
from typing import Any, Generic, TypeVar

from pydantic import JsonValue, TypeAdapter

T = TypeVar("T")


class Document(Generic[T]):
    """Maps one frozen dataclass to JSON and back; a document that does not fit the type raises."""

    def __init__(self, kind: type[T]) -> None:
        key: Any = kind  # mypy does not see that a class is hashable
        self._adapter: TypeAdapter[Any] = _adapter(key)

    def plain(self, value: T) -> JsonValue:
        """The value as JSON values: instants as RFC 3339, enums by their value."""
        plain: JsonValue = self._adapter.dump_python(value, mode="json")
        return plain

    def restore(self, text: str) -> T:
        """The value of a stored document. Raises ValidationError where it does not fit."""
        value: T = self._adapter.validate_json(text)
        return value


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def text_of(plain: JsonValue) -> str:
    """A document's text: sorted keys, no spaces, so equal values are equal texts. Raises ValueError for NaN."""
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
