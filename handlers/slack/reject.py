"""*Reject*: a modal that asks for a reason, which is kept with the record (P10). No second factor: no is easy."""

import json
from typing import Final

from bot.domain.change_request import ChangeRequest
from bot.domain.refusal import Refusal
from bot.flows import close
from bot.flows.asking import REASON_LIMIT
from handlers.slack.blocks import Block, modal, sections, text_input
from handlers.slack.context import SlackContext
from handlers.slack.listeners import CLOSES, ViewAnswer, later, plain_words
from handlers.slack.payloads import Malformed, Press, Submission
from handlers.slack.request_card import title

CALLBACK: Final = "deploy_reject"
REASON: Final = "reason"


async def pressed(context: SlackContext, press: Press) -> None:
    """Open the modal after the ack, for those who may reject; whoever may not is told why."""
    work = later(context, press.response_url, _open(context, press))
    context.background.start(work, name=f"reject-{press.value}")


async def _open(context: SlackContext, press: Press) -> None:
    request = await close.rejectable(context.ledger, context.policy, press.asker, press.value)
    await context.api.call("views.open", patient=True, trigger_id=press.trigger_id, view=render(request))


def render(request: ChangeRequest) -> Block:
    """What is rejected, and the field for the reason."""
    field = text_input(
        REASON,
        "Reason",
        hint="The requester reads it, and it is kept with the record.",
        least=1,
        most=REASON_LIMIT,
        multiline=True,
    )
    return modal(
        CALLBACK,
        f"Reject {request.id}",
        [*sections([f"*{title(request)}*", "It is over then; asking again makes a new request."]), field],
        submit="Reject",
        close="Not now",
        metadata=json.dumps({"request": request.id}),
    )


async def submitted(context: SlackContext, sent: Submission) -> ViewAnswer:
    """Reject it; the message shows it at once."""
    request = sent.metadata.get("request")
    if not isinstance(request, str):
        raise Malformed("private_metadata names no request")
    reason = sent.values.get(REASON, "")
    try:
        await close.reject(context.ledger, context.policy, sent.asker, request, reason, key=sent.key)
    except Refusal as refusal:
        if refusal.code in ("no-reason", "reason-too-long"):
            return ViewAnswer(errors={REASON: plain_words(context, refusal)})
        raise
    return CLOSES
