"""What another system says of who is on call: kept with its age, never audited; a change is handed over at once."""

from datetime import datetime
from typing import Final

from pydantic import JsonValue

from bot.domain.owed import Timer
from bot.flows.handoff import hand_over
from bot.flows.on_duty import ANSWER, place_of
from bot.policy import Policy
from bot.ports import Duty, Ledger, Place, Transaction

KIND: Final = "ask-duty"
"""The kind of the timer that asks now; the subject is the rotation."""
MOST_KEPT: Final = 50
"""So many people of one answer are kept."""


def kept_elsewhere(policy: Policy) -> dict[str, str]:
    """The rotations that another system keeps, with how it is asked: `pagerduty PABC123`."""
    return {name: each.elsewhere for name, each in policy.on_call.items() if each.elsewhere is not None}


async def keep(
    ledger: Ledger,
    policy: Policy,
    rotation: str,
    source: str,
    answer: Duty | None,
    problem: str | None = None,
) -> datetime | None:
    """Keep what `source` said, or why it did not: then what it said before goes on getting older. Gives the instant
    at which it said that somebody else takes over. A policy that asks elsewhere by now keeps nothing."""

    def step(tx: Transaction) -> datetime | None:
        if kept_elsewhere(policy).get(rotation) != source:
            return None
        before = tx.place(place_of(rotation), ANSWER)
        place = _plain(source, answer, tx.now) if answer is not None else _silent(source, before, problem)
        tx.put_place(place_of(rotation), ANSWER, place)
        hand_over(tx, policy, rotation)
        return None if answer is None else answer.until

    return await ledger.write(step)


def ask_soon(tx: Transaction, policy: Policy, rotation: str) -> None:
    """Have another system asked now, where one keeps this rotation."""
    if rotation in kept_elsewhere(policy):
        tx.schedule(Timer(kind=KIND, subject=rotation, due_at=tx.now))


def _plain(source: str, answer: Duty, now: datetime) -> Place:
    people: list[JsonValue] = [*answer.people[:MOST_KEPT]]
    until = None if answer.until is None else answer.until.isoformat()
    return {"source": source, "people": people, "until": until, "at": now.isoformat(), "problem": None}


def _silent(source: str, before: Place | None, problem: str | None) -> Place:
    same = before is not None and before.get("source") == source
    return {
        **(before if same and before is not None else {}),
        "source": source,
        "problem": problem or "failed",
    }
