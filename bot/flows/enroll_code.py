"""The one-use code from the host's command line, which a person types on the enrolment page (P8, F11)."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from bot.domain.audit import Fact
from bot.domain.change_request import Actor
from bot.domain.refusal import Refusal
from bot.flows.administrators import somebody_confirms
from bot.flows.asking import known
from bot.flows.enroll_proof import CODE, ProvedBy, enrolling, keep_proof, void_before
from bot.flows.locks import committed, failed_at, locked
from bot.flows.reset import nothing_enrolled
from bot.policy import Policy
from bot.ports import Ledger, Place, Transaction

_LETTERS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # 32 of them, without I, L, O and U
_GROUPS, _GROUP = 4, 4
_MEANT: Final = str.maketrans({"I": "1", "L": "1", "O": "0"})
_METHOD: Final = "code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A code to be shown once. Only its digest is kept."""

    code: str = field(repr=False)
    until: datetime
    waits: bool
    """What is enrolled by it proves nothing before an administrator has confirmed it, as things stand."""


async def issue(ledger: Ledger, policy: Policy, *, person: str, by: str, again: bool) -> Issued:
    """A fresh code of 80 random bits for `person`; one that was issued before no longer counts. `again` takes away
    first what is enrolled and linked.

    Raises Refusal `unknown-person-name` or `enrolled-already`. Audited as issued by `by`, the host's user.
    """
    known("person-name", person, list(policy.people))
    actor = Actor(via=f"host:{by}")
    code = "-".join(_group() for _ in range(_GROUPS))

    def step(tx: Transaction) -> Issued:
        nothing_enrolled(tx, policy, person, actor, again=again)
        until = tx.now + policy.second_factors.code_lasts
        kept = {"digest": _digest(person, code), "until": until.isoformat(), "by": actor.via}
        tx.put_place(_subject(person), CODE, {**kept, "at": tx.now.isoformat()})
        fact = Fact(type="enrolment.code-issued", by=actor, facts={"until": until.isoformat()})
        tx.trail.record(fact, subject=_subject(person))
        return Issued(code=code, until=until, waits=somebody_confirms(tx, policy))

    return await ledger.write(step)


async def proved_by_code(
    ledger: Ledger, policy: Policy, token: str, typed: str, *, browser: str, address: str
) -> None:
    """Take the code as proof, for this browser (a digest); it is used up by that. A wrong one is counted and audited.

    Raises Refusal.
    """

    def step(tx: Transaction) -> Refusal | None:
        intent = enrolling(tx, policy, token)
        locked(tx, intent.person, address, method=_METHOD)
        kept = tx.place(_subject(intent.person), CODE)
        issuer = _fits(tx, intent.person, kept, typed)
        if issuer is None:
            return failed_at(tx, intent, address=address, code="wrong-enrolment-code", method=_METHOD)
        tx.put_place(_subject(intent.person), CODE, {})
        keep_proof(tx, intent, ProvedBy.CODE, browser=browser, facts={"issued_by": issuer})
        return None

    await committed(ledger, step)


def _fits(tx: Transaction, person: str, kept: Place | None, typed: str) -> str | None:
    """Who issued it, where this is the code that counts now. A late one is told apart from a wrong one by nobody."""
    if kept is None:
        return None
    digest, at, until, by = (kept.get(name) for name in ("digest", "at", "until", "by"))
    if not (
        isinstance(digest, str) and isinstance(at, str) and isinstance(until, str) and isinstance(by, str)
    ):
        return None
    void = void_before(tx, person)
    stands = tx.now < datetime.fromisoformat(until) and (void is None or datetime.fromisoformat(at) >= void)
    same = hmac.compare_digest(digest, _digest(person, _as_printed(typed)))
    return by if same and stands else None


def _as_printed(typed: str) -> str:
    """In capitals, with the groups apart, and with the letters that a code never has read as what they look like."""
    letters = "".join(c for c in typed.upper() if c.isascii() and c.isalnum()).translate(_MEANT)[:64]
    return "-".join(letters[at : at + _GROUP] for at in range(0, len(letters), _GROUP))


def _group() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(_GROUP))


def _digest(person: str, code: str) -> str:
    return hashlib.sha256(f"portcullis/enrolment-code/v1\0{person}\0{code}".encode()).hexdigest()


def _subject(person: str) -> str:
    return f"person/{person}"
