"""`/deploy status`: the newest requests, or one of them."""

from bot.domain.change_request import ChangeRequest
from bot.flows.asking import Asker
from bot.flows.inquire import newest_requests, request_view
from handlers.slack import request_card
from handlers.slack.blocks import Message, actions, button, message
from handlers.slack.context import SlackContext
from handlers.slack.readers import reader
from handlers.slack.request_card import DETAILS, START, startable, title
from handlers.slack.voice import Voice
from handlers.wording.requests import sign_of, stands
from handlers.wording.times import ago

SHOWN = 10


async def newest(context: SlackContext, asker: Asker) -> Message:
    """One line each, newest first; what the asker may not read is left out."""
    found = await reader(context, asker).readable(await newest_requests(context.ledger, limit=SHOWN))
    voice = Voice(context.policy, context.clock.now())
    if not found:
        return message(["Nothing was asked for yet. `/deploy request` opens a form."])
    lines = [f"*The {len(found)} newest requests*" if len(found) > 1 else "*The only request so far*"]
    lines += [_line(request, voice) for request in found]
    return message([*lines, "`/deploy status 42` shows one, `/deploy why 42` asks its gates."])


def _line(request: ChangeRequest, voice: Voice) -> str:
    at = request.closing.at if request.closing else request.requested_at
    by = voice.who(request.requester.person)
    verb = "" if request.closing else "asked "
    return f"{sign_of(request)} *{request.id}* {title(request)} {stands(request)} · {by}, {verb}{ago(at, voice.now)}"


async def one(context: SlackContext, asker: Asker, request_id: str) -> Message:
    """One request as its card shows it, for whoever asks. Raises Refusal."""
    policy = context.policy
    await reader(context, asker).request(request_id)
    view = await request_view(context.ledger, policy, request_id)
    card = request_card.render(view, policy)
    kept = tuple(block for block in card.blocks if block["type"] != "actions")
    start = [button(START, "Start", request_id, "primary")] if startable(view.request, view) else []
    return Message(card.text, (*kept, *actions(*start, button(DETAILS, "Details", request_id))))
