"""How the project changes its state (K1): what such a change has to pass, and who agrees to it."""

from collections.abc import Iterator
from typing import Final

from pydantic import Field

from bot.policy.document import Path, Plain, items_at, mapping_at, value_at
from bot.policy.environments import Approval, Gates
from bot.policy.references import EnvironmentName
from bot.policy.suggestions import meant
from bot.policy.types import Section

SECTION: Final = "state_change"
PROJECT: Final = "project"
"""What stands where other changes name their service."""
GATES: Final = ("environments-green", "no-open-incident", "calendar", "ticket", "checklist")
"""What can be asked of a change that brings no image."""


class StateChange(Section):
    """How the project changes its state: by a change that passes gates and is approved. Where this stands, `state` is
    only the state that the project begins in."""

    environment: EnvironmentName
    """Where it counts as a change: whose calendar holds it, who may ask for it and read about it."""
    gates: Gates = Field(default_factory=dict)
    """What it has to pass: of the gates, those that ask about no image."""
    approval: Approval
    """Who agrees. Nobody wrote it, so of the words in `exclude` only `requester`, roles and people mean something."""


def findings(plain: Plain) -> Iterator[tuple[Path, str]]:
    """Everything that is wrong with the section across others, each with the path at which it stands."""
    if value_at(plain, SECTION) is None:
        return
    gates = mapping_at(plain, SECTION, "gates")
    if not gates:
        yield (
            (SECTION, "gates"),
            f"a change of state needs a gate, or nothing passes; name any of {', '.join(GATES)}",
        )
    for name in gates:
        if name not in GATES:
            yield (
                (SECTION, "gates", name),
                f"the gate {name!r} asks about an image, and a change of state brings none; name any of "
                + ", ".join(GATES),
            )
    if not list(items_at(plain, SECTION, "approval", "seats")):
        yield (SECTION, "approval"), "a change of state is approved by somebody: name at least one of seats"
    if PROJECT in mapping_at(plain, "services"):
        yield (
            ("services", PROJECT),
            f"no service is called {PROJECT!r} where {SECTION} stands: changes of the project's state go by that name",
        )
    yield from _ticked_by_gates(plain)


def _ticked_by_gates(plain: Plain) -> Iterator[tuple[Path, str]]:
    """An item that a gate ticks could never be ticked where the change does not have that gate."""
    name = value_at(plain, SECTION, "gates", "checklist", "name")
    known = mapping_at(plain, SECTION, "gates")
    if not isinstance(name, str):
        return
    for index, entry in items_at(plain, "checklists", name):
        gate = value_at(entry, "gate")
        if isinstance(gate, str) and gate not in known:
            yield (
                ("checklists", name, index, "gate"),
                f"{SECTION} has no gate {gate!r} to tick this item{meant(gate, known)}",
            )
