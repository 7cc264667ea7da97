"""What a refused break-glass or review says: what is missing, why it is demanded, and what to write."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from handlers.wording.said import Said, state_of


def _ticket(said: Said) -> str:
    form, given = said.facts.text("pattern", ""), said.facts.text("name")
    like = f"it has to have the form {form}" if form else "write its key, such as emergency=INC-7"
    return f"“{given}” is no incident ticket, and break-glass needs one, so nothing was asked for: {like}."


def _nothing(said: Said) -> str:
    request = said.facts.text("request")
    if said.facts.said.get("broken") is True:
        return f"The glass of {request} was never used: no closed gate was passed, so nothing has to be reviewed."
    return f"{request} broke no glass, so nothing has to be reviewed. /deploy review lists what has to be."


def _not_yours(said: Said) -> str:
    request = said.facts.text("request")
    part = "you asked for" if said.facts.said.get("asked") is True else "you signed"
    return f"{request} is what {part}, and whoever took part does not review it. Anybody else who could approve there can."


GLASS: Final[Mapping[str, Callable[[Said], str]]] = MappingProxyType(
    {
        "glass-no-reason": lambda s: (
            f"Break-glass in {s.facts.text('environment')} takes a reason, because everybody reads why: write it at the "
            "end of the command, and send it again."
        ),
        "glass-bad-ticket": _ticket,
        "glass-too-late": lambda s: (
            f"The start {s.at('at')} comes after the glass would be over ({s.at('until')}): name an earlier one, leave "
            "at= out, or ask without emergency=."
        ),
        "nothing-to-review": _nothing,
        "reviewed-already": lambda s: (
            f"{s.who('by', 'Somebody')} reviewed {s.facts.text('request')} already, {s.at('at')}. Nothing has to be done."
        ),
        "review-too-early": lambda s: (
            f"{s.facts.text('request')} {state_of(s)}, so there is nothing to look back at yet: review it once it is over."
        ),
        "not-yours-to-review": _not_yours,
        "review-no-words": lambda s: (
            "A review says what was found, in a line or two, because it is kept with the record: "
            f"/deploy review {s.facts.text('request')} what was found."
        ),
    }
)
