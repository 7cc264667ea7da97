"""What those are told who report to the bot, where a report cannot be taken, and that the project changed its state."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from handlers.wording.facts import Facts, listed
from handlers.wording.said import Said


def _ambiguous(said: Said) -> str:
    known = listed(said.facts.texts("known"), last="or")
    name = said.facts.text("name")
    return f"Several environments have a heartbeat {name}: say which one, as {known}."


def _unknown(said: Said) -> str:
    meant = said.facts.text("meant", unsaid="")
    hint = f"did you mean {meant}?" if meant else "the policy names them, as NAME or ENVIRONMENT/NAME."
    return f"There is no heartbeat {said.facts.text('name')}; {hint}"


HEARTBEATS: Final[Mapping[str, Callable[[Said], str]]] = MappingProxyType(
    {
        "ambiguous-monitor": _ambiguous,
        "not-a-heartbeat": lambda s: (
            f"The monitor {s.facts.text('name')} is of the kind {s.facts.text('kind')}, which the bot reads itself; "
            "nobody reports to it."
        ),
        "unknown-monitor": _unknown,
    }
)
"""Why a heartbeat was not taken, and what to send instead."""


def project_state(said: Facts, names: Callable[[str], str] = str) -> str:
    """That the project changed its state (K1)."""
    request = said.text("request", "")
    by = (
        f" {request}, asked by {names(said.text('by', 'somebody'))} and approved, brought it."
        if request
        else ""
    )
    return (
        f"The project went from {said.text('from')} to {said.text('to')}: the rules of that state are in force from "
        f"now on, as the policy has them ({said.digest('policy')}).{by}"
    )


def too_often(name: str, seconds: int) -> str:
    """A heartbeat that comes far too often."""
    return (
        f"{name} reports too often; what it said last is kept, so send the next one in {seconds} s or later."
    )


def too_busy() -> str:
    """So many payloads wait that another one would only make it later for all."""
    return "Too many payloads of alerts wait to be counted in; send this one again in a few seconds."
