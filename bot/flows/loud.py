"""What a broken glass owes aloud (P13): to the channels that everybody reads, and to the people it concerns."""

from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

from bot.domain.change_request import ChangeRequest
from bot.domain.owed import Delivery
from bot.flows.asking import channel_lane, slack_user_of, user_lane
from bot.policy import Policy
from bot.ports import Transaction

NOTICE: Final = "request-notice"
NOTIFIES: Final = "notifies"
"""The fact of a message whose arrival counts as having told whoever is on call."""


def everywhere(
    tx: Transaction,
    policy: Policy,
    request: ChangeRequest,
    code: str,
    facts: Mapping[str, JsonValue],
    *,
    notifies: bool = False,
) -> None:
    """Tell the channels of incidents and of announcements; where they are one channel, once. `notifies`: the one to
    incidents tells whoever is on call."""
    channels = policy.slack.channels
    incidents(tx, policy, request, code, {**facts, NOTIFIES: True} if notifies else facts)
    if channels.announcements != channels.incidents:
        _owe(tx, channel_lane(channels.announcements), request, code, facts)


def incidents(
    tx: Transaction, policy: Policy, request: ChangeRequest, code: str, facts: Mapping[str, JsonValue]
) -> None:
    """Tell the channel of incidents."""
    _owe(tx, channel_lane(policy.slack.channels.incidents), request, code, facts)


def person(
    tx: Transaction,
    policy: Policy,
    who: str | None,
    request: ChangeRequest,
    code: str,
    facts: Mapping[str, JsonValue],
) -> bool:
    """Tell a person of the directory; whether Slack can reach them at all."""
    user = slack_user_of(policy, who)
    if user is None:
        return False
    _owe(tx, user_lane(user), request, code, facts)
    return True


def _owe(
    tx: Transaction, lane: str, request: ChangeRequest, code: str, facts: Mapping[str, JsonValue]
) -> None:
    tx.owe(
        Delivery(
            key=f"{NOTICE}:{request.id}:{code}:{lane}:{tx.now.isoformat()}",
            kind=NOTICE,
            destination=lane,
            subject=request.id,
            due_at=tx.now,
            facts={"code": code, "at": tx.now.isoformat(), **facts},
        )
    )
