"""A login at the identity provider as the proof behind an enrolment: the person's own, by its subject alone (P8)."""

from pydantic import JsonValue

from bot.domain.identity import Provider
from bot.domain.refusal import Refusal
from bot.domain.second_factor import Intent, Method, Purpose
from bot.flows.challenges import FRESH, consume
from bot.flows.enroll_proof import ProvedBy, enrolling, keep_proof
from bot.flows.link import linked, login_fits
from bot.flows.locks import committed, failed_at
from bot.policy import Policy
from bot.ports import Ledger, LoggedIn, Transaction


async def proved_by_login(
    ledger: Ledger,
    policy: Policy,
    token: str,
    challenge_id: str,
    logged_in: LoggedIn,
    *,
    browser: str,
    address: str,
) -> None:
    """Take a login, checked in full, as proof for this browser (a digest). It has to be the one that is linked to the
    person, or, the first time, the one that the directory names; an e-mail address settles nothing.

    Raises Refusal `login-not-yours`, `login-not-named`, `linked-elsewhere`, `login-too-old`; counted and audited.
    """
    asked = await consume(ledger, token, challenge_id, Method.OIDC, address)
    if asked.intent.purpose is not Purpose.ENROLL:
        raise Refusal("link-unknown")

    def step(tx: Transaction) -> Refusal | None:
        intent = enrolling(tx, policy, token)
        wrong = _wrong(tx, policy, intent, logged_in)
        if wrong is not None:
            return failed_at(tx, intent, address=address, code=wrong, method=Method.OIDC.value)
        facts: dict[str, JsonValue] = {
            "subject": logged_in.subject,
            "label": logged_in.label,
            "acr": logged_in.acr,
            "amr": [*logged_in.amr],
            "authenticated_at": logged_in.authenticated_at.isoformat(),
            "claims": dict(logged_in.claims),
        }
        keep_proof(tx, intent, ProvedBy.LOGIN, browser=browser, facts=facts)
        return None

    await committed(ledger, step)


def _wrong(tx: Transaction, policy: Policy, intent: Intent, logged_in: LoggedIn) -> str | None:
    """Why this login proves nothing about the person of the link."""
    found = tx.identities.find(Provider.OIDC, logged_in.subject)
    if found is not None and found.person != intent.person:
        return "linked-elsewhere"
    known = policy.people[intent.person]
    own = linked(tx, intent.person, Provider.OIDC)
    if own is not None and own.subject != logged_in.subject:
        return "login-not-yours"
    if own is None and known.oidc is None:
        return "login-not-named"
    if not login_fits(known, logged_in.subject) and (own is None or known.oidc is not None):
        return "login-not-yours"
    return "login-too-old" if tx.now - logged_in.authenticated_at > FRESH else None
