"""A typed no: a code and facts, rendered for people in handlers/."""

from collections.abc import Mapping

from pydantic import JsonValue

from bot.domain.outcome import Readiness


class Refusal(Exception):  # noqa: N818  -- a refusal is an answer, not an error
    """The command was understood and is refused; nothing was changed by it."""

    def __init__(
        self, code: str, facts: Mapping[str, JsonValue] | None = None, readiness: Readiness | None = None
    ) -> None:
        super().__init__(code)
        self.code = code
        self.facts: Mapping[str, JsonValue] = {} if facts is None else facts
        self.readiness = readiness

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Refusal) and (self.code, self.facts) == (other.code, other.facts)

    def __hash__(self) -> int:
        return hash(self.code)
