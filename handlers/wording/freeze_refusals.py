"""Why a freeze is not declared or not lifted, in sentences."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from handlers.wording.facts import UNSAID, listed
from handlers.wording.said import Said, unasked


def _may_not_freeze(said: Said) -> str:
    roles = listed(said.facts.texts("roles"), last="or")
    return f"To freeze takes somebody who is {roles or UNSAID}, and you are not{unasked(said)}. One of them can do it."


def _may_not_lift(said: Said) -> str:
    roles = listed(said.facts.texts("roles"), last="or")
    environments = listed(said.facts.texts("environments"))
    seat = f" and could approve in {environments}" if environments else ""
    able = f"somebody who is {roles}{seat}" if roles else ""
    declarer = said.who("by", "")
    if declarer:
        able = f"{declarer}, who declared it" + (f", or {able}" if able else "")
    takes = able or "whoever keeps the policy"
    return f"{said.facts.text('freeze')} is not yours to lift{unasked(said)}. It takes {takes}."


FREEZES: Final[Mapping[str, Callable[[Said], str]]] = MappingProxyType(
    {
        "may-not-freeze": _may_not_freeze,
        "may-not-lift": _may_not_lift,
        "unknown-freeze": lambda s: (
            f"There is no freeze {s.facts.text('freeze')}. /deploy unfreeze alone lists those in force and ahead."
        ),
        "freeze-of-policy": lambda s: (
            f"The freeze “{s.facts.text('freeze')}” stands in the policy and is not lifted here. Whoever keeps the "
            "policy can change it there."
        ),
        "lifted-already": lambda s: (
            f"{s.who('by', 'Somebody')} lifted {s.facts.text('freeze')} already, {s.at('at')}. Nothing has to be done."
        ),
        "freeze-over": lambda s: (
            f"{s.facts.text('freeze')} is over since {s.at('at')}. Nothing has to be lifted."
        ),
        "frozen-already": lambda s: (
            f"{s.who('by', 'Somebody')} declared the very same already: {s.facts.text('freeze')}. "
            "Another scope, class or time makes another freeze."
        ),
        "freeze-begins-in-the-past": lambda s: (
            f"The beginning {s.at('at')} is past. Leave it out to freeze from now on, or name a later one."
        ),
        "freeze-not-asked": lambda s: (
            f"{listed(s.facts.texts('environments'), 5) or 'That'} would not be frozen: no calendar gate stands there, so "
            "nothing asks for freezes. Leave it out, or have the gate added to the policy."
        ),
        "freeze-begins-too-late": lambda s: (
            f"The beginning {s.at('at')} is more than {s.facts.text('limit_days')} days away. Declare it nearer to it, "
            "or have it written into the policy."
        ),
        "freeze-ends-in-the-past": lambda s: (
            f"The end {s.at('at')} is past. Name a later one, or leave it out to freeze until somebody lifts it."
        ),
        "freeze-ends-first": lambda s: (
            f"The end {s.at('at')} is no later than the beginning {s.at('begins_at')}. Name a later end, or leave it "
            "out to freeze until somebody lifts it."
        ),
        "freeze-ends-too-late": lambda s: (
            f"The end {s.at('at')} is more than {s.facts.text('limit_days')} days after the beginning. Name a nearer "
            "one, or leave it out to freeze until somebody lifts it."
        ),
        "freeze-too-few-words": lambda s: (
            f"Say which environment, or all. Write {s.facts.text('usage')}, or only /deploy freeze for a form."
        ),
        "freeze-word": lambda s: (
            f"Did you mean {s.facts.text('meant')}? As it stands, “{s.facts.text('name')}” would only begin the reason; "
            "put the reason in quotes if it does."
        ),
        "unknown-freeze-key": lambda s: (
            f"“{s.facts.text('name')}=” is no key of /deploy freeze. Did you mean {s.facts.text('meant')}=? "
            "To have it in the reason, put the reason in quotes."
        ),
        "bad-freeze-time": lambda s: (
            f"“{s.facts.text('name')}” is no time. Write {s.facts.text('key')}=4h, {s.facts.text('key')}=14:30, "
            f"{s.facts.text('key')}=2026-12-01, {s.facts.text('key')}=2026-12-01T09:00 (all in "
            f"{s.facts.text('zone')}), or {s.facts.text('key')}=2026-12-01T09:00+01:00."
        ),
        "bad-freeze-class": lambda s: (
            f"“{s.facts.text('name')}” is no class. Write class=soft (what starts needs a reason) or class=hard "
            "(nothing starts)."
        ),
        "bad-break-glass": lambda s: (
            f"“{s.facts.text('name')}” is neither yes nor no. Write break-glass=yes to let break-glass pass the freeze."
        ),
    }
)
