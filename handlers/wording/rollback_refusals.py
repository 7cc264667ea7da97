"""Why nothing is rolled back, in sentences (P16)."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from handlers.wording.facts import listed
from handlers.wording.said import Said


def _ticket(said: Said) -> str:
    pattern = said.facts.text("pattern", "")
    return f"of the form {pattern}" if pattern else "such as INC-9"


def _may_not(said: Said) -> str:
    roles = listed(said.facts.texts("roles"), last="or")
    who = f"somebody who is {roles}" if roles else "somebody who may approve there"
    return f"A rollback of {said.facts.text('environment')} takes {who}, and you are not. Ask one of them."


def _never_ran(said: Said) -> str:
    known = listed(said.facts.texts("known"))
    before = f"What ran there before: {known}." if known else "Nothing else ran there that is known."
    return (
        f"“{said.facts.text('name')}” never ran as {said.facts.text('service')} in {said.facts.text('environment')}, "
        f"so it is nothing to go back to. {before}"
    )


BACK: Final[Mapping[str, Callable[[Said], str]]] = MappingProxyType(
    {
        "may-not-roll-back": _may_not,
        "needs-incident": lambda s: (
            f"A rollback of {s.facts.text('environment')} names the incident that it answers, {_ticket(s)}: "
            "/deploy rollback SERVICE ENVIRONMENT INC-9 reason."
        ),
        "bad-incident": lambda s: (
            f"“{s.facts.text('name')}” is no incident's ticket; one is {_ticket(s)}, 64 characters at most."
        ),
        "rollback-asked": lambda s: (
            f"{s.who('by', 'Somebody')} asked for a rollback there already: {s.facts.text('request')}, back to "
            f"{s.facts.text('to')}. Approve that one, or have it cancelled first (/deploy cancel {s.facts.text('request')})."
        ),
        "nothing-runs": lambda s: (
            f"Nobody knows that {s.facts.text('service')} ever ran in {s.facts.text('environment')}, so there is "
            "nothing to roll back. If something does run there, have CI report that deployment."
        ),
        "no-way-back": lambda s: (
            f"Before {s.facts.text('from')} nothing is known to have run as {s.facts.text('service')} in "
            f"{s.facts.text('environment')} that was not rolled back itself, so there is no version to go back to. "
            "Ask for a version that is known to be good with /deploy request; a rollout under way is ended with "
            "/deploy cancel."
        ),
        "runs-already": lambda s: f"{s.facts.text('name')} is what runs there now. Nothing has to be done.",
        "never-ran-here": _never_ran,
    }
)
"""By code."""
