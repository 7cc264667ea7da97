"""The facts of a refusal, read for a sentence: people by their names, instants as the surface shows them."""

from collections.abc import Callable
from dataclasses import dataclass

from handlers.wording.facts import UNSAID, Facts, listed
from handlers.wording.requests import STATE_WORDS
from handlers.wording.times import When

Names = Callable[[str], str]
"""How a person of the directory is called on this surface."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a refusal knows."""

    facts: Facts
    names: Names
    when: When

    def who(self, key: str, unsaid: str = "somebody") -> str:
        name = self.facts.text(key, "")
        return self.names(name) if name else unsaid

    def at(self, key: str) -> str:
        instant = self.facts.instant(key)
        return UNSAID if instant is None else self.when(instant)


def unasked(said: Said) -> str:
    """In brackets, the sources of roles that could not be asked."""
    silent = listed(said.facts.texts("unanswered"))
    return f" ({silent} could not be asked, which counts as no)" if silent else ""


def state_of(said: Said) -> str:
    """How the request stands, in words."""
    state = said.facts.text("state")
    return STATE_WORDS.get(state, state)
