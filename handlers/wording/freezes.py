"""A freeze in words: what it is for, what it means, how long it lasts, and who may lift it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from bot.domain.freeze import FreezeClass
from bot.flows.freezes import Frozen
from handlers.wording.facts import listed, one_line
from handlers.wording.times import When, span

CLASSES: Final[Mapping[FreezeClass, str]] = MappingProxyType(
    {
        FreezeClass.HARD: "Nothing starts; rollouts under way hold their next step.",
        FreezeClass.SOFT: "What starts needs a reason, which is kept.",
    }
)
"""Each class in one line, for whoever chooses."""
AT_ONCE: Final = timedelta(minutes=5)
"""What began so short a while ago begins now; before that, it is told since when."""
LIFTERS_NAMED: Final = 5
REASON_SHOWN: Final = 600
"""Characters of a reason that are shown; all of it stands in the record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One announcement: the first line says what and for whom, the others explain it."""

    headline: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Said:
    frozen: Frozen
    now: datetime
    when: When
    names: Callable[[str], str]


def scope(frozen: Frozen) -> str:
    """For whom: `production`, `production (checkout and search)`, `every environment`."""
    places = listed(list(frozen.environments)) or "every environment"
    return f"{places} ({listed(list(frozen.services))})" if frozen.services else places


def meaning(frozen: Frozen) -> str:
    """What it does, in whole sentences."""
    if frozen.strength is FreezeClass.SOFT:
        return "Soft: what starts needs a reason, which is kept. Rollouts under way go on."
    under_way = "rollouts under way hold their next step" if frozen.holds else "rollouts under way finish"
    loud = "Break-glass passes it." if frozen.break_glass else "Not even break-glass passes it."
    return f"Hard: nothing starts, and {under_way}. Rollbacks are never held. {loud}"


def until(frozen: Frozen, when: When) -> str:
    """How long: `until Tue 1 Dec 09:00 EST`, or `until somebody lifts it`."""
    if frozen.ends_at is not None:
        return f"until {when(frozen.ends_at)}"
    return "until somebody lifts it" if frozen.declared else "without an end"


def unreached(environments: Sequence[str]) -> str:
    """Which environments a freeze of everything does not stop."""
    verb = "does" if len(environments) == 1 else "do"
    return f"{listed(list(environments), 5)} {verb} not ask the calendar, so it does not reach there."


def option(frozen: Frozen, when: When) -> str:
    """One line to choose it by."""
    return f"{frozen.name} · {scope(frozen)} · {until(frozen, when)}"


def notice(
    frozen: Frozen, code: str, *, now: datetime, when: When, names: Callable[[str], str] = str
) -> Notice:
    """What is announced. A code that nobody worded is shown by its code."""
    said = _Said(frozen, now, when, names)
    word = NOTICES.get(code)
    if word is None:
        return Notice(
            headline=f"Something happened to the freeze of {scope(frozen)} (code: {code})", lines=()
        )
    return word(said)


def _declared(said: _Said) -> Notice:
    frozen = said.frozen
    headline = f"Freeze ahead: {scope(frozen)}, from {said.when(frozen.begins_at)}"
    return Notice(headline=headline, lines=_explained(said))


def _day_before(said: _Said) -> Notice:
    frozen = said.frozen
    headline = (
        f"Freeze in {span(frozen.begins_at - said.now)}: {scope(frozen)}, from {said.when(frozen.begins_at)}"
    )
    return Notice(headline=headline, lines=_explained(said))


def _begun(said: _Said) -> Notice:
    frozen = said.frozen
    if said.now - frozen.begins_at <= AT_ONCE:
        return Notice(headline=f"Frozen from now on: {scope(frozen)}", lines=_explained(said))
    headline = f"Frozen: {scope(frozen)}, in force since {said.when(frozen.begins_at)}"
    return Notice(headline=headline, lines=_explained(said))


def _over(said: _Said) -> Notice:
    frozen = said.frozen
    ended = "" if frozen.ends_at is None else f" to {said.when(frozen.ends_at)}"
    lines = (f"It was in force from {said.when(frozen.begins_at)}{ended}{_because(frozen)}.", AGAIN)
    return Notice(headline=f"The freeze is over: {scope(frozen)}", lines=lines)


def _lifted(said: _Said) -> Notice:
    frozen = said.frozen
    lines = (
        _by(said),
        f"It was in force since {said.when(frozen.begins_at)}{_because(frozen)}.",
        AGAIN,
    )
    return Notice(headline=f"The freeze is lifted: {scope(frozen)}", lines=lines)


def _called_off(said: _Said) -> Notice:
    frozen = said.frozen
    lines = (_by(said), f"It would have begun {said.when(frozen.begins_at)}{_because(frozen)}.")
    return Notice(headline=f"The freeze is called off: {scope(frozen)}", lines=lines)


AGAIN: Final = (
    "What waited for it is being judged again; rollouts that nothing else holds go on. What is approved and was asked "
    "for with at= starts by itself once every gate passes; nothing else starts."
)

NOTICES: Final[Mapping[str, Callable[[_Said], Notice]]] = MappingProxyType(
    {
        "declared": _declared,
        "day-before": _day_before,
        "begun": _begun,
        "over": _over,
        "lifted": _lifted,
        "called-off": _called_off,
    }
)
"""Every announcement of a freeze, by its code."""


def _explained(said: _Said) -> tuple[str, ...]:
    """What it means, why and by whom, how long, and how it ends."""
    frozen = said.frozen
    lasts = until(frozen, said.when)
    return (meaning(frozen), _why(said), f"It lasts {lasts}. {_way_out(said)}")


def _why(said: _Said) -> str:
    frozen = said.frozen
    reason = _quoted(frozen.reason) if frozen.reason else "No reason is given"
    if frozen.declared is None:
        return f"{reason} · by the policy, as “{frozen.name}”"
    return f"{reason} · declared by {_name(said, frozen.declared.declared_by.person)}"


def _way_out(said: _Said) -> str:
    frozen = said.frozen
    if frozen.declared is None:
        return "It stands in the policy: whoever keeps that can change it."
    if not frozen.may_lift:
        return "Nobody whom the policy names may lift it: whoever keeps the policy has to look."
    people = listed([said.names(p) for p in frozen.may_lift], LIFTERS_NAMED, last="or")
    return f"{people} can lift it: `/deploy unfreeze {frozen.name}`"


def _by(said: _Said) -> str:
    declared = said.frozen.declared
    if declared is None or declared.lifted_by is None:
        return "It ended early."
    return f"By {_name(said, declared.lifted_by.person)}: {_quoted(declared.lift_reason or 'no reason')}"


def _because(frozen: Frozen) -> str:
    return f" ({_quoted(frozen.reason)})" if frozen.reason else ""


def _quoted(reason: str) -> str:
    return f"“{one_line(reason, REASON_SHOWN)}”"


def _name(said: _Said, person: str | None) -> str:
    return said.names(person) if person else "somebody"
