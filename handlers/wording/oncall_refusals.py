"""Why an override is not declared or not taken back, and why a note is not kept, in sentences."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from handlers.wording.facts import UNSAID, listed
from handlers.wording.said import Said


def _rotation(said: Said) -> str:
    meant = said.facts.text("meant", "")
    name = said.facts.text("name")
    if meant:
        return f"There is no rotation “{name}” in the policy. Did you mean “{meant}”?"
    known = listed(said.facts.texts("known"), 10) or "none"
    return f"There is no rotation “{name}” in the policy. It has these rotations: {known}."


def _later(said: Said, unsaid: str) -> str:
    """What to write for the same day of next week, where it was said by that day's name."""
    weekday, later = said.facts.text("weekday", ""), said.facts.text("later", "")
    if not later:
        return unsaid
    start = "For" if unsaid[0].isupper() else "for"
    return f"{start} next {weekday} write {later}"


def _not_yours(said: Said) -> str:
    people = listed([said.names(p) for p in said.facts.texts("on_call")]) or "nobody"
    roles = listed(said.facts.texts("roles"), last="or")
    lead = f", or somebody who is {roles}" if roles else ""
    taker = said.who("taker")
    if said.facts.said.get("own"):
        why = (
            f"You are not one of the people of {said.facts.text('rotation')}, so you cannot take it unasked."
        )
        taking = ""
    else:
        why = f"This stretch of {said.facts.text('rotation')} is not yours to give."
        taking = f", {taker} by taking it" if said.facts.said.get("takes") else ""
    plural = len(said.facts.texts("on_call")) > 1
    own = " each for their own part" if plural else ""
    return f"{why} {people}, who {'are' if plural else 'is'} on call then, can declare it{own}{taking}{lead}.{_take_back(said)}"


def _take_back(said: Said) -> str:
    """What makes it theirs again, where they gave it away themselves."""
    back = said.facts.texts("back")
    if not back:
        return ""
    first = "first" if len(back) == 1 else "first, one after the other"
    commands = listed([f"/oncall override cancel {each}" for each in back], 10)
    return f" Or take {listed(back, 10)} back {first} ({commands}): then it is yours to give."


def _which_override(said: Said) -> str:
    ids = said.facts.texts("ids")
    if ids:
        return f"Say which one: {listed(ids, last='or')}. Write /oncall override cancel {ids[0]}; /oncall who shows them."
    if said.facts.number("others"):
        return "None of the overrides in force or ahead is yours to take back. /oncall who lists them, and who declared them."
    return "No override is in force or ahead, so there is none to cancel."


def _which_rotation(said: Said) -> str:
    name, meant = said.facts.text("name"), said.facts.text("meant", "")
    hint = (
        f"Did you mean “{meant}”?"
        if meant
        else f"There are {listed(said.facts.texts('known'), 10) or 'several'}."
    )
    return (
        f"“{name}” is no rotation, and with several a note needs the name of one first. {hint} Write /oncall handoff "
        f"{meant or 'ROTATION'} and what the next one should know. Nothing was kept."
    )


def _not_yours_to_cancel(said: Said) -> str:
    roles = listed(said.facts.texts("roles"), last="or")
    people = listed(list(dict.fromkeys([said.who("by"), said.who("taker")])), last="or")
    lead = f", or somebody who is {roles}" if roles else ""
    return f"{said.facts.text('override')} is not yours to take back. {people} can do it{lead}."


