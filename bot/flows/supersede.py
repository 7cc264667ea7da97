"""Of the requests that wait for one opening the newest goes: what is older and would follow by itself is closed."""

from dataclasses import replace
from datetime import datetime
from typing import Final

from bot.domain.audit import Fact
from bot.domain.change_request import SYSTEM, ChangeRequest, Closing, Kind, RequestState
from bot.flows import owing
from bot.policy import Policy
from bot.ports import Transaction

SUPERSEDED: Final = "superseded"
"""The closing's code; its reason is the id of the newer request."""
_REPLACES_NOTHING: Final = frozenset({Kind.ROLLBACK, Kind.EMERGENCY})
"""To go back, or to mend in a hurry, is not the next version of what waits."""


def ahead_of(tx: Transaction, request: ChangeRequest) -> list[ChangeRequest]:
    """Newer approved requests for the same place that start by themselves as of now, the newest first."""
    there = tx.requests.open(
        service=request.service, environment=request.environment, state=RequestState.APPROVED
    )
    newer = [r for r in there if r.number > request.number and _due_by_itself(r, tx.now)]
    return sorted(newer, key=lambda r: -r.number)


def supersede_older(tx: Transaction, policy: Policy, started: ChangeRequest) -> None:
    """`started` begins to roll out: approved older requests for the same place must not undo it by themselves.

    Those that only waited for the opening are cancelled, and their requesters told. Those that a person holds, has
    pressed Start for, or has to press Start for are left to people, who are told too.
    """
    there = tx.requests.open(
        service=started.service, environment=started.environment, state=RequestState.APPROVED
    )
    for older in there:
        if older.number >= started.number:
            continue
        if started.kind not in _REPLACES_NOTHING and _due_by_itself(older, tx.now):
            _close(tx, policy, older, started)
        else:
            owing.note(tx, policy, older, "overtaken", newer=started.id, artifact=started.artifact.tag)
            facts = {"newer": started.id, "artifact": started.artifact.tag}
            owing.answer(tx, policy, older, "overtaken", **facts)


def _due_by_itself(request: ChangeRequest, now: datetime) -> bool:
    due = request.start.at is None or request.start.at <= now
    return request.start.by_itself and due and request.held is None and request.asked_to_start is None


def _close(tx: Transaction, policy: Policy, older: ChangeRequest, started: ChangeRequest) -> None:
    closed = replace(
        older,
        state=RequestState.CANCELLED,
        closing=Closing(code=SUPERSEDED, by=SYSTEM, at=tx.now, reason=started.id),
    )
    because = Fact(type="request.cancelled", facts={"code": SUPERSEDED, "newer": started.id})
    tx.requests.put(closed, because)
    tx.unschedule("evaluate", older.id)
    tx.unschedule("remind", older.id)
    owing.card(tx, policy, closed)
    owing.note(tx, policy, closed, SUPERSEDED, newer=started.id, artifact=started.artifact.tag)
    owing.answer(tx, policy, closed, SUPERSEDED, newer=started.id, artifact=started.artifact.tag)
