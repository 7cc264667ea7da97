"""Challenges: what a link is for, one fresh challenge for each use of a factor, and its one consumption (P8)."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from bot.domain.refusal import Refusal
from bot.domain.second_factor import Challenge, Credential, Intent, Method, Passkey, Purpose
from bot.flows.acts import ACTS, CHECKS
from bot.flows.held_factors import HeldFactors, allowed_methods, environment_of, held_factors
from bot.flows.inquire import RequestView, view_of
from bot.flows.intents import ask_challenge, intent_of
from bot.flows.link import person_of_slack, undisputed
from bot.flows.locks import committed, locked
from bot.flows.state_rules import as_asked
from bot.policy import Policy
from bot.ports import Ledger, Transaction

FRESH: Final = timedelta(minutes=5)
"""How old a factor may be where no environment says it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A challenge, and what it is about."""

    challenge: Challenge
    intent: Intent
    known: tuple[Passkey, ...] = ()
    """The person's own passkeys that may answer it."""

    @property
    def signed(self) -> bytes:
        """What a passkey signs."""
        return self.challenge.signed_bytes(self.intent)

    @property
    def nonce(self) -> str:
        """The same for a login."""
        return self.challenge.digest(self.intent)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the page shows before anything is asked. `view`: of the request, where it is about one."""

    intent: Intent
    held: HeldFactors
    view: RequestView | None = None
    subject: Credential | None = None
    """The second factor that it is about, where it is about one."""


async def peek(ledger: Ledger, token: str, *, used: bool = False) -> Intent:
    """The intent behind a link; `used`: one that was carried out as well. Raises Refusal."""
    return await ledger.read(lambda tx: intent_of(tx, token, used=used))


async def shown(ledger: Ledger, policy: Policy, token: str) -> Shown:
    """What a link is for; changes nothing, so whatever looks at links first (a chat's preview) uses nothing up.

    Raises Refusal: the link is over, or it could not be carried out.
    """

    def query(tx: Transaction) -> Shown:
        intent = intent_of(tx, token)
        held = _ready(tx, policy, intent)
        request = None if intent.request is None else tx.requests.get(intent.request)
        return Shown(
            intent=intent,
            held=held,
            view=None if request is None else view_of(tx, policy, request),
            subject=None if intent.subject is None else tx.credentials.get(intent.subject),
        )

    return await ledger.read(query)


async def challenge(ledger: Ledger, policy: Policy, token: str, method: Method, *, address: str) -> Asked:
    """Ask a fresh challenge for one use of one factor. Raises Refusal."""

    def step(tx: Transaction) -> Asked:
        intent = intent_of(tx, token)
        fresh = within(tx, policy, intent)
        if intent.purpose is Purpose.ENROLL:
            _enrolling(tx, policy, intent, method, address)
            return Asked(challenge=ask_challenge(tx, intent, method), intent=intent)
        held = usable(tx, policy, intent, method, address)
        asked = ask_challenge(tx, intent, method, within=fresh)
        known = tuple(c.passkey for c in held.passkeys if c.passkey) if method is Method.PASSKEY else ()
        return Asked(challenge=asked, intent=intent, known=known)

    return await ledger.write(step)


async def keep_with(ledger: Ledger, asked: Challenge) -> None:
    """Keep the facts that a method has to remember until it is answered."""
    await ledger.write(lambda tx: tx.intents.ask(asked))


def _ready(tx: Transaction, policy: Policy, intent: Intent) -> HeldFactors:
    """What the person can prove themselves with, where the intent could be carried out. Raises Refusal."""
    _still_known(tx, policy, intent)
    locked(tx, intent.person)
    if intent.purpose not in ACTS:
        raise Refusal("link-unknown")
    undisputed(tx, policy, intent.person)
    could = CHECKS.get(intent.purpose)
    if could is not None:
        could(tx, policy, intent)
    return held_factors(tx, _about(tx, policy, intent), intent.person, environment_of(tx, intent))


def _about(tx: Transaction, policy: Policy, intent: Intent) -> Policy:
    """The policy as it judges what the intent is about: a change of state has an approval of its own (K1)."""
    request = None if intent.request is None else tx.requests.get(intent.request)
    return policy if request is None else as_asked(policy, request)


def usable(tx: Transaction, policy: Policy, intent: Intent, method: Method, address: str) -> HeldFactors:
    """The same for one method. Raises Refusal."""
    locked(tx, intent.person, address, method=method.value)
    held = _ready(tx, policy, intent)
    allowed = allowed_methods(_about(tx, policy, intent), environment_of(tx, intent))
    if method not in allowed:
        raise Refusal("method-forbidden", {"method": method.value, "allowed": [m.value for m in allowed]})
    if method not in held.methods:
        raise Refusal("method-not-enrolled", {"method": method.value})
    return held


def _enrolling(tx: Transaction, policy: Policy, intent: Intent, method: Method, address: str) -> None:
    """Whoever enrols holds nothing yet: a login alone can be asked of them here."""
    _still_known(tx, policy, intent)
    locked(tx, intent.person, address, method=method.value)
    if method is not Method.OIDC or policy.second_factors.login is None:
        raise Refusal("method-forbidden", {"method": method.value, "allowed": []})


def _still_known(tx: Transaction, policy: Policy, intent: Intent) -> None:
    """The person is in the directory, and the Slack account that pressed is theirs as it was then."""
    team, _, user = intent.via.removeprefix("slack:").partition("/")
    by_slack = intent.via.startswith("slack:")
    if intent.person not in policy.people or (
        by_slack and person_of_slack(tx, policy, team, user) != intent.person
    ):
        raise Refusal("person-gone", {"person": intent.person})


def within(tx: Transaction, policy: Policy, intent: Intent) -> timedelta:
    """How fresh a factor has to be (P8)."""
    environment = _about(tx, policy, intent).environments.get(environment_of(tx, intent) or "")
    return FRESH if environment is None else environment.approval.second_factor.within


async def consume(ledger: Ledger, token: str, challenge_id: str, method: Method, address: str) -> Asked:
    """Use the challenge up, and commit that, before anybody looks at the answer."""

    def step(tx: Transaction) -> Asked | Refusal:
        intent = intent_of(tx, token)
        locked(tx, intent.person, address, method=method.value)
        taken = tx.intents.consume(challenge_id, tx.now)
        if taken is None or taken.intent != intent.id or taken.method != method.value:
            return Refusal("challenge-over", {"request": intent.request})
        return Asked(challenge=taken, intent=intent)

    return await committed(ledger, step)
