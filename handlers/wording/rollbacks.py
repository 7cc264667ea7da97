"""Rollbacks in words: what is taken back, how it ended, and who has to look (P16, P17)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from bot.domain.change_request import ChangeRequest, Kind, RequestState
from handlers.wording import watched
from handlers.wording.facts import Facts, listed
from handlers.wording.times import When

Names = Callable[[str], str]
Word = Callable[[Facts, Names], str]
BACK: Final = watched.BACK
_TAKEN_BACK: Final = "rolled-back"  # the closing's code


def taken_back(request: ChangeRequest) -> str | None:
    """The rollback that took it back; None for what still stands."""
    closing = request.closing
    if request.state is not RequestState.LIVE or closing is None or closing.code != _TAKEN_BACK:
        return None
    return closing.reason


def is_rollback(request: ChangeRequest) -> bool:
    return request.kind is Kind.ROLLBACK


def back(request: ChangeRequest) -> str:
    """What is taken back, from what to what: `checkout in production from 7a3f9c2 to 0c4d9aa`."""
    away = "" if request.rollback_target is None else f"from {request.rollback_target.tag} "
    return f"{request.service} in {request.environment} {away}to {request.artifact.tag}"


def closed_word(request: ChangeRequest) -> str | None:
    """The word that a closed one's message begins with, where a rollback makes it another than usual."""
    if taken_back(request) is not None or (is_rollback(request) and request.state is RequestState.LIVE):
        return "Rolled back"
    return "Rollback failed" if is_rollback(request) and request.state is RequestState.FAILED else None


def confirmed(code: str) -> str:
    """How sure it is that the old version runs, by the closing's code."""
    if code in ("verified", "looked-up-succeeded"):
        return "the deployer's status confirms that it runs"
    return "nobody could confirm that it runs: look at it"


def _moved(facts: Facts) -> str:
    """`checkout in production from 7a3f9c2 to 51be07d`."""
    away = facts.text("from", "")
    start = f" from {away}" if away else ""
    return f"{facts.text('service')} in {facts.text('environment')}{start} to {facts.text('to')}"


def _who(facts: Facts, names: Names) -> str:
    person = facts.text("person", "")
    return names(person) if person else "Somebody"


def _sure(facts: Facts) -> str:
    return confirmed("verified" if facts.said.get("verified") is True else "unverified")


def _failed(facts: Facts) -> str:
    if facts.text("outcome") == "not-running":
        return "the deployer reported success, and its own status says that another version runs"
    return f"run {facts.text('run')} ended with the code {facts.text('outcome')}"


def _runs_again(facts: Facts, names: Names) -> str:
    by = [names(person) for person in facts.texts("approved_by")]
    approved = f", approved by {listed(by)}" if by else ""
    return (
        f"{facts.text('request')} is live: {facts.text('service')} {facts.text('to')} runs again{approved}."
        if facts.said.get("verified") is True
        else f"{facts.text('request')} ended well by the deployer's word{approved}: {facts.text('service')} "
        f"{facts.text('to')} should run again, and {_sure(facts)}."
    )


def _did_not(facts: Facts, _names: Names) -> str:
    if facts.text("outcome") == "stopped":
        return f"{facts.text('request')} was stopped before anything was called: nothing was taken back."
    return f"{facts.text('request')} failed, so nothing is taken back yet: {_failed(facts)}."


INCIDENT_NOTES: Final[Mapping[str, Callable[[Facts, Names, When], str]]] = MappingProxyType(
    {
        "rollback-live": lambda f, n, _: _runs_again(f, n),
        "rollback-failed": lambda f, n, _: _did_not(f, n),
        "rollback-unresolved": lambda f, *_: (
            f"Nobody knows what came of {f.text('request')}: {_failed(f)}. Look at the environment before anything else."
        ),
    }
)
"""What the thread of an incident hears of the end of a rollback that answers it."""

NOTES: Final[Mapping[str, Word]] = MappingProxyType(
    {
        "rollback-asked": lambda f, n: (
            f"{_who(f, n)} asks to go back to {f.text('to')}: {f.text('by')}."
            if f.text("person", "")
            else f"It is taken back to {f.text('to')} by itself: {f.text('by')}."
        ),
        "taken-back": lambda f, _: f"Rolled back: {f.text('by')} brought {f.text('to')} back.",
        "rollback-live": lambda f, _: f"Rolled back {_moved(f)}; {_sure(f)}.",
        "rollback-failed": lambda f, n: (
            f"{_who(f, n)} stopped it before anything was called."
            if f.text("outcome") == "stopped"
            else f"The rollback of {_moved(f)} failed: {_failed(f)}. Nothing is tried again by itself; whoever is on "
            "call was told."
        ),
        "rollback-unresolved": lambda f, _: (
            f"Nobody knows what came of the rollback of {_moved(f)}: {_failed(f)}. Look at the environment before "
            "anything else; whoever is on call was told."
        ),
    }
)
"""The threads of a rollback, and of what it takes back."""


@dataclass(frozen=True, slots=True)
class Telling:
    """A message outside the threads: its first line, and what is to be done."""

    sign: str
    head: str
    text: str


def telling(facts: Facts) -> Telling:
    """What everybody, or whoever is on call, is told of a rollback."""
    if (own := watched.telling(facts)) is not None:
        return Telling(*own)
    moved, code = _moved(facts), facts.text("code")
    if code == _TAKEN_BACK:
        undoes = facts.text("undoes", "")
        what = f" It takes {undoes} back." if undoes else ""
        sure = _sure(facts)
        return Telling(BACK, f"Rolled back {moved}", f"{sure[:1].upper()}{sure[1:]}.{what}")
    if code == "taken-back":
        return Telling(
            BACK,
            f"What you brought was rolled back, from {facts.text('from')} to {facts.text('to')}",
            f"{facts.text('by')} says who asked for it and why.",
        )
    look = "Find out which version runs there, and bring the right one back by hand if need be."
    if code == "rollback-unverified":
        return Telling(
            "⚠",
            f"Rolled back {moved}, unconfirmed",
            f"The deployer reported success, and its status says nothing. {look}",
        )
    if code == "rollback-failed":
        return Telling("✗", f"The rollback of {moved} FAILED", f"{_failed(facts).capitalize()}. {look}")
    return Telling(
        "⚠",
        f"Nobody knows what came of the rollback of {moved}",
        f"The bot was cut off during the call, and the deployer cannot say what came of it. {look}",
    )
