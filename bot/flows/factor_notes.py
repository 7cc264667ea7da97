"""What is told when somebody's second factors change: at once, to the person and to the channel of approvals."""

from typing import Final

from pydantic import JsonValue

from bot.domain.second_factor import Credential
from bot.flows import owing
from bot.policy import Policy
from bot.ports import Transaction

NOTE: Final = "factor-note"
"""The kind of these deliveries. Their subject is the person whose factors they are about."""


def tell(tx: Transaction, policy: Policy, person: str, code: str, **facts: JsonValue) -> None:
    """Tell the person and the channel; whoever has a stolen login at Slack cannot take the channel's message away."""
    said: dict[str, JsonValue] = {"code": code, **facts}
    owing.tell_person(tx, policy, person, NOTE, person, said)
    tell_channel(tx, policy, person, code, **facts)


def tell_channel(tx: Transaction, policy: Policy, person: str, code: str, **facts: JsonValue) -> None:
    """Tell the channel alone."""
    owing.channel(tx, policy.slack.channels.approvals, NOTE, person, {"code": code, **facts})


def named(credential: Credential) -> dict[str, JsonValue]:
    """The facts that tell which factor it is."""
    usable = credential.usable_from
    return {
        "credential": credential.id,
        "method": credential.method,
        "name": credential.name,
        "usable_from": None if usable is None else usable.isoformat(),
    }
