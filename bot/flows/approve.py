"""Sign an approval with a second factor, bound to the fingerprint that the approver was shown (P8 P9)."""

from dataclasses import dataclass
from datetime import timedelta

from bot.domain.approval import Approval, SecondFactor
from bot.domain.audit import Fact
from bot.domain.change_request import Actor, ChangeRequest, RequestState
from bot.domain.refusal import Refusal
from bot.domain.second_factor import Credential
from bot.flows import owing
from bot.flows.asking import Asker, known_request
from bot.flows.count import may_fill_a_seat, not_an_author
from bot.policy import Policy
from bot.ports import CodeCheck, Ledger, Transaction

FAILURES = 5
WITHIN = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What an approver hands in. `fingerprint` and `revision` are what they were shown. `key` is Slack's id."""

    asker: Asker
    key: str
    request: str
    revision: int
    fingerprint: str
    code: str


async def openable(ledger: Ledger, policy: Policy, asker: Asker, request_id: str) -> ChangeRequest:
    """The request that the second-factor modal is about. Raises Refusal before anybody types a code in vain."""
    actor = asker.actor(policy)
    return await ledger.read(lambda tx: _signable(tx, policy, actor, request_id, lock=False))


async def sign(ledger: Ledger, policy: Policy, check: CodeCheck, signature: Signature) -> None:
    """Verify the factor and record the signature; whether it fills a seat is decided on facts gathered next.

    Raises Refusal. A wrong code is counted and audited even so; five in 15 minutes lock approving, nothing else.
    """
    actor = signature.asker.actor(policy)

    def step(tx: Transaction) -> Refusal | None:
        if tx.remembered(signature.key) is not None:
            return None
        request = _signable(tx, policy, actor, signature.request)
        if (request.revision, request.fingerprint) != (signature.revision, signature.fingerprint):
            raise Refusal("changed-since", {"request": request.id})
        credential, taken = _factor(tx, check, request, actor, signature.code)
        if isinstance(taken, Refusal):
            return taken
        _write(tx, request, actor, credential, signature)
        return None

    refused = await ledger.write(step)
    if refused is not None:
        raise refused


def _signable(
    tx: Transaction, policy: Policy, actor: Actor, request_id: str, *, lock: bool = True
) -> ChangeRequest:
    request = known_request(tx, request_id, lock=lock)
    # One whose time is over is closed by the next evaluation; nobody should type a code for it until then.
    state = RequestState.EXPIRED if request.is_open and tx.now >= request.expires_at else request.state
    if state is not RequestState.AWAITING_APPROVAL:
        raise Refusal("not-awaiting-approval", {"request": request.id, "state": state.value})
    person = actor.person or ""
    may_fill_a_seat(policy, request, person, tx.now)
    not_an_author(policy, request, person, tx.evidence.about(request.service, artifact=request.artifact.tag))
    signed = tx.approvals.get(f"{request.id}/{request.revision}/{person}")
    if signed is not None:
        raise Refusal(
            "already-signed", {"request": request.id, "state": signed.state.value, "why": signed.code}
        )
    methods = policy.environments[request.environment].approval.second_factor.methods
    if "totp" not in methods:
        raise Refusal("method-forbidden", {"method": "totp", "allowed": list(methods)})
    if not tx.credentials.of(person):
        raise Refusal("not-enrolled", {"person": person})
    if tx.credentials.failures_since(person, tx.now - WITHIN) >= FAILURES:
        raise Refusal("locked-out", {"minutes": int(WITHIN.total_seconds() // 60)})
    return request


def _factor(
    tx: Transaction, check: CodeCheck, request: ChangeRequest, actor: Actor, code: str
) -> tuple[Credential, Refusal | None]:
    """Take the code with the first credential it fits; a wrong or used one is noted, not rolled back."""
    credentials = tx.credentials.of(actor.person or "")
    for credential in credentials:
        step = check.step(credential, code, tx.now)
        if step is None:
            continue
        if tx.credentials.accept_step(credential.id, step):
            return credential, None
        return credential, _failed(tx, request, actor, "code-used")
    return credentials[0], _failed(tx, request, actor, "wrong-code")


def _failed(tx: Transaction, request: ChangeRequest, actor: Actor, code: str) -> Refusal:
    person = actor.person or ""
    tx.credentials.note_failure(person, tx.now)
    tx.trail.record(
        Fact(type="factor.failed", by=actor, facts={"code": code, "method": "totp"}),
        subject=f"request/{request.id}",
    )
    left = FAILURES - tx.credentials.failures_since(person, tx.now - WITHIN)
    return Refusal(code, {"left": max(0, left), "minutes": int(WITHIN.total_seconds() // 60)})


def _write(
    tx: Transaction, request: ChangeRequest, actor: Actor, credential: Credential, signature: Signature
) -> None:
    approval = Approval(
        request=request.id,
        revision=request.revision,
        person=actor.person or "",
        via=actor.via,
        fingerprint=signature.fingerprint,
        signed_at=tx.now,
        factor=SecondFactor(method=credential.method, credential=credential.id, at=tx.now),
    )
    tx.approvals.put(approval, Fact(type="approval.signed", by=actor))
    tx.remember(signature.key, request.id)
    owing.evaluate_at(tx, request, tx.now)
