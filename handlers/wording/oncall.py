"""On call in words: who, until when, why, who next; overrides; and what goes over at a hand-off."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from bot.domain.override import Override
from bot.flows.handoff import Note, Roster
from bot.flows.on_duty import By, OnDuty
from bot.policy.on_call import ALWAYS
from handlers.wording.facts import Facts, listed
from handlers.wording.said import Names
from handlers.wording.times import When, ago

MOST_AHEAD: Final = 5
PROBLEMS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "not-asked": "was not asked yet",
        "not-connected": "is not connected",
        "timeout": "did not answer in time",
        "too-old": "has not answered for more than ten minutes",
        "not-told-ahead": "does not tell that far ahead or back",
        "nobody-on-call": "says that nobody is on call",
        "nobody-known": "names nobody whom the policy's directory knows",
        "rate-limited": "wants to be asked less often",
        "token-refused": "refuses our token",
        "scope-missing": "refuses our token for want of a scope",
        "group-unknown": "does not know that group",
        "group-disabled": "has that group switched off",
        "no-groups-on-this-plan": "has no user groups on this plan",
    }
)
"""Why another system did not say who is on call."""


def problem(code: str | None, source: str = "The system that keeps this rotation") -> str:
    """Why nobody knows who is on call."""
    return f"{source} {PROBLEMS.get(code or '', f'did not say (code: {code})')}"


def standing(roster: Roster, names: Names, when: When) -> list[str]:
    """Who is on call, until when, why and who comes then; below it the overrides ahead."""
    duty = roster.duty
    at = "" if roster.at == roster.now else f"At {when(roster.at)}: "
    lines = [f"{at}{_who(duty, names, when)}"]
    if duty.override is not None:
        lines.append(override(duty.override, names, when) + behind(roster, duty.override))
    if duty.by is By.ELSEWHERE and duty.told_at is not None:
        lines.append(f"Told {ago(duty.told_at, roster.now)} by the system that keeps this rotation.")
    if duty.by in (By.CONTACT, By.NOBODY) and duty.problem not in (None, "not-begun"):
        heard = "" if duty.told_at is None else f" It answered last {ago(duty.told_at, roster.now)}."
        lines.append(f"{problem(duty.problem)}.{heard}")
    ahead = [o for o in roster.overrides if duty.override is None or o.id != duty.override.id]
    lines += [override(each, names, when) + behind(roster, each) for each in ahead[:MOST_AHEAD]]
    if len(ahead) > MOST_AHEAD:
        lines.append(f"and {len(ahead) - MOST_AHEAD} more overrides")
    return lines


def _who(duty: OnDuty, names: Names, when: When) -> str:
    if duty.person is None:
        if duty.problem == "not-begun" and duty.until is not None and duty.then is not None:
            return f"Nobody is on call yet: it begins {when(duty.until)}, with {names(duty.then)}."
        return "Nobody is on call, and the policy names no contact to stand in."
    if duty.by is By.CONTACT:
        return f"{names(duty.person)} stands in, as a contact of the policy."
    layer = f" (layer {duty.layer})" if duty.layer not in (None, ALWAYS) else ""
    if duty.until is None:
        return f"{names(duty.person)} is on call{layer}; no change is in sight."
    then = f", then {names(duty.then)}" if duty.then is not None else ""
    return f"{names(duty.person)} is on call{layer} until {when(duty.until)}{then}."


def override(each: Override, names: Names, when: When) -> str:
    """One override in one line."""
    reason = f": “{each.reason}”" if each.reason else ""
    by = each.declared_by.person
    who = f", declared by {names(by)}" if by is not None and by != each.person else ""
    return (
        f"{each.id}: {names(each.person)} from {when(each.begins_at)} until {when(each.ends_at)}{who}{reason}"
    )


def behind(roster: Roster, each: Override) -> str:
    """What others took of an override: of several for the same hours only one holds."""
    holding = roster.holding.get(each.id, (each.id,))
    others = listed([other for other in holding if other != each.id])
    if not others:
        return ""
    return f" (partly behind {others})" if each.id in holding else f" (behind {others}, holds nothing)"


def seats_stay(person: str, rotation: str, holders: list[str], *, leads: bool) -> str:
    """Beside an override whose taker is called, and signs nothing by it. All are names as they are shown."""
    keeps = listed(holders) or "whoever has them without it"
    lead = ", or by a lead" if leads else ""
    return (
        f"{person} gets the pages; seats in approvals stay with {keeps}, for they go only to {rotation}'s own "
        f"people{lead}."
    )


def override_note(facts: Facts, override_id: str, names: Names, when: When) -> str:
    """What both people and the channel are told."""
    person, rotation = names(facts.text("person")), facts.text("rotation")
    begins, ends = facts.instant("begins_at"), facts.instant("ends_at")
    others = listed([names(each) for each in facts.texts("others")])
    by, code = names(facts.text("by")), facts.text("code")
    reason = f" “{facts.text('reason')}”" if facts.text("reason", "") else ""
    if begins is None or ends is None:
        return f"{override_id}: the override of {rotation} changed."
    if code == "declared":
        instead = f" instead of {others}" if others else ""
        told = f"{override_id}: {person} is on call in {rotation} from {when(begins)} until {when(ends)}{instead}."
        stays = ""
        if facts.said.get("seats_stay") is True:
            holders = [names(each) for each in facts.texts("seats")]
            stays = f" {seats_stay(person, rotation, holders, leads=facts.said.get('leads') is True)}"
        return f"{told} Declared by {by}.{reason}{stays}"
    given = f" It is {others} again." if others else ""
    if code == "cancelled":
        return f"{override_id} is called off by {by}: {person} does not take {rotation} from {when(begins)}.{given}"
    return f"{override_id} is taken back by {by}: {person} is not on call in {rotation} any more.{given}"


def handed_over(facts: Facts, rotation: str, names: Names, when: When) -> str:
    """The first line of a hand-off, for whoever it goes to."""
    before, after = facts.text("before", ""), facts.text("after", "")
    until = facts.instant("until")
    to = f" until {when(until)}" if until is not None else ""
    was = f", after {names(before)}" if before else ""
    code = facts.text("code")
    if code == "leaves":
        return f"You are no longer on call in {rotation}: {names(after) if after else 'nobody'} has it now."
    if code == "takes-over":
        return f"You are on call in {rotation} from now on{to}{was}."
    why = problem(facts.text("problem"))
    if code == "nobody":
        return f"Nobody is on call in {rotation}. {why}, and the policy names no contact to stand in."
    return f"{names(after)} stands in for {rotation}, as a contact of the policy. {why}."


def notes_of(facts: Facts) -> tuple[tuple[str, str], ...]:
    """The notes that went over: who left it, and what it says."""
    return tuple((each.text("by"), each.text("text")) for each in facts.maps("notes"))


def note_line(by: str, text: str, names: Names) -> str:
    """One note for the next one."""
    return f"{names(by)} leaves a note: “{text}”"


def kept_notes(notes: Sequence[Note], names: Names) -> list[str]:
    """The notes that wait for the next hand-off."""
    return [note_line(each.by, each.text, names) for each in notes]
