"""Withdrawn approvals in words: what follows from one, and why one is not taken back (P16)."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from handlers.wording.facts import Facts
from handlers.wording.said import Said, state_of

Names = Callable[[str], str]
Word = Callable[[Facts, Names], str]


def _who(facts: Facts, names: Names) -> str:
    person = facts.text("person", "")
    return names(person) if person else "Somebody"


def _because(facts: Facts) -> str:
    reason = facts.text("reason", "")
    return f": “{reason}”" if reason else "."


def _ticket(facts: Facts) -> str:
    reason = facts.text("reason", "")
    return facts.text("ticket") + (f": “{reason}”" if reason else "")


NOTES: Final[Mapping[str, Word]] = MappingProxyType(
    {
        "withdrawn": lambda f, n: f"{_who(f, n)} took their approval back{_because(f)}",
        "withdrawn-started": lambda f, n: (
            f"{_who(f, n)} took their approval back after the start, with a second factor ({_ticket(f)})."
        ),
    }
)
"""The thread of the request."""


def to_requester(facts: Facts, names: Names) -> tuple[str, str]:
    """What the requester is told: the first line, and what follows."""
    if facts.text("code") != "withdrawn-started":
        head = f"{_who(facts, names)} took their approval back"
        reason = facts.text("reason", "")
        said = f"“{reason}” " if reason else ""
        return head, f"{said}Nothing starts by it any more. It needs another approval: talk to them first."
    head = f"{_who(facts, names)} took their approval back after the start ({_ticket(facts)})"
    by = facts.text("by", "")
    return head, (
        f"{by} brings the version before it back; its message shows how far that is."
        if by
        else "Nothing of it was called yet, so it ended before it began."
    )


def _nothing(said: Said) -> str:
    return (
        f"No approval of yours counts for {said.facts.text('request')} as it stands, so there is nothing to take back: "
        f"it {state_of(said)}. To stop it, hold it: /deploy hold {said.facts.text('request')}."
    )


def _newer(said: Said) -> str:
    place = f"{said.facts.text('service')} {said.facts.text('environment')}"
    by = said.facts.text("newer", "")
    brought = f" ({by})" if by else ""
    return (
        f"What {said.facts.text('request')} brought is no longer what runs there: {said.facts.text('artifact')}{brought} "
        f"is, or is on its way. To go back from that: /deploy rollback {place} INC-9 reason."
    )


REFUSALS: Final[Mapping[str, Callable[[Said], str]]] = MappingProxyType(
    {
        "nothing-to-withdraw": _nothing,
        "withdrawn-already": lambda s: (
            f"You took your approval of {s.facts.text('request')} back already; its thread shows what followed."
        ),
        "incident-first": lambda s: (
            f"{s.facts.text('request')} {state_of(s)}, so taking your approval back brings the old version back, and that "
            f"names an incident: /deploy withdraw {s.facts.text('request')} INC-9 reason."
        ),
        "newer-runs": _newer,
        "way-back-moved": lambda s: (
            f"Your approval of {s.facts.text('request')} had {s.facts.text('agreed')} as its way back, and by now it would "
            f"be {s.facts.text('to')}. Say which one you mean: /deploy rollback {s.facts.text('service')} "
            f"{s.facts.text('environment')} INC-9 to={s.facts.text('agreed')} reason."
        ),
        "withdraws-rollback": lambda s: (
            f"{s.facts.text('request')} is a rollback that {state_of(s)}, and nobody goes back from going back. To bring "
            "the other version again, ask for it with /deploy request."
        ),
    }
)
"""By code."""
