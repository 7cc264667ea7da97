"""Failures of second factors: counted by person and by address, audited, and, when there are many, a lock (P8)."""

from collections.abc import Callable
from datetime import timedelta
from typing import Final, TypeVar

from bot.domain.audit import Fact
from bot.domain.change_request import Actor
from bot.domain.refusal import Refusal
from bot.domain.second_factor import Intent
from bot.flows.lock_notes import Lock, note_lock
from bot.ports import Ledger, Transaction

T = TypeVar("T")

FAILURES: Final = 5
WITHIN: Final = timedelta(minutes=15)
"""So many failures in so long lock whatever takes a second factor. Rejecting, holding, cancelling and stopping take
none, so nothing locks them: the safe direction stays open to everybody."""


GUESSABLE: Final = frozenset({"totp", "code"})
"""What somebody could guess at one person after another. A passkey or a login cannot be guessed, so whoever fails on
purpose behind an office's address keeps nobody else there from using theirs."""


def locked(tx: Transaction, person: str, address: str | None = None, *, method: str | None = None) -> None:
    """Raises Refusal `locked-out` while this person, or this network address, failed too often. `address`: None where
    Slack stands between us and the person, or nothing is proved yet; it is locked for what can be guessed alone."""
    since = tx.now - WITHIN
    if tx.credentials.failures_since(person, since) >= FAILURES:
        raise _refusal("person")
    guessing = address is not None and method in GUESSABLE
    if guessing and tx.credentials.failures_from(address or "", since) >= FAILURES:
        raise _refusal("address")


def failed(
    tx: Transaction, *, by: Actor, address: str | None, code: str, method: str, subject: str
) -> Refusal:
    """Count and audit one failure of `by`; gives the refusal that tells it, with the tries that are left.

    The caller has to commit: return it from the transaction's step, and raise it afterwards. Neither a code that was
    typed nor anything else secret goes in.
    """
    person = by.person or ""
    counts_there = address if method in GUESSABLE else None
    tx.credentials.note_failure(person, tx.now, address=counts_there)
    facts = {"code": code, "method": method} | ({} if address is None else {"address": address})
    tx.trail.record(Fact(type="factor.failed", by=by, facts=facts), subject=subject)
    times = {"person": tx.credentials.failed_at(tx.now - WITHIN, person=person)}
    if counts_there is not None:
        times["address"] = tx.credentials.failed_at(tx.now - WITHIN, address=counts_there)
    locks = {what: at[-FAILURES] + WITHIN for what, at in times.items() if len(at) >= FAILURES}
    if locks:
        lock = Lock(person=person, address=counts_there, until=locks, failures=FAILURES, within=WITHIN)
        note_lock(tx, lock)
    counted = max(len(at) for at in times.values())
    return Refusal(code, {"left": max(0, FAILURES - counted), "minutes": _minutes(), "method": method})


def failed_at(tx: Transaction, intent: Intent, *, address: str, code: str, method: str) -> Refusal:
    """The same for whoever an intent is of, on one of our pages."""
    return failed(tx, by=intent.actor, address=address, code=code, method=method, subject=intent.about)


async def committed(ledger: Ledger, step: Callable[[Transaction], T | Refusal]) -> T:
    """Commit the step, and only then raise the refusal that it gives: what was counted by it stays counted."""
    done = await ledger.write(step)
    if isinstance(done, Refusal):
        raise done
    return done


def _refusal(what: str) -> Refusal:
    return Refusal("locked-out", {"minutes": _minutes(), "what": what})


def _minutes() -> int:
    return int(WITHIN.total_seconds() // 60)
