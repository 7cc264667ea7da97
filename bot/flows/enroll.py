"""Enrol a second factor: from a link in Slack with a proof that Slack does not hold, or from the host (P8, F11)."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from pydantic import JsonValue

from bot.domain.audit import Fact
from bot.domain.change_request import Actor
from bot.domain.identity import Provider
from bot.domain.refusal import Refusal
from bot.domain.second_factor import INTENT_LASTS, Credential, Intent, Method, Passkey, Purpose
from bot.flows.administrators import somebody_confirms
from bot.flows.asking import Asker, known, plain_text
from bot.flows.confirm import after_cool_off, pending_of
from bot.flows.enroll_login import proved_by_login
from bot.flows.enroll_proof import (
    Proof,
    ProvedBy,
    Visit,
    enrolling,
    need_proof,
    proof_of,
    use_up,
)
from bot.flows.factor_notes import named, tell
from bot.flows.intents import open_intent
from bot.flows.link import known_person, link, link_soon, undisputed
from bot.flows.reset import nothing_enrolled
from bot.policy import Policy
from bot.ports import Ledger, Transaction

__all__ = ["proved_by_login"]

MOST: Final = 10
"""Factors that one person can have at a time."""
NAME_LIMIT: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A way to the page of enrolment; the link alone enrols nothing. `held` is what the person has already."""

    person: str
    token: str
    held: tuple[Credential, ...]
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the page of enrolment shows: `proof` is of this browser, or None."""

    intent: Intent
    held: tuple[Credential, ...]
    proof: Proof | None
    by_passkey: bool
    by_code_of_app: bool
    methods: tuple[Method, ...]

    @property
    def full(self) -> bool:
        """There is no room for one more."""
        return len(self.held) >= MOST


@dataclass(frozen=True, slots=True, kw_only=True)
class Fresh:
    """A second factor that was made just now."""

    method: Method
    sealed: str = ""
    passkey: Passkey | None = None
    name: str | None = None


async def begin(ledger: Ledger, policy: Policy, asker: Asker) -> Begun:
    """A link for the person that this Slack account stands for. Raises Refusal `unknown-person`, `link-contradicts`."""

    def step(tx: Transaction) -> Begun:
        actor = known_person(tx, policy, asker)
        person = actor.person or ""
        undisputed(tx, policy, person, but=frozenset({Provider.GITHUB}))  # which is asked about now
        link_soon(tx, policy, person)
        token = open_intent(tx, purpose=Purpose.ENROLL, person=person, asker=asker)
        held = tuple(tx.credentials.of(person))
        return Begun(person=person, token=token, held=held, until=tx.now + INTENT_LASTS)

    return await ledger.write(step)


async def held_by(ledger: Ledger, policy: Policy, asker: Asker) -> tuple[str, tuple[Credential, ...]]:
    """The person behind a Slack account and what they enrolled; for where there are no pages. Raises Refusal."""

    def query(tx: Transaction) -> tuple[str, tuple[Credential, ...]]:
        person = known_person(tx, policy, asker).person or ""
        return person, tuple(tx.credentials.of(person))

    return await ledger.read(query)


async def standing(ledger: Ledger, policy: Policy, visit: Visit) -> Standing:
    """How an enrolment stands for the browser that asks; changes nothing. Raises Refusal."""

    def query(tx: Transaction) -> Standing:
        intent = enrolling(tx, policy, visit.token)
        held = tuple(tx.credentials.of(intent.person))
        proving = [c for c in held if c.proves]
        return Standing(
            intent=intent,
            held=held,
            proof=proof_of(tx, intent, visit.browser),
            by_passkey=any(c.method == Method.PASSKEY for c in proving),
            by_code_of_app=any(c.method == Method.TOTP for c in proving),
            methods=methods_offered(policy),
        )

    return await ledger.read(query)


async def newest_of(ledger: Ledger, intent: Intent) -> Credential | None:
    """What was enrolled by a link that is used up; None where it took one away instead."""

    def query(tx: Transaction) -> Credential | None:
        since = [c for c in tx.credentials.of(intent.person) if c.enrolled_at >= intent.created_at]
        return since[-1] if since else None

    return await ledger.read(query)


def methods_offered(policy: Policy) -> tuple[Method, ...]:
    """What is worth enrolling: a passkey always, an authenticator app unless every environment that asks for anybody's
    approval refuses its codes."""
    asking = [e.approval.second_factor.methods for e in policy.environments.values() if e.approval.seats]
    codes = not asking or any(Method.TOTP.value in methods for methods in asking)
    return (Method.PASSKEY, Method.TOTP) if codes else (Method.PASSKEY,)


def factor_name(typed: str | None) -> str | None:
    """What its owner calls it: on one line, without what cannot be seen, and not too long."""
    shown = "".join(c if c.isprintable() else " " for c in plain_text(typed))
    return " ".join(shown.split())[:NAME_LIMIT].strip() or None


def room_for(tx: Transaction, person: str) -> None:
    """Raises Refusal `too-many-factors`."""
    if len(tx.credentials.of(person)) >= MOST:
        raise Refusal("too-many-factors", {"limit": MOST})


def keep(tx: Transaction, policy: Policy, intent: Intent, visit: Visit, fresh: Fresh) -> Credential:
    """Keep what the proof of this browser allows to enrol; link and proof are used up by it.

    Raises Refusal `not-proved`, `link-used`, `too-many-factors`, `link-contradicts`, `linked-elsewhere`.
    """
    proof = need_proof(tx, intent, visit.browser)
    use_up(tx, intent)
    undisputed(tx, policy, intent.person)
    _link(tx, intent, proof)
    link_soon(tx, policy, intent.person)
    facts = {"proved_by": proof.kind.value, **proof.facts}
    trusted_host = proof.kind is ProvedBy.CODE
    return _enrolled(tx, policy, intent.person, intent.actor, fresh, facts, by_host=trusted_host)


async def enroll_totp(
    ledger: Ledger, policy: Policy, *, person: str, sealed: str, by: str, again: bool
) -> Credential:
    """Keep a sealed TOTP secret for `person`, from the host's command line. `again` takes away first what was enrolled
    and linked. Where administrators have factors, it waits for one of them (`Credential.pending`).

    Raises Refusal `unknown-person-name` or `enrolled-already`. Audited as done by `by`, the host's user.
    """
    known("person-name", person, list(policy.people))
    actor = Actor(via=f"host:{by}")

    def step(tx: Transaction) -> Credential:
        nothing_enrolled(tx, policy, person, actor, again=again)
        fresh = Fresh(method=Method.TOTP, sealed=sealed)
        return _enrolled(tx, policy, person, actor, fresh, {"proved_by": "host"}, by_host=True)

    return await ledger.write(step)


def _enrolled(
    tx: Transaction,
    policy: Policy,
    person: str,
    by: Actor,
    fresh: Fresh,
    facts: Mapping[str, JsonValue],
    *,
    by_host: bool,
) -> Credential:
    """The record. The host's word alone is a bootstrap, and only until an administrator has a factor: what rests on
    it then waits for one of them."""
    pending = by_host and somebody_confirms(tx, policy)
    bootstrap = by_host and not pending
    if pending and (older := pending_of(tx, person)) is not None:
        replaced = Fact(type="credential.revoked", by=by, facts={"reason": "enrolled anew"})
        tx.credentials.put(replace(older, revoked_at=tx.now), replaced)
    room_for(tx, person)
    credential = Credential(
        id=f"{fresh.method.value}-{secrets.token_hex(6)}",
        person=person,
        method=fresh.method.value,
        sealed=fresh.sealed,
        enrolled_at=tx.now,
        enrolled_by=by.via,
        passkey=fresh.passkey,
        name=fresh.name,
        pending=pending,
        usable_from=after_cool_off(tx, policy) if not by_host or (bootstrap and _again(tx, policy)) else None,
    )
    told = {**facts, "bootstrap": bootstrap, "pending": pending}
    tx.credentials.put(credential, Fact(type="credential.enrolled", by=by, facts=told))
    code = "enrolled-pending" if pending else "enrolled-bootstrap" if bootstrap else "enrolled"
    named_any = bool(policy.second_factors.administrators)
    tell(tx, policy, person, code, by=by.via, administrators=named_any, **named(credential))
    return credential


def _again(tx: Transaction, policy: Policy) -> bool:
    """Whether the host already made an administrator by its word alone: once is a beginning, twice is told and waits."""
    if not policy.second_factors.administrators:
        return False
    seen = tx.place("second-factors", "bootstrap") is not None
    tx.put_place("second-factors", "bootstrap", {"at": tx.now.isoformat()})
    return seen


def _link(tx: Transaction, intent: Intent, proof: Proof) -> None:
    """Slack always, the login where it was the proof. Raises Refusal."""
    actor = intent.actor
    where, _, account = intent.via.partition(":")
    if where == Provider.SLACK.value:
        user = account.partition("/")[2]
        link(tx, provider=Provider.SLACK, subject=account, label=user, person=intent.person, by=actor)
    subject, label = proof.text("subject"), proof.text("label")
    if proof.kind is ProvedBy.LOGIN and subject is not None:
        shown = label or subject
        link(tx, provider=Provider.OIDC, subject=subject, label=shown, person=intent.person, by=actor)
