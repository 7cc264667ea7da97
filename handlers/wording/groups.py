"""The groups of components (D2), by name and as they stood."""

from collections.abc import Mapping
from typing import Final

from bot.domain.board import Group
from bot.domain.environment import Colour
from handlers.wording.colours import SIGNS
from handlers.wording.facts import Facts

GROUPS: Final[Mapping[Group, str]] = {
    Group.FRONTEND: "Frontend",
    Group.BACKEND: "Backend",
    Group.DATABASE: "Databases",
    Group.WEBSOCKET: "WebSockets",
    Group.INTEGRATION: "Integrations",
    Group.OTHER: "Other",
}


def by_group(facts: Facts) -> str:
    """How the groups of components stood when it was told (D2), as a sentence of its own; nothing without groups."""
    said = facts.said.get("groups")
    if not isinstance(said, dict):
        return ""
    shown = [
        f"{GROUPS[group]} {SIGNS[Colour(colour)]} {colour}"
        for group in Group
        if isinstance(colour := said.get(group.value), str) and colour in SIGNS
    ]
    return f" By groups: {' · '.join(shown)}." if shown else ""
