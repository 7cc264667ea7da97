"""Why something that is approved or under way is not held, not resumed, or not ticked, in sentences."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from handlers.wording.facts import listed
from handlers.wording.rollouts import command_shown
from handlers.wording.said import Said, state_of, unasked


def _call_under_way(said: Said) -> str:
    request, way = said.facts.text("request"), command_shown(said.facts.said.get("command"))
    last = "its last call" if said.facts.said.get("stepped") is True else "one call"
    back = (
        f"To undo it once it ended: {way}"
        if way
        else "To undo it, ask for the version before it once it ended."
    )
    return f"{request} cannot be held any more: it is {last}, and that is under way. {back}"


def _frozen(said: Said) -> str:
    request, rule = said.facts.text("request"), said.facts.text("rule")
    until = f"until {said.at('until')}" if said.facts.instant("until") else "until it is lifted"
    head = f"Nobody holds {request}, {rule} does, {until}; then it goes on by itself."
    if said.facts.said.get("declared") is not True:
        return f"{head} That freeze stands in the policy, so whoever keeps the policy file can end it."
    roles = listed(said.facts.texts("roles"), last="or")
    who = roles or f"{said.who('by')} or somebody who may approve everywhere it holds"
    return f"{head} {who} can lift it: /deploy unfreeze {rule}"


def _may_not_tick(said: Said) -> str:
    able = listed([said.names(person) for person in said.facts.texts("may")], 4, last="or")
    role, excluded = said.facts.text("role"), listed(said.facts.texts("excluded"))
    why = f"the policy keeps {excluded} out, and that is you" if excluded else f"you are not{unasked(said)}"
    return f"“{said.facts.text('item')}” takes somebody who is {role}, and {why}. Who may tick it: {able or 'nobody at the moment'}."


UNDER_WAY: Final[Mapping[str, Callable[[Said], str]]] = MappingProxyType(
    {
        "held-already": lambda s: (
            f"{s.who('by', 'Somebody')} holds {s.facts.text('request')} already, since {s.at('at')}: nothing of it goes on until "
            f"somebody resumes it (/deploy resume {s.facts.text('request')})."
        ),
        "call-under-way": _call_under_way,
        "not-held": lambda s: (
            f"Nobody holds {s.facts.text('request')}: it {state_of(s)}. /deploy why {s.facts.text('request')} says what "
            "it waits for."
        ),
        "frozen": _frozen,
        "not-yours-to-resume": lambda s: (
            f"{s.who('by', 'Somebody')} holds {s.facts.text('request')}; {s.who('by', 'they')}, {s.who('requester', 'the requester')} or "
            "somebody who may approve it can resume it."
        ),
        "own-step": lambda s: (
            f"{s.facts.text('request')} is your own, and its step has to be judged by somebody else who may approve it."
        ),
        "no-checklist": lambda s: (
            f"{s.facts.text('environment')} asks for no checklist, so {s.facts.text('request')} has none."
        ),
        "checklist-closed": lambda s: (
            f"{s.facts.text('request')} {state_of(s)}, so nothing of its checklist is ticked or unticked now."
        ),
        "checklist-changed": lambda s: (
            f"What {s.facts.text('request')} asks for or its checklist changed since this list was shown, so nothing was "
            f"ticked. /deploy checklist {s.facts.text('request')} shows it as it stands."
        ),
        "ticked-already": lambda s: (
            f"{s.who('by', 'Somebody')} ticked “{s.facts.text('item')}” already, {s.at('at')}. Nothing has to be done."
        ),
        "not-ticked": lambda s: f"“{s.facts.text('item')}” is not ticked, so there is nothing to take back.",
        "not-your-tick": lambda s: (
            f"{s.who('by', 'Somebody')} ticked “{s.facts.text('item')}”, and only they can take that back. You can hold "
            "or reject the request instead."
        ),
        "may-not-tick": _may_not_tick,
    }
)
