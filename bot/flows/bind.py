"""Bind a request to the facts it was judged on: changed facts open a new revision and void what was signed or ticked."""

from dataclasses import replace

from pydantic import JsonValue

from bot.domain.approval import ApprovalState
from bot.domain.audit import Fact
from bot.domain.change_request import ChangeRequest, Kind, RequestState
from bot.domain.fingerprint import evidence_digest, fingerprint, fingerprint_facts
from bot.domain.snapshot import Snapshot
from bot.flows import owing
from bot.flows.state_rules import asked_digest
from bot.policy import Policy
from bot.ports import Transaction


def bind(
    tx: Transaction, policy: Policy, request: ChangeRequest, snapshot: Snapshot
) -> tuple[ChangeRequest, bool]:
    """The request bound to the facts of now, and whether that opened a new revision (P9).

    A registry that does not name a digest changes nothing: its gate says so, and what was known stays bound.
    Until the first judgement is told nobody can have signed anything, so facts then settle without a revision; but for
    a rollback that comes with its approval (P16). What a rollback takes back is settled when it is asked for.
    """
    if request.kind is Kind.CONFIGURATION:  # what is asked for is no image, and no registry knows it
        digest: str | None = asked_digest(tx, policy, request.artifact.tag)
    else:
        digest = snapshot.registry.digest or request.artifact.digest
    target = request.rollback_target if request.kind is Kind.ROLLBACK else snapshot.rollback.target
    facts = fingerprint_facts(
        request,
        digest=digest,
        rollback=target,
        policy=policy.digest,
        evidence=evidence_digest(list(snapshot.about_artifact())),
    )
    told = request.state is not RequestState.EVALUATING or bool(tx.approvals.of(request.id))
    changed = sorted(k for k in facts if told and request.bound.get(k) != facts[k])
    revision = request.revision + (1 if changed else 0)
    bound = replace(
        request,
        revision=revision,
        bound=facts,
        fingerprint=fingerprint(facts, revision),
        artifact=replace(request.artifact, digest=digest),
        rollback_target=target,
    )
    if changed:
        _void(tx, policy, request, changed)
        ticks = _void_ticks(tx, policy, request, changed)
        owing.note(
            tx,
            policy,
            bound,
            "revised",
            changed=list(changed),
            revision=revision,
            **({"ticks": ticks} if ticks else {}),
        )
    return bound, bool(changed)


def _void(tx: Transaction, policy: Policy, request: ChangeRequest, changed: list[str]) -> None:
    for approval in tx.approvals.of(request.id):
        if approval.state in (ApprovalState.SIGNED, ApprovalState.COUNTED):
            tx.approvals.put(
                replace(approval, state=ApprovalState.VOID, code="facts-changed"),
                Fact(type="approval.voided", facts={"changed": list(changed)}),
            )
            facts: dict[str, JsonValue] = {"code": "approval-voided", "changed": list(changed)}
            owing.tell_person(tx, policy, approval.person, "approver-answer", request.id, facts)


def _void_ticks(tx: Transaction, policy: Policy, request: ChangeRequest, changed: list[str]) -> int:
    """How many ticks of its checklist are void now (P18): they stay with the request, under the revision that they
    were given for, so that it shows who said what of which revision."""
    ticks = request.ticks
    if not ticks:
        return 0
    said: list[JsonValue] = [{"item": tick.item, "by": tick.by.person} for tick in ticks]
    fact = Fact(type="checklist.voided", facts={"changed": list(changed), "ticks": said})
    tx.trail.record(fact, subject=f"request/{request.id}")
    for person in dict.fromkeys(tick.by.person for tick in ticks):
        mine: list[JsonValue] = [tick.item for tick in ticks if tick.by.person == person]
        facts: dict[str, JsonValue] = {"code": "ticks-voided", "changed": list(changed), "items": mine}
        owing.tell_person(tx, policy, person, "approver-answer", request.id, facts)
    return len(ticks)
