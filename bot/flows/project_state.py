"""The state of the project (K1): which one it is in, since when and by what, and what entering another one does."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pydantic import JsonValue

from bot.domain.audit import Fact
from bot.domain.change_request import ChangeRequest
from bot.flows import owing
from bot.policy import Policy
from bot.policy.environments import State
from bot.policy.states import in_state, named
from bot.ports import Ledger, Transaction

SUBJECT: Final = "project"
_SURFACE: Final = "state"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectState:
    """The state whose rules are in force; `before` is the one it came from, None for the first. `request` and `by`:
    the change that brought it and who asked for that; None where the policy file did."""

    state: str
    since: datetime
    before: str | None
    request: str | None = None
    by: str | None = None


def enter(tx: Transaction, policy: Policy) -> Policy:
    """The policy as it is in force in the state of the project, and that state noted where it is another one than
    before: recorded and announced, in the transaction that puts the policy in force.

    A policy that names who approves a change of state does not change it: what was entered last goes on.
    """
    now = project_state(tx)
    if now is not None and now.state == policy.state:
        return policy
    if now is not None and policy.state_change is not None and (kept := named(now.state)) is not None:
        return in_state(policy, kept)
    _note(tx, policy, None if now is None else now.state)
    return policy


def enter_by(tx: Transaction, policy: Policy, state: State, request: ChangeRequest) -> Policy:
    """The policy with the rules of `state`, which the project enters now by an approved change; recorded and announced
    as any other."""
    now, entered = project_state(tx), in_state(policy, state)
    _note(tx, entered, None if now is None else now.state, request)
    return entered


def _note(tx: Transaction, policy: Policy, before: str | None, request: ChangeRequest | None = None) -> None:
    kept: dict[str, JsonValue] = {"state": policy.state, "since": tx.now.isoformat(), "before": before}
    by: dict[str, JsonValue] = {}
    if request is not None:
        by = {"request": request.id, "by": request.requester.person}
    tx.put_place(SUBJECT, _SURFACE, kept | by)
    if before is None:  # the first policy: nothing changed
        return
    facts: dict[str, JsonValue] = {"from": before, "to": policy.state, "policy": policy.digest, **by}
    fact = Fact(type="project.state", by=request.requester, facts=facts) if request is not None else None
    tx.trail.record(fact or Fact(type="project.state", facts=facts), subject=SUBJECT)
    channel = policy.slack.channels.announcements
    owing.channel(tx, channel, "policy-notice", SUBJECT, {"code": "project-state", **facts})


def project_state(tx: Transaction) -> ProjectState | None:
    """The state that the project is in; None before any policy was in force."""
    kept = tx.place(SUBJECT, _SURFACE)
    if kept is None:
        return None
    before, request, by = (kept.get(name) for name in ("before", "request", "by"))
    return ProjectState(
        state=str(kept["state"]),
        since=datetime.fromisoformat(str(kept["since"])),
        before=before if isinstance(before, str) else None,
        request=request if isinstance(request, str) else None,
        by=by if isinstance(by, str) else None,
    )


def as_entered(tx: Transaction, policy: Policy) -> Policy:
    """The policy with the rules of the state that was entered last, where it names who approves a change of state;
    otherwise, and before any was in force, as its file has it."""
    now = None if policy.state_change is None else project_state(tx)
    state = None if now is None else named(now.state)
    return policy if state is None else in_state(policy, state)


async def in_the_state_entered(ledger: Ledger, policy: Policy) -> Policy:
    """The same, for whoever read a policy from its file."""
    if policy.state_change is None:
        return policy
    return await ledger.read(lambda tx: as_entered(tx, policy))
