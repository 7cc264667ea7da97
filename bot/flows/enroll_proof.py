"""Proof that whoever holds an enrolment link is the person: kept for one browser and ten minutes, good for one act.

The link comes from Slack, and a stolen Slack login has it. What it lacks is the proof: a login with a second factor at
the identity provider, the one-use code from the host, or a factor that the person has already. The proof counts in
the browser that gave it and in no other, so to have the victim prove themselves gains a thief nothing (P8, F11).
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from pydantic import JsonValue

from bot.domain.audit import Fact
from bot.domain.refusal import Refusal
from bot.domain.second_factor import Challenge, Intent, Purpose
from bot.flows.intents import intent_of
from bot.flows.locks import locked
from bot.policy import Policy
from bot.ports import Transaction

CODE: Final = "enrolment-code"
"""Where the one-use code of the host is kept, on the person."""
LASTS: Final = timedelta(minutes=10)
_METHOD: Final = (
    "proof"  # the row stands among the challenges, where none of a second factor's methods is called so
)


class ProvedBy(StrEnum):
    """What the proof is."""

    LOGIN = "login"
    CODE = "code"  # from the host's command line
    FACTOR = "factor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A proof that stands. `facts` is what the record of an enrolment tells of it."""

    kind: ProvedBy
    at: datetime
    until: datetime
    facts: Mapping[str, JsonValue]

    def text(self, key: str) -> str | None:
        """One of its facts."""
        value = self.facts.get(key)
        return value if isinstance(value, str) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """Who is at a page of an enrolment: by which link, in which browser (a digest of its secret), from where."""

    token: str = field(repr=False)
    browser: str | None
    address: str


def enrolling(tx: Transaction, policy: Policy, token: str) -> Intent:
    """The intent to enrol behind a link. Raises Refusal `link-unknown`, `link-used`, `link-over`, `person-gone`,
    `locked-out`."""
    intent = intent_of(tx, token)
    if intent.purpose is not Purpose.ENROLL:
        raise Refusal("link-unknown")
    if intent.person not in policy.people:
        raise Refusal("person-gone", {"person": intent.person})
    locked(tx, intent.person)
    return intent


def keep_proof(
    tx: Transaction, intent: Intent, kind: ProvedBy, *, browser: str, facts: Mapping[str, JsonValue]
) -> None:
    """Keep the proof for this browser, a digest; one that the link had before is replaced. The link lasts as long."""
    until = tx.now + LASTS
    tx.intents.put(replace(intent, expires_at=until))
    tx.intents.ask(
        Challenge(
            id=_id(intent),
            intent=intent.id,
            method=_METHOD,
            nonce="",
            created_at=tx.now,
            expires_at=until,
            facts={"kind": kind.value, "browser": browser, "facts": dict(facts)},
        )
    )
    fact = Fact(type="enrolment.proved", by=intent.actor, facts={"by": kind.value, **facts})
    tx.trail.record(fact, subject=f"person/{intent.person}")


def proof_of(tx: Transaction, intent: Intent, browser: str | None) -> Proof | None:
    """The proof that this browser gave, while it stands."""
    kept = tx.intents.challenge(_id(intent))
    if (
        kept is None
        or browser is None
        or tx.now >= kept.expires_at
        or kept.created_at < _reset_at(tx, intent)
    ):
        return None
    owner, kind, facts = (kept.facts.get(name) for name in ("browser", "kind", "facts"))
    if not isinstance(owner, str) or not hmac.compare_digest(owner, browser) or not isinstance(facts, dict):
        return None
    if kind == ProvedBy.FACTOR:  # one that was taken away meanwhile proves nothing any more
        used = tx.credentials.get(str(facts.get("credential")))
        if used is None or not used.proves:
            return None
    if kind == ProvedBy.CODE and (tx.place(f"person/{intent.person}", CODE) or {}).get("digest"):
        return None  # the host gave out another one since
    return Proof(kind=ProvedBy(str(kind)), at=kept.created_at, until=kept.expires_at, facts=facts)


def need_proof(tx: Transaction, intent: Intent, browser: str | None) -> Proof:
    """The same. Raises Refusal `not-proved`."""
    found = proof_of(tx, intent, browser)
    if found is None:
        raise Refusal("not-proved", {"person": intent.person})
    return found


def use_up(tx: Transaction, intent: Intent) -> None:
    """The link did what it was for, and its proof with it. Raises Refusal `link-used`."""
    if not tx.intents.use(intent.id, tx.now):
        raise Refusal("link-used", {"purpose": intent.purpose.value})


def void_proofs(tx: Transaction, person: str) -> None:
    """What this person proved so far counts no more: codes of the host, and proofs that wait for their enrolment."""
    tx.put_place(f"person/{person}", "proofs", {"void_before": tx.now.isoformat()})


def void_before(tx: Transaction, person: str) -> datetime | None:
    """Since when proofs of this person count at all; None: no reset ever voided any."""
    kept = tx.place(f"person/{person}", "proofs")
    at = None if kept is None else kept.get("void_before")
    return datetime.fromisoformat(at) if isinstance(at, str) else None


def _reset_at(tx: Transaction, intent: Intent) -> datetime:
    void = void_before(tx, intent.person)
    # A proof of the very instant of a reset may be older than it: it is void too.
    return intent.created_at if void is None else void + timedelta(microseconds=1)


def _id(intent: Intent) -> str:
    return f"proof-{intent.id}"
