"""`/deploy hold` and *Hold*: anybody of the directory says stop. No second factor: the safe direction is easy."""

from bot.flows import hold as holding
from handlers.slack.blocks import Message, escape, message
from handlers.slack.context import SlackContext
from handlers.slack.payloads import Command, Press, request_id
from handlers.slack.request_card import title
from handlers.wording.rollouts import HELD


async def command(context: SlackContext, command: Command, rest: str) -> Message:
    """Hold a request; what follows its id is the reason. Raises Refusal."""
    word, _, reason = rest.partition(" ")
    wanted = request_id(word, "/deploy hold ID [reason]")
    done = await holding.hold(
        context.ledger, context.policy, command.asker, wanted, reason or None, key=command.key
    )
    return said(done)


async def pressed(context: SlackContext, press: Press) -> Message:
    """The button, which asks for no reason: who stops something may be in a hurry. Raises Refusal."""
    done = await holding.hold(context.ledger, context.policy, press.asker, press.value, None, key=press.key)
    return said(done)


def said(standing: holding.Standing) -> Message:
    """What is held now, and how it goes on."""
    request, run = standing.request, standing.run
    where = "It does not start"
    if run is not None and not run.waits:
        where = f"It goes to {run.aim} %, which is under way, and no further"
    elif run is not None and run.reached:
        where = f"It stays at {run.reached} %"
    again = f"until somebody resumes it: `/deploy resume {request.id}`"
    return message([f"{HELD} *{escape(request.id)} is held:* {title(request)}", f"{where} {again}"])
