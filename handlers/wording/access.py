"""The access matrix in words: who may ask for a change somewhere, and who may read about it (F10)."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from handlers.wording.facts import listed
from handlers.wording.said import Said


def _takes(said: Said) -> str:
    roles = listed(said.facts.texts("roles"), 8, last="or")
    return f"somebody who is {roles}" if roles else "a role that nobody has for this kind of change"


def _standing(said: Said) -> str:
    """Why they are not: a silent source is told as such, and so is a role that has no say."""
    silent, not_for = listed(said.facts.texts("unanswered")), listed(said.facts.texts("not_for"), last="or")
    if silent:
        return f"whether you are could not be asked ({silent}), so it counts as no. Try again in a moment"
    if not_for:
        emergency = (
            "; in an emergency it has: add emergency= and its ticket"
            if said.facts.said.get("emergency") is True
            else ""
        )
        return f"you are not (as {not_for} you have no say in this kind of change{emergency})"
    return "you are not"


REFUSALS: Final[Mapping[str, Callable[[Said], str]]] = MappingProxyType(
    {
        "may-not-request": lambda s: (
            f"To ask for a change of {s.facts.text('environment')} takes {_takes(s)}, and {_standing(s)}. One of them "
            "can ask for it; nothing was recorded."
        ),
        "may-not-read": lambda s: (
            f"To read about {s.facts.text('environment')} takes {_takes(s)}, and {_standing(s)}. You can still "
            "stop what goes wrong there: /deploy hold ID takes no role."
        ),
    }
)
"""By code."""
