"""The deliveries that flows owe: which message, to which lane, under which key."""

from collections.abc import Mapping
from datetime import datetime

from pydantic import JsonValue

from bot.domain.canonical import digest_of
from bot.domain.change_request import ChangeRequest
from bot.domain.owed import Delivery, Timer
from bot.flows.asking import channel_lane, slack_user_of, user_lane
from bot.policy import Policy
from bot.ports import Transaction


def card(tx: Transaction, policy: Policy, request: ChangeRequest) -> None:
    """Bring the request's message up to date; pending updates melt into one."""
    tx.owe(
        Delivery(
            key=f"request-card:{request.id}",
            kind="request-card",
            destination=channel_lane(policy.slack.channels.approvals),
            subject=request.id,
            due_at=tx.now,
        )
    )


def note(tx: Transaction, policy: Policy, request: ChangeRequest, code: str, **facts: JsonValue) -> None:
    """Tell the thread of the request what happened. Two notes are one only where they say the very same."""
    said: dict[str, JsonValue] = {"code": code, "at": tx.now.isoformat(), **facts}
    tx.owe(
        Delivery(
            key=f"request-note:{request.id}:{digest_of(said)}",
            kind="request-note",
            destination=channel_lane(policy.slack.channels.approvals),
            subject=request.id,
            due_at=tx.now,
            facts=said,
        )
    )


def answer(tx: Transaction, policy: Policy, request: ChangeRequest, code: str, **facts: JsonValue) -> None:
    """Tell the requester, for their eyes only."""
    said: dict[str, JsonValue] = {"code": code, **facts}
    tell_person(tx, policy, request.requester.person, "request-answer", request.id, said)


def tell_person(
    tx: Transaction,
    policy: Policy,
    person: str | None,
    kind: str,
    subject: str,
    facts: Mapping[str, JsonValue],
) -> None:
    """Tell a person of the directory; one without a Slack account learns it from the request's message."""
    user = slack_user_of(policy, person)
    if user is not None:
        tell(tx, user, kind, subject, facts)


def tell(tx: Transaction, user: str, kind: str, subject: str, facts: Mapping[str, JsonValue]) -> None:
    """Tell one Slack user something about `subject`, for their eyes only."""
    tx.owe(
        Delivery(
            key=f"{kind}:{subject}:{user}:{facts.get('code')}:{tx.now.isoformat()}",
            kind=kind,
            destination=user_lane(user),
            subject=subject,
            due_at=tx.now,
            facts=facts,
        )
    )


def channel(
    tx: Transaction, name: str, kind: str, subject: str, facts: Mapping[str, JsonValue], *, once: bool = False
) -> None:
    """Owe a message to a channel; `once` melts pending ones of this kind and subject into one."""
    key = f"{kind}:{subject}" if once else f"{kind}:{subject}:{facts.get('code')}:{tx.now.isoformat()}"
    tx.owe(
        Delivery(
            key=key, kind=kind, destination=channel_lane(name), subject=subject, due_at=tx.now, facts=facts
        )
    )


def evaluate_at(tx: Transaction, request: ChangeRequest, at: datetime) -> None:
    """Have the request evaluated at an instant; one that is past means now."""
    tx.schedule(Timer(kind="evaluate", subject=request.id, due_at=max(at, tx.now)))
