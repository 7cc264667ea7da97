"""A login at the identity provider as a second factor: begun for one challenge, taken once, by the browser that began
it, and carried out by what the link is for (P8)."""

import hmac
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final

from pydantic import JsonValue

from bot.domain.identity import Provider
from bot.domain.refusal import Refusal
from bot.domain.second_factor import Challenge, Intent, Method, Purpose
from bot.flows import step_up
from bot.flows.intents import intent_of
from bot.policy import Policy
from bot.ports import Factors, IdentityProvider, Ledger, LoggedIn, LoginRefused, Transaction

COUNTED: Final = frozenset(
    {
        "algorithm-refused",
        "audience-wrong",
        "code-refused",
        "issuer-mixed-up",
        "issuer-wrong",
        "login-stale",
        "login-weak",
        "nonce-wrong",
        "other-person",
        "signature-wrong",
        "token-early",
        "token-expired",
        "token-old",
        "token-swapped",
    }
)
"""What counts as a failure of whoever tried. That the provider is silent, or set up badly, is nobody's failure."""
_CANCELLED: Final = frozenset({"access_denied"})
_NOT_THERE: Final = frozenset(
    {"login_required", "interaction_required", "consent_required", "account_selection_required"}
)
_OUT_OF_ORDER: Final = frozenset({"server_error", "temporarily_unavailable"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """Where the browser goes, and the challenge that it comes back with."""

    url: str
    challenge: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """What the browser brought back: `browser` and `token` from our own cookies, the rest in the address."""

    browser: str
    token: str
    state: str
    code: str | None = None
    error: str | None = None
    issuer: str | None = None


async def begin(
    ledger: Ledger, policy: Policy, factors: Factors, token: str, *, browser: str, address: str
) -> Begun:
    """Ask a challenge and the provider's address for it. `browser`: the secret in this browser's cookie; nobody else
    can finish what it began. Raises Refusal."""
    provider = _provider(factors)
    asked = await step_up.challenge(ledger, policy, token, Method.OIDC, address=address)
    try:
        url, facts = await provider.begin(
            asked.challenge, nonce=asked.nonce, step_up=asked.intent.purpose is not Purpose.ENROLL
        )
    except LoginRefused as refused:
        raise Refusal(refused.code, refused.facts) from None
    await step_up.keep_with(
        ledger, replace(asked.challenge, facts={**facts, "browser": browser_digest(browser)})
    )
    return Begun(url=url, challenge=asked.challenge.id)


async def finish(
    ledger: Ledger, policy: Policy, factors: Factors, returned: Returned, *, address: str
) -> Intent:
    """Take the login, once; redeem its code; do what the link is for. Gives the intent that was served.

    Raises Refusal. A failure that is the person's own, or an attack, is counted and audited.
    """
    provider = _provider(factors)
    challenge, intent = await ledger.write(lambda tx: _take(tx, returned))
    try:
        if returned.error is not None or not returned.code:
            raise _error(returned.error)
        logged_in = await provider.finish(challenge, nonce=challenge.digest(intent), code=returned.code)
    except LoginRefused as refused:
        raise await _refusal(ledger, returned, challenge, refused, address) from None
    if intent.purpose is Purpose.ENROLL:
        from bot.flows.enroll import proved_by_login  # it is built on this module's neighbours

        digest = browser_digest(returned.browser)
        await proved_by_login(
            ledger, policy, returned.token, challenge.id, logged_in, browser=digest, address=address
        )
        await ledger.write(lambda tx: _keep_grant(tx, intent.person, logged_in))
    else:
        # Before the approval: what it sets going asks for the roles at once.
        await ledger.write(lambda tx: _keep_grant_of_linked(tx, intent.person, logged_in))
        await step_up.by_login(ledger, policy, returned.token, challenge.id, logged_in, address=address)
    return intent


def browser_digest(browser: str) -> str:
    """What is kept of a browser's secret: the database alone lets nobody pass for it."""
    return f"sha256:{sha256(browser.encode('utf-8', 'replace')).hexdigest()}"


def _provider(factors: Factors) -> IdentityProvider:
    if factors.logins is None:
        raise Refusal("login-not-set-up")
    return factors.logins


def _take(tx: Transaction, returned: Returned) -> tuple[Challenge, Intent]:
    """The challenge that the state belongs to, for the first who comes back with it. Raises Refusal."""
    challenge = tx.intents.challenge(returned.state.partition(".")[0])
    if challenge is None or not _same(challenge, "state", browser_digest(returned.state)):
        raise Refusal("login-unknown")
    if not _same(challenge, "browser", browser_digest(returned.browser)):
        raise Refusal("login-other-browser")
    intent = intent_of(tx, returned.token)
    if challenge.intent != intent.id:
        raise Refusal("login-unknown")
    if tx.now >= challenge.expires_at:
        raise Refusal("login-over", {"request": intent.request})
    key = f"login {challenge.id}"
    if tx.remembered(key) is not None:
        raise Refusal("login-used", {"request": intent.request})
    tx.remember(key, intent.id)
    return replace(challenge, facts={**challenge.facts, "iss": returned.issuer}), intent


def _same(challenge: Challenge, name: str, digest: str) -> bool:
    kept = challenge.facts.get(name)
    return isinstance(kept, str) and hmac.compare_digest(kept.encode(), digest.encode())


def _error(said: str | None) -> LoginRefused:
    """What the provider answered instead of a code. Its own description is nobody's sentence here."""
    if said in _CANCELLED:
        return LoginRefused("login-denied")
    if said in _NOT_THERE:
        return LoginRefused("login-required")
    if said in _OUT_OF_ORDER:
        return LoginRefused("provider-silent", why=str(said))
    return LoginRefused("provider-refused")


async def _refusal(
    ledger: Ledger, returned: Returned, challenge: Challenge, refused: LoginRefused, address: str
) -> Refusal:
    if refused.code not in COUNTED:
        return Refusal(refused.code, refused.facts)
    counted = await step_up.fail_login(ledger, returned.token, challenge.id, refused.code, address=address)
    return Refusal(counted.code, {**counted.facts, **refused.facts})


def _keep_grant_of_linked(tx: Transaction, person: str, logged_in: LoggedIn) -> None:
    linked = tx.identities.find(Provider.OIDC, logged_in.subject)
    if linked is not None and linked.revoked_at is None and linked.person == person:
        _keep_grant(tx, person, logged_in)


def _keep_grant(tx: Transaction, person: str, logged_in: LoggedIn) -> None:
    """What asks for this person's roles without them, sealed; the newest login's is the one that is used."""
    if logged_in.refresh is not None:
        kept: dict[str, JsonValue] = {
            "subject": logged_in.subject,
            "refresh": logged_in.refresh,
            "roles": [*sorted(logged_in.roles)],
            "at": tx.now.isoformat(),
        }
        tx.put_place(f"person/{person}", "login", kept)
