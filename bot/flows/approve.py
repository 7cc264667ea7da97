"""Sign an approval with a second factor, bound to the fingerprint that the approver was shown (P8 P9)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.domain.approval import SecondFactor, signature
from bot.domain.audit import Fact
from bot.domain.change_request import Actor, ChangeRequest, RequestState
from bot.domain.refusal import Refusal
from bot.domain.second_factor import INTENT_LASTS, Credential, Intent, Method, Purpose
from bot.flows import owing
from bot.flows.asking import Asker, known_request
from bot.flows.authorship import Known, not_an_author
from bot.flows.count import may_fill_a_seat, may_sign_again
from bot.flows.held_factors import allowed_methods, held_factors
from bot.flows.intents import open_intent
from bot.flows.link import known_person, undisputed
from bot.flows.locks import committed, failed, locked
from bot.flows.on_duty import rostered
from bot.flows.stake import held_silent
from bot.flows.state_rules import as_asked
from bot.policy import Policy
from bot.ports import CodeCheck, Ledger, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What an approver hands in. `fingerprint` and `revision` are what they were shown. `key` is Slack's id."""

    asker: Asker
    key: str
    request: str
    revision: int
    fingerprint: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A way to our page. `token` stands in the link and is kept nowhere; the link alone approves nothing."""

    token: str
    request: ChangeRequest
    person: str
    until: datetime


async def openable(ledger: Ledger, policy: Policy, asker: Asker, request_id: str) -> ChangeRequest:
    """The request that the second-factor modal is about. Raises Refusal before anybody types a code in vain."""

    def query(tx: Transaction) -> ChangeRequest:
        actor = known_person(tx, policy, asker)
        request = signable(tx, policy, actor.person or "", request_id, lock=False)
        _codes(tx, policy, request, actor)
        return request

    async with _denials(ledger, policy, asker, request_id):
        return await ledger.read(query)


async def open_page(ledger: Ledger, policy: Policy, asker: Asker, request_id: str) -> Opened:
    """Turn the click into an intent, bound to the request as it stands. Raises Refusal before anybody follows a link
    in vain."""

    def step(tx: Transaction) -> Opened:
        person = known_person(tx, policy, asker).person or ""
        request = signable(tx, policy, person, request_id)
        held_factors(tx, as_asked(policy, request), person, request.environment)
        locked(tx, person, None)
        token = open_intent(tx, purpose=Purpose.APPROVE, person=person, asker=asker, request=request)
        return Opened(token=token, request=request, person=person, until=tx.now + INTENT_LASTS)

    async with _denials(ledger, policy, asker, request_id):
        return await ledger.write(step)


DENIALS: Final = frozenset(
    {
        "own-request", "commit-author", "dispatched-it", "excluded", "no-seat", "link-contradicts",
        "account-of-another", "not-enrolled", "not-confirmed", "method-forbidden", "cooling-off", "locked-out",
    }
)  # fmt: skip
"""What an auditor asks about: somebody tried to approve who may not, or not by what they have."""


@asynccontextmanager
async def _denials(ledger: Ledger, policy: Policy, asker: Asker, request_id: str) -> AsyncIterator[None]:
    """Whatever is refused inside leaves its entry."""
    try:
        yield
    except Refusal as refusal:
        await _denied(ledger, policy, asker, request_id, refusal)
        raise


async def _denied(ledger: Ledger, policy: Policy, asker: Asker, request_id: str, refusal: Refusal) -> None:
    """Leave an entry of it, once for each person, revision and reason; a refusal changes nothing else."""
    mine = policy.person_by_slack(asker.user)
    if refusal.code not in DENIALS or mine is None:
        return
    person, _ = mine

    def step(tx: Transaction) -> None:
        request = tx.requests.get(request_id)
        key = f"denied:{request_id}:{0 if request is None else request.revision}:{person}:{refusal.code}"
        if request is None or tx.remembered(key) is not None:
            return
        tx.remember(key, True)
        by = asker.actor(policy)
        fact = Fact(type="approval.denied", by=by, facts={"code": refusal.code, "revision": request.revision})
        tx.trail.record(fact, subject=f"request/{request.id}")

    await ledger.write(step)


def check(tx: Transaction, policy: Policy, intent: Intent) -> None:
    """Whether the intent to approve can still be carried out: the very facts that it was opened for still stand, and
    the person may sign. Raises Refusal."""
    _bound(tx, policy, intent, lock=False)


def approve_act(tx: Transaction, policy: Policy, intent: Intent, factor: SecondFactor) -> None:
    """Record the signature that a factor on our page stands for; everything is checked again. Raises Refusal."""
    request = _bound(tx, policy, intent, lock=True)
    _write(tx, request, intent.actor, factor)


async def sign(ledger: Ledger, policy: Policy, check: CodeCheck, signature: Signature) -> None:
    """Verify a code typed in Slack and record the signature: the way where there are no pages of ours. Whether it
    fills a seat is decided on facts gathered next.

    Raises Refusal. A wrong code is counted and audited even so; five in 15 minutes lock approving, nothing else.
    """

    def step(tx: Transaction) -> Refusal | None:
        if tx.remembered(signature.key) is not None:
            return None
        actor = known_person(tx, policy, signature.asker)
        request = signable(tx, policy, actor.person or "", signature.request)
        codes = _codes(tx, policy, request, actor)
        if (request.revision, request.fingerprint) != (signature.revision, signature.fingerprint):
            raise Refusal("changed-since", {"request": request.id})
        taken = take_code(tx, check, codes, signature.code)
        if isinstance(taken, str):
            subject = f"request/{request.id}"
            return failed(tx, by=actor, address=None, code=taken, method="totp", subject=subject)
        credential, _ = taken
        factor = SecondFactor(method=credential.method, credential=credential.id, at=tx.now)
        _write(tx, request, actor, factor)
        tx.remember(signature.key, request.id)
        return None

    async with _denials(ledger, policy, signature.asker, signature.request):
        await committed(ledger, step)


def signable(
    tx: Transaction, policy: Policy, person: str, request_id: str, *, lock: bool = True
) -> ChangeRequest:
    """The request, where a signature of `person` could count. Live sources of roles are asked when it is counted and
    again at the start; until then whoever they may name may try. Raises Refusal."""
    undisputed(tx, policy, person)
    request = known_request(tx, request_id, lock=lock)
    # One whose time is over is closed by the next evaluation; nobody should type a code for it until then.
    state = RequestState.EXPIRED if request.is_open and tx.now >= request.expires_at else request.state
    if state is not RequestState.AWAITING_APPROVAL and not held_silent(request):
        raise Refusal("not-awaiting-approval", {"request": request.id, "state": state.value})
    may_fill_a_seat(rostered(tx, policy), request, person, tx.now, benefit=True)
    evidence = tx.evidence.about(request.service, artifact=request.artifact.tag)
    known = Known(links=tx.identities.of(person), asked=False)
    not_an_author(policy, request, person, evidence, known)
    signed = tx.approvals.get(f"{request.id}/{request.revision}/{person}")
    if signed is not None and not may_sign_again(signed):
        raise Refusal(
            "already-signed", {"request": request.id, "state": signed.state.value, "why": signed.code}
        )
    return request


def take_code(
    tx: Transaction, check: CodeCheck, codes: tuple[Credential, ...], code: str
) -> tuple[Credential, int] | str:
    """The credential that the code is of, and its step, which is used up by this; or why it proves nothing:
    `code-used` or `wrong-code`."""
    for credential in codes:
        step = check.step(credential, code, tx.now)
        if step is not None:
            return (credential, step) if tx.credentials.accept_step(credential.id, step) else "code-used"
    return "wrong-code"


def _codes(tx: Transaction, policy: Policy, request: ChangeRequest, actor: Actor) -> tuple[Credential, ...]:
    """What a code typed in Slack may belong to. Raises Refusal."""
    person, policy = actor.person or "", as_asked(policy, request)
    allowed = allowed_methods(policy, request.environment)
    if Method.TOTP not in allowed:
        raise Refusal("method-forbidden", {"method": "totp", "allowed": [m.value for m in allowed]})
    codes = held_factors(tx, policy, person, request.environment).codes
    if not codes:
        raise Refusal("not-enrolled", {"person": person})
    locked(tx, person, None)
    return codes


def _bound(tx: Transaction, policy: Policy, intent: Intent, *, lock: bool) -> ChangeRequest:
    request = signable(tx, policy, intent.person, intent.request or "", lock=lock)
    if (request.revision, request.fingerprint) != (intent.revision, intent.fingerprint):
        raise Refusal("changed-since", {"request": request.id})
    return request


def _write(tx: Transaction, request: ChangeRequest, actor: Actor, factor: SecondFactor) -> None:
    approval = signature(request, actor, factor, at=tx.now)
    tx.approvals.put(approval, Fact(type="approval.signed", by=actor))
    owing.evaluate_at(tx, request, tx.now)
