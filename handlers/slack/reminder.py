"""A reminder for one person: what waits for them, with the button that answers it (P10)."""

from bot.domain.change_request import RequestState
from bot.domain.owed import Delivery
from bot.flows.inquire import RequestView
from bot.policy import Policy
from handlers.slack.blocks import Message, actions, button, escape, message
from handlers.slack.request_card import APPROVE, DETAILS, REJECT, title
from handlers.slack.voice import Voice
from handlers.wording.facts import Facts
from handlers.wording.reminders import reminder


def note(delivery: Delivery, view: RequestView, policy: Policy) -> Message | None:
    """The message; None where it is approved or over by now: nobody is reminded in vain."""
    request, voice = view.request, Voice(policy, view.now)
    if request.state is not RequestState.AWAITING_APPROVAL or view.quorum.filled:
        return None
    channel = policy.slack.channels.approvals.lstrip("#")
    told = reminder(Facts(delivery.facts), voice.when, channel=channel)
    asked = f"Asked by {voice.who(request.requester.person)} · its message stands in #{escape(channel)}"
    lines = [
        f"*{told.sign} {escape(told.head)}: {title(request)}*  {request.id}",
        asked,
        escape(told.text, 600),
    ]
    row = [button(REJECT, "Reject", request.id, "danger"), button(DETAILS, "Details", request.id)]
    approve = [button(APPROVE, "Approve", request.id, "primary")] if told.can_sign else []
    return message(lines, *actions(*approve, *(row if told.sign == "◷" else row[1:])))