ONCALL: Final[Mapping[str, Callable[[Said], str]]] = MappingProxyType(
    {
        "unknown-rotation": _rotation,
        "no-rotations": lambda _: (
            "The policy has no on-call rotation, so nobody is on call. Whoever keeps the policy can add one under on_call."
        ),
        "no-overrides": lambda _: (
            "No rotation of people stands in the policy, so there is nothing to override here. Where another system "
            "keeps the rotation, declare the override there."
        ),
        "override-elsewhere": lambda s: (
            f"{s.facts.text('rotation')} is kept elsewhere ({s.facts.text('source')}). Declare the override there; it is "
            "seen here within a minute."
        ),
        "override-not-yours": _not_yours,
        "override-not-yours-to-cancel": _not_yours_to_cancel,
        "override-changes-nothing": lambda s: (
            f"{s.who('person', 'Somebody')} is on call in {s.facts.text('rotation')} for all of that already. Nothing has to be done."
        ),
        "too-many-overrides": lambda s: (
            f"{s.facts.text('rotation')} has {s.facts.text('limit')} overrides in force or ahead already. Take one back "
            "first, or have the rotation changed in the policy."
        ),
        "override-begins-in-the-past": lambda s: (
            f"The beginning {s.at('at')} is past, and who was on call then is not changed. Leave it out to begin now, or "
            f"{_later(s, 'name a later one')}."
        ),
        "override-ends-in-the-past": lambda s: (
            f"The end {s.at('at')} is past. {_later(s, 'Name a later one')}."
        ),
        "override-ends-first": lambda s: (
            f"The end {s.at('at')} is no later than the beginning {s.at('begins_at')}. "
            f"{_later(s, 'Name a later end')}."
        ),
        "override-too-far": lambda s: (
            f"The end {s.at('at')} is more than {s.facts.text('limit_days')} days away. Name a nearer one, or have the "
            "rotation changed in the policy."
        ),
        "override-too-few-words": lambda s: (
            f"Say who takes it and until when. Write {s.facts.text('usage')}, or only /oncall override for a form."
        ),
        "override-word-before-until": lambda s: (
            f"“{s.facts.text('name')}” stands between the beginning and until, where nothing belongs but the time. Write "
            f"from fri 09:00 until fri 17:00 (in {s.facts.text('zone')}); the reason comes last."
        ),
        "swap-half-said": lambda _: (
            "A swap needs somebody who takes a stretch in return, and until when. Fill in both, or leave all three "
            "fields of the return empty."
        ),
        "bad-on-call-time": lambda s: (
            f"“{s.facts.text('name', 'nothing')}” is no time. Write {s.facts.text('key')} 4h, {s.facts.text('key')} 14:30, "
            f"{s.facts.text('key')} fri 09:00, {s.facts.text('key')} 2026-12-01 09:00 (all in {s.facts.text('zone')}), or "
            f"{s.facts.text('key')} 2026-12-01T09:00+01:00."
        ),
        "on-call-zone": lambda s: (
            f"“{s.facts.text('name')}” does not say for sure which zone is meant. Leave it out for "
            f"{s.facts.text('zone')}, or write the zone's full name, as in {s.facts.text('key')} 09:00 Europe/Berlin or "
            f"{s.facts.text('key')} 09:00 UTC."
        ),
        "bad-override-id": lambda s: (
            f"“{s.facts.text('name', UNSAID)}” is no override. They are called OVR-3, or 3 for short; /oncall who lists them."
        ),
        "unknown-override": lambda s: (
            f"There is no override {s.facts.text('override')}. /oncall who lists those in force and ahead."
        ),
        "override-cancelled": lambda s: (
            f"{s.who('by', 'Somebody')} took {s.facts.text('override')} back already, {s.at('at')}. Nothing has to be done."
        ),
        "override-over": lambda s: (
            f"{s.facts.text('override')} is over since {s.at('at')}, and the past is not changed. Nothing has to be taken back."
        ),
        "which-override": _which_override,
        "handoff-which-rotation": _which_rotation,
        "handoff-no-note": lambda _: (
            "There is nothing in the note. Write /oncall handoff ROTATION and what the next one should know."
        ),
        "handoff-note-too-long": lambda s: (
            f"The note has {s.facts.text('length')} characters, and {s.facts.text('limit')} are kept. Say it shorter, or "
            "link to where it stands."
        ),
        "too-many-notes": lambda s: (
            f"{s.facts.text('rotation')} has {s.facts.text('limit')} notes for the next one already. They go over at the "
            "next hand-off; tell the rest in the channel."
        ),
    }
)
"""By refusal code."""
