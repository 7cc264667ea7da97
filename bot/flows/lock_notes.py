"""That a person, or a network address, is locked: told to the person and to the channel of incidents, once a lock (P8)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pydantic import JsonValue

from bot.domain.owed import Timer
from bot.flows import owing
from bot.flows.administrators import administrators
from bot.flows.factor_notes import NOTE
from bot.policy import Policy
from bot.ports import Ledger, Transaction

TIMER: Final = "locked"
"""The kind of the timer that tells it; the subject is the person who failed last."""
CODE: Final = "locked-out"
_LOCK: Final = "lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """What is locked after a failure of `person` (from `address`, where that counts), each until an instant: the
    `person`, the `address` or both; `failures` so many within so long did it."""

    person: str
    address: str | None
    until: Mapping[str, datetime]
    failures: int
    within: timedelta


def note_lock(tx: Transaction, lock: Lock) -> None:
    """Have a lock told. One that follows within as long as its failures count is the same lock, also where it ended
    for a moment as the first of them faded."""
    subjects = {what: f"{what}/{lock.person if what == 'person' else lock.address}" for what in lock.until}
    fresh = [what for what in lock.until if not _told_since(tx, subjects[what], tx.now - lock.within)]
    if not fresh:
        return
    for what in fresh:
        tx.put_place(subjects[what], _LOCK, {"at": tx.now.isoformat()})
    facts: dict[str, JsonValue] = {
        "what": [*fresh],
        "address": lock.address,
        "until": max(lock.until[what] for what in fresh).isoformat(),
        "failures": lock.failures,
        "minutes": int(lock.within.total_seconds() // 60),
    }
    tx.put_place(f"person/{lock.person}", TIMER, facts)
    tx.schedule(Timer(kind=TIMER, subject=lock.person, due_at=tx.now))


def _told_since(tx: Transaction, subject: str, since: datetime) -> bool:
    at = (tx.place(subject, _LOCK) or {}).get("at")
    return isinstance(at, str) and since < datetime.fromisoformat(at) <= tx.now


async def tell_lock(ledger: Ledger, policy: Policy, person: str) -> None:
    """Tell the person and the channel. Called by its timer."""

    def step(tx: Transaction) -> None:
        kept = tx.place(f"person/{person}", TIMER)
        if not kept:
            return
        tx.put_place(f"person/{person}", TIMER, {})
        able: list[JsonValue] = [*administrators(policy, tx.now, but=person)]
        said: dict[str, JsonValue] = {"code": CODE, "able": able, **kept}
        owing.tell_person(tx, policy, person, NOTE, person, said)
        owing.channel(tx, policy.slack.channels.incidents, NOTE, person, said)

    await ledger.write(step)
