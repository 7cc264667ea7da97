"""Why the project's state is not changed so (K1), in sentences."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from handlers.wording.facts import listed
from handlers.wording.project_states import other_than
from handlers.wording.said import Said


def _in_it(said: Said) -> str:
    request, state = said.facts.text("request", ""), said.facts.text("state")
    by = f" by {request} of {said.who('by')}" if request else ""
    return (
        f"The project is in {state} since {said.at('since')}{by}, so there is nothing to change; the other way is "
        f"/deploy state {other_than(state)}, with a reason."
    )


def _unknown(said: Said) -> str:
    meant = said.facts.text("meant", "")
    hint = f"Did you mean {meant}?" if meant else f"It is {listed(said.facts.texts('known'), last='or')}."
    return f"“{said.facts.text('name')}” is no state of the project. {hint}"


STATES: Final[Mapping[str, Callable[[Said], str]]] = MappingProxyType(
    {
        "no-state-change": lambda s: (
            f"The policy does not say who approves a change of the project's state, so its file says it: now "
            f"{s.facts.text('state')}. Whoever keeps the policy changes `state` there, or adds state_change."
        ),
        "in-that-state": _in_it,
        "unknown-state": _unknown,
        "policy-moved": lambda _: (
            "Another policy was put in force a moment ago, so nothing was recorded. Send it again."
        ),
        "withdraws-state": lambda s: (
            f"{s.facts.text('request')} took effect, so no approval of it can be taken back any more. Ask for the change "
            f"back: /deploy state {other_than(s.facts.text('state'))}, with a reason."
        ),
    }
)
