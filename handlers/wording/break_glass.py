"""Break-glass in words (P13): who broke it, for which ticket, what it passes and what each gate said, and its review."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from bot.domain.change_request import BrokenGlass, ChangeRequest, RequestState
from bot.domain.outcome import GateOutcome, Status
from handlers.wording.facts import Facts, listed, plural
from handlers.wording.gates import BYPASSED, line, words
from handlers.wording.requests import STATE_WORDS
from handlers.wording.times import When, ahead, span

Names = Callable[[str], str]
SIGN: Final = BYPASSED
_CLOSED: Final = frozenset({Status.WAITING, Status.UNKNOWN, Status.BLOCKED})


def card_line(request: ChangeRequest, *, now: datetime, when: When) -> str | None:
    """The card's line about its glass: `⚡ bypassed: calendar (closed by the freeze black-friday)`, and until when it
    may be; None where no glass is broken. Its texts still go through `escape`."""
    glass = request.break_glass
    if glass is None:
        return None
    passed = () if request.readiness is None else request.readiness.bypassed
    said = [f"{o.gate} ({said_by(o, now=now, when=when)})" for o in passed]
    what = f"{SIGN} bypassed: {listed(said)}" if said else f"{SIGN} break-glass: nothing had to be bypassed"
    if glass.review is not None:
        return f"{what} · reviewed"
    if glass.used_at is not None and glass.review_due is not None:
        return f"{what} · review due {when(glass.review_due)}: /deploy review {request.id}"
    over = "over since" if now >= glass.expires_at else "until"
    return f"{what} · {over} {when(glass.expires_at)}"


def said_by(outcome: GateOutcome, *, now: datetime, when: When) -> str:
    """What a gate itself says, whether it is bypassed or not."""
    return words(outcome, now=now, when=when)[0]


def who(glass: BrokenGlass, *, names: Names) -> str:
    """`Lin, for INC-7: “Checkout charges twice”`."""
    person = names(glass.by.person) if glass.by.person else "Somebody"
    return f"{person}, for {glass.ticket}: “{glass.reason}”"


def stands(request: ChangeRequest, glass: BrokenGlass, *, now: datetime, when: When) -> list[str]:
    """Each gate that it may pass and that is closed, with what it says; then those that need no passing."""
    outcomes = () if request.readiness is None else request.readiness.outcomes
    if not glass.bypasses:
        return ["The policy lets it pass no gate."]
    shut = [o for o in outcomes if o.gate in glass.bypasses and o.status in _CLOSED]
    lines = [_closed(o, request, now=now, when=when) for o in shut]
    rest = [gate for gate in glass.bypasses if gate not in {o.gate for o in shut}]
    if rest:
        open_so_far = "which pass by themselves" if outcomes else "if they are closed"
        lines.append(
            f"It may pass {listed(rest, 10)} as well, {open_so_far}." if lines else _only(rest, outcomes)
        )
    return lines


def _only(rest: list[str], outcomes: tuple[GateOutcome, ...]) -> str:
    stand = "; none of them is closed" if outcomes else ", if they are closed"
    return f"It may pass {listed(rest, 10)}{stand}."


def _closed(outcome: GateOutcome, request: ChangeRequest, *, now: datetime, when: When) -> str:
    said = said_by(outcome, now=now, when=when)
    if outcome.bypassed:
        return f"{SIGN} bypassed: {outcome.gate} ({said})"
    shown = line(outcome, now=now, when=when)
    lasts = request.is_open and request.break_glass is not None and now < request.break_glass.expires_at
    why = ", and break-glass may not pass it now" if lasts else ""
    return f"{shown.sign} {shown.word}: {outcome.gate} ({said}){why}"


def holding(request: ChangeRequest, glass: BrokenGlass, *, now: datetime, when: When) -> list[str]:
    """What holds it besides, which no glass passes."""
    outcomes = () if request.readiness is None else request.readiness.only(*_CLOSED)
    bad = [o for o in outcomes if o.gate not in glass.bypasses and o.awaits != o.gate]
    return [f"{line(o, now=now, when=when).sign} {o.gate}: {said_by(o, now=now, when=when)}" for o in bad]


# The heads of its messages

HEADS: Final[Mapping[str, Callable[[Facts, ChangeRequest], str]]] = MappingProxyType(
    {
        "broken": lambda _, r: (
            "Break-glass, refused" if r.state is RequestState.REFUSED else "EMERGENCY, break-glass"
        ),
        "on-call": lambda f, _: (
            "EMERGENCY, and nobody is on call, so you are told: break-glass"
            if f.texts("instead")
            else "EMERGENCY, and you are on call: break-glass"
        ),
        "not-told": lambda _, __: "Nothing starts yet: whoever is on call could not be told so far",
        "used": lambda _, __: "Break-glass used",
        "passed": lambda _, __: "Break-glass passes another freeze",
        "expired": lambda _, r: (
            "Break-glass was not needed"
            if r.state in (RequestState.STARTING, RequestState.LIVE)
            else "Break-glass expired unused"
        ),
        "review-soon": lambda _, __: "The review of a break-glass is due tomorrow",
        "review-due": lambda _, __: "The review of a break-glass is due now",
        "review-overdue": lambda f, _: (
            f"The review of a break-glass is overdue by {plural(f.number('days') or 1, 'day')}"
        ),
        "reviewed": lambda _, __: "Break-glass reviewed",
    }
)


def head(code: str, facts: Facts, request: ChangeRequest) -> str:
    """What a message begins with; a code that nobody worded is shown as it is."""
    word = HEADS.get(code)
    return word(facts, request) if word else f"Break-glass ({code})"


def told(glass: BrokenGlass, instead: list[str], *, names: Names) -> str:
    """Who is on call and told, or who is told instead."""
    if glass.told:
        on_call = listed([names(person) for person in glass.told])
        return f"On call: {on_call}. Nothing starts before this message has arrived."
    others = listed([names(person) for person in instead])
    return f"Nobody is on call. This channel {f'and {others} are' if others else 'is'} told instead."


def lasts(request: ChangeRequest, glass: BrokenGlass, *, now: datetime, when: When) -> str:
    """How long it may be used, and how the request stands."""
    stand = STATE_WORDS[request.state]
    if not request.is_open or now >= glass.expires_at:
        return f"{request.id} {stand}."
    return f"{request.id} {stand}. The glass lasts until {when(glass.expires_at)} ({ahead(glass.expires_at, now)})."


def review_owed(request: ChangeRequest, glass: BrokenGlass, *, when: When) -> str:
    """By when somebody has to say what was found, and who may."""
    due = "" if glass.review_due is None else f" by {when(glass.review_due)}"
    return (
        f"Somebody who neither asked for it nor signed it reviews it{due}: "
        f"/deploy review {request.id} what was found"
    )


def used_when(glass: BrokenGlass, *, now: datetime, when: When) -> str:
    """When it was used."""
    if glass.used_at is None:
        return "It was not used."
    return f"It was used {when(glass.used_at)} ({span(max(now - glass.used_at, timedelta(0)))} ago)."


def freezes_passed(facts: Facts) -> str | None:
    """The freezes that its rollout goes on in spite of."""
    rules = facts.texts("rules")
    if not rules:
        return None
    percent = facts.number("percent")
    at = f" at {percent} %" if percent else ""
    return (
        f"{SIGN} bypassed: calendar ({listed(rules)} would hold its next step{at}, and permits break-glass)"
    )


def understood(
    emergency: str, glass: BrokenGlass | None, environment: str, *, when: When, names: Names
) -> str:
    """The first answer to whoever asked: what `emergency=` does here."""
    if glass is None:
        return (
            f"{emergency} is recorded, and passes no gate: the policy has no break-glass for {environment}, so every "
            "gate holds this as any other request."
        )
    passes = listed(list(glass.bypasses), 10) or "no gate"
    on_call = listed([names(person) for person in glass.told])
    tells = (
        f"{on_call} is on call and is told now"
        if on_call
        else "Nobody is on call, so the policy's contact, or else the channel of incidents, is told now"
    )
    return (
        f"{SIGN} The glass is broken for {emergency} until {when(glass.expires_at)}: it may pass {passes}. {tells}; "
        "nothing starts before that has arrived."
    )


def _step(facts: Facts, _names: Names) -> str:
    return freezes_passed(facts) or f"{SIGN} It goes on by break-glass."


GLASS_NOTES: Final[Mapping[str, Callable[[Facts, Names], str]]] = MappingProxyType(
    {
        "glass-step": _step,
        "glass-lapsed": lambda _, __: (
            "Its break-glass is over and nothing of it was called in time, so it ends here: what it was to pass stands "
            "closed again. Ask again if it is still wanted."
        ),
        "glass-reviewed": lambda f, n: (
            f"{n(f.text('person'))} reviewed the break-glass: “{f.text('reason')}”"
        ),
    }
)
"""What a broken glass adds to the thread of its request."""
