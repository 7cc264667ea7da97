"""The end of a rollback: what it took back is marked, everybody is told, and whoever is on call where it went wrong
or nobody could confirm it (P16, P17)."""

from dataclasses import replace
from typing import Final

from pydantic import JsonValue

from bot.domain.approval import ApprovalState
from bot.domain.audit import Fact
from bot.domain.change_request import ChangeRequest, RequestState
from bot.domain.deployment import Run
from bot.flows import owing
from bot.flows.incidents import taken_back
from bot.flows.on_duty import called
from bot.flows.report import owe_report
from bot.flows.roles import first_responder
from bot.flows.suspects import rollback_ended
from bot.policy import Policy
from bot.ports import Transaction

VERIFIED, UNVERIFIED, NOT_RUNNING = "verified", "unverified", "not-running"
"""The codes of a rollback that the deployer reported as done: its status says that the old version runs, says nothing,
or says that it does not."""
SURE: Final = frozenset({VERIFIED, "looked-up-succeeded"})
NOTE: Final = "rollback-note"
"""The kind of the messages outside the request's own thread."""
ROLLED_BACK: Final = "rolled-back"
"""The closing's code of a request that was live until it was taken back; its reason is the rollback's id."""
_CONTACTS: Final = ("escalation", "backup", "primary")


def tell_end(tx: Transaction, policy: Policy, request: ChangeRequest, run: Run) -> None:
    """Tell how a rollback ended. `request` has ended already."""
    facts = _facts(tx, request, run)
    owing.card(tx, policy, request)
    owing.note(tx, policy, request, f"rollback-{request.state.value}", **facts)
    owing.answer(tx, policy, request, request.state.value)
    signed = [a for a in tx.approvals.of(request.id) if a.state is ApprovalState.COUNTED]
    approved: list[JsonValue] = [a.person for a in signed if a.revision == request.revision]
    rollback_ended(tx, policy, request, f"rollback-{request.state.value}", approved_by=approved, **facts)
    undone = None if request.rolls_back is None else tx.requests.get(request.rolls_back, lock=True)
    if request.state is not RequestState.LIVE:
        urgent(tx, policy, request, f"rollback-{request.state.value}", facts)
        return
    if undone is not None:
        _mark(tx, policy, undone, request)
        who = request.requester
        taken_back(tx, policy, request.environment, undone=undone.id, rollback=request.id, by=who)
    owing.channel(tx, policy.slack.channels.announcements, NOTE, request.id, {"code": ROLLED_BACK, **facts})
    if run.code not in SURE:
        urgent(tx, policy, request, "rollback-unverified", facts)


def _facts(tx: Transaction, request: ChangeRequest, run: Run) -> dict[str, JsonValue]:
    away = request.rollback_target
    return {
        "run": run.id,
        "service": request.service,
        "environment": request.environment,
        "outcome": run.code or run.state.value,
        "seconds": int((tx.now - (request.approved_at or request.requested_at)).total_seconds()),
        "from": None if away is None else away.tag,
        "to": request.artifact.tag,
        "verified": run.code in SURE,
        "undoes": request.rolls_back,
    }


def _mark(tx: Transaction, policy: Policy, undone: ChangeRequest, rollback: ChangeRequest) -> None:
    """What was live is not any more: its own message must not go on saying so."""
    if undone.state is RequestState.LIVE and undone.closing is not None:
        undone = replace(undone, closing=replace(undone.closing, code=ROLLED_BACK, reason=rollback.id))
        facts: dict[str, JsonValue] = {"by": rollback.id, "to": rollback.artifact.tag}
        tx.requests.put(undone, Fact(type="request.rolled-back", facts=facts))
        owe_report(tx, policy, undone)
    owing.card(tx, policy, undone)
    owing.note(tx, policy, undone, "taken-back", by=rollback.id, to=rollback.artifact.tag)
    if undone.requester.person != rollback.requester.person:
        said: dict[str, JsonValue] = {
            "code": "taken-back", "by": rollback.id, "to": rollback.artifact.tag, "from": undone.artifact.tag,
        }  # fmt: skip
        owing.tell_person(tx, policy, undone.requester.person, NOTE, rollback.id, said)


def urgent(
    tx: Transaction, policy: Policy, request: ChangeRequest, code: str, facts: dict[str, JsonValue]
) -> None:
    """Tell the channel of incidents and whoever is on call; where nobody is, the first contact that there is."""
    person = first_responder(called(tx, policy), tx.now) or next(
        (policy.contacts[name] for name in _CONTACTS if name in policy.contacts), None
    )
    said: dict[str, JsonValue] = {**facts, "code": code, "on_call": person}
    owing.channel(tx, policy.slack.channels.incidents, NOTE, request.id, said)
    owing.tell_person(tx, policy, person, NOTE, request.id, said)
