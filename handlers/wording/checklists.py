"""A checklist in words: its gate's line, each item at a glance, and what a request waits for until it is ticked."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from bot.domain.change_request import Attestation, ChangeRequest, RequestState
from bot.domain.outcome import Readiness, Status
from bot.flows.attest import Entry, Listed
from handlers.wording.facts import UNSAID, Facts, listed, one_line
from handlers.wording.gate_sentences import Found, Words
from handlers.wording.times import When, ago, ahead

GATE: Final = "checklist"
SHOWN: Final = 60
"""Characters of an item among others on one line."""
PEOPLE: Final = 4

_GATE_WORDS: Final = {
    Status.PASSED: "passes",
    Status.WARNED: "warns",
    Status.WAITING: "waits",
    Status.UNKNOWN: "is unknown",
    Status.BLOCKED: "is blocked",
}


def opened(f: Found) -> Words:
    """What is open, and who may tick it."""
    open_items = [_short(item) for item in f.facts.maps("items") if not _is_ticked(item)]
    request = f.text("request")
    cure = (
        f"Somebody in that role ticks it: /deploy checklist {request}. It can be approved meanwhile."
        if request.startswith("DEP-")
        else "It is ticked once the deployment is asked for: /deploy checklist ID."
    )
    return f"{_count(f)}; open: {listed(open_items, 3)}", cure


def ticked(f: Found) -> Words:
    """Everything that people tick is ticked; a gate that does not pass speaks for itself on its own line."""
    items = [item for item in f.facts.maps("items") if not _is_ticked(item)]
    rest = f"; the rest is up to {listed([item.text('gate') for item in items], 3)}" if items else ""
    return f"{_count(f)}{rest}", None


def missing(f: Found) -> Words:
    """The policy in force has no such list, or nothing on it."""
    return (
        f"there is no checklist {f.text('name')} with anything on it",
        "Whoever keeps the policy can write it, or take this gate out.",
    )


def _count(f: Found) -> str:
    items = f.facts.maps("items")
    return f"checklist {sum(_is_ticked(item) for item in items)} of {len(items)}"


def _is_ticked(item: Facts) -> bool:
    if item.text("gate", ""):
        return item.text("status") == Status.PASSED.value
    return item.text("by", "") != ""


def _short(item: Facts) -> str:
    who = item.text("role", "") or f"the gate {item.text('gate')}"
    return f"{one_line(item.text('item'), SHOWN)} ({who})"


# What it waits for


def event(awaited: str) -> str:
    """What has to happen, as the end of a sentence: `FRZ-3 is lifted`, `the checklist is ticked`."""
    if awaited == "on-call-notified":
        return "whoever is on call is told"
    return "the checklist is ticked" if awaited.startswith(f"{GATE} ") else f"{awaited} is lifted"


def waits_for_ticks(readiness: Readiness) -> bool:
    """Whether nothing but the checklist is an event that nobody knows the instant of."""
    return {outcome.gate for outcome in readiness.outcomes if outcome.awaits} == {GATE}


def until_ticked(request: ChangeRequest, readiness: Readiness, *, now: datetime, when: When) -> str:
    """What happens once it is ticked, and no earlier than what else waits says; then who starts it."""
    instants = [o.until for o in readiness.only(Status.WAITING) if o.until] + [request.start.at]
    later = max((at for at in instants if at is not None and at > now), default=None)
    then = "" if later is None else f", and no earlier than {when(later)} ({ahead(later, now)})"
    once = f"once its checklist is ticked{then}"
    expires = f"expires {when(request.expires_at)}"
    waits = request.state is RequestState.AWAITING_APPROVAL
    if request.start.by_itself:
        return f"starts by itself {once}{', if it is approved by then' if waits else ''}: {expires}"
    if not waits:
        return f"can be started {once}, and the requester is told then: {expires}"
    if later is not None:
        return f"starts only {once}; approved sooner, it waits for somebody to press Start: {expires}"
    return (
        "starts at once with the last approval if its checklist is ticked by then; approved sooner, it waits for the "
        f"checklist and for somebody to press Start: {expires}"
    )


# Each item


def entry(each: Entry, shown: Listed, *, names: Callable[[str], str], when: When) -> tuple[str, str, str]:
    """A sign, a word, and who ticked it when, or who may."""
    if each.item.gate is not None:
        return _by_gate(each)
    if each.tick is not None:
        return "✓", "ticked", _by(each.tick, shown.now, names=names, when=when)
    role = each.item.attest or UNSAID
    able = listed([names(person) for person in each.may], PEOPLE, last="or")
    if not shown.tickable:
        return "○", "open", f"nobody ticked it ({role})"
    said = f"{able} may tick it, as {role}" if able else f"nobody can be found to tick it: it takes {role}"
    return "○", "open", said + _voided(each.void, shown.now, names)


def _by_gate(each: Entry) -> tuple[str, str, str]:
    gate = each.item.gate or UNSAID
    if each.outcome is None:
        return "?", "unknown", f"the gate {gate} was not asked"
    word = "ticked" if each.ticked else "open"
    return "✓" if each.ticked else "○", word, f"by the gate {gate}, which {_GATE_WORDS[each.outcome.status]}"


def _by(tick: Attestation, now: datetime, *, names: Callable[[str], str], when: When) -> str:
    person = names(tick.by.person) if tick.by.person else UNSAID
    return f"{person}, as {tick.role}, {when(tick.at)} ({ago(tick.at, now)})"


def _voided(void: Attestation | None, now: datetime, names: Callable[[str], str]) -> str:
    if void is None:
        return ""
    person = names(void.by.person) if void.by.person else UNSAID
    return f"; {person} ticked it {ago(void.at, now)} for revision {void.revision}, which is void: what is asked for changed"
