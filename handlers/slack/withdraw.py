"""`/deploy withdraw`: take one's approval back, before the start by a word, after it by a second factor (P16)."""

from bot.domain.owed import Delivery
from bot.domain.second_factor import Purpose
from bot.flows import withdraw as withdrawing
from bot.flows.inquire import RequestView
from bot.flows.roll_back import looks_like_incident
from bot.policy import Policy
from handlers.slack import factor_modal
from handlers.slack.blocks import Message, actions, button, escape, message
from handlers.slack.context import SlackContext
from handlers.slack.payloads import Command, request_id
from handlers.slack.request_card import DETAILS, title
from handlers.slack.voice import Voice
from handlers.wording.facts import Facts
from handlers.wording.requests import stands
from handlers.wording.withdrawals import to_requester

USAGE = "/deploy withdraw ID [INC-9] [reason]"


async def command(context: SlackContext, command: Command, rest: str) -> Message:
    """Withdraw, or show the way to the second factor that it takes. Raises Refusal."""
    policy = context.policy
    word, _, words = rest.partition(" ")
    wanted = request_id(word, USAGE)
    incident, reason = await _taken_apart(context, wanted, words.strip())
    done = await withdrawing.withdraw(
        context.ledger,
        policy,
        withdrawing.Wanted(
            asker=command.asker, key=command.key, request=wanted, incident=incident, reason=reason or None
        ),
    )
    if done.token is None:
        return said(done)
    return factor_modal.way(context, command, asked(done), done.token, Purpose.WITHDRAW, done.request.id)


async def _taken_apart(context: SlackContext, wanted: str, words: str) -> tuple[str | None, str]:
    """The incident's ticket, where the first word is one by the form of that environment, and the rest."""
    request = await context.ledger.read(lambda tx: tx.requests.get(wanted))
    first, _, rest = words.partition(" ")
    if request is None or not first or not looks_like_incident(context.policy, request.environment, first):
        return None, words
    return first, rest.strip()


def said(done: withdrawing.Withdrawal) -> Message:
    """It is withdrawn already."""
    request = done.request
    again = "Nothing starts by it any more. You can approve it again, with a fresh second factor."
    return message(
        [f"*Your approval of {request.id} is withdrawn:* {title(request)}", f"It {stands(request)}. {again}"]
    )


def asked(done: withdrawing.Withdrawal) -> list[str]:
    """What a second factor would do now."""
    request, back = done.request, done.back
    head = f"*Withdraw your approval of {request.id}?* {title(request)}"
    if back is None:
        return [
            head,
            "Nothing of it was called yet: with your second factor it ends here, and nothing changes.",
        ]
    then = (
        f"With your second factor {escape(request.service)} in {escape(request.environment)} goes back from "
        f"`{back.away.tag}` to `{back.target.tag}` at once, and what is rolling out stops between two calls."
    )
    return [head, then]


def note(delivery: Delivery, view: RequestView, policy: Policy) -> Message:
    """What the requester is told."""
    voice = Voice(policy, view.now)
    head, text = to_requester(Facts(delivery.facts), voice.name)
    lines = [f"*{escape(head, 400)}: {title(view.request)}*  {view.request.id}", escape(text, 900)]
    return message(lines, *actions(button(DETAILS, "Details", view.request.id)))
