"""`/deploy resume` and *Resume*: let what was held go on, by those who may."""

from datetime import datetime

from bot.domain.change_request import RequestState
from bot.domain.deployment import Run
from bot.flows import hold as holding
from handlers.slack.blocks import Message, escape, message
from handlers.slack.context import SlackContext
from handlers.slack.payloads import Command, Press, request_id
from handlers.slack.request_card import title
from handlers.slack.voice import Voice


async def command(context: SlackContext, command: Command, rest: str) -> Message:
    """Resume a request; what follows its id is the reason. Raises Refusal."""
    word, _, reason = rest.partition(" ")
    wanted = request_id(word, "/deploy resume ID [reason]")
    done = await holding.resume(
        context.ledger,
        context.policy,
        command.asker,
        wanted,
        reason or None,
        key=command.key,
        authority=context.collector.authority,
    )
    return said(done, Voice(context.policy, context.clock.now()))


async def pressed(context: SlackContext, press: Press) -> Message:
    """The button. Raises Refusal."""
    done = await holding.resume(
        context.ledger,
        context.policy,
        press.asker,
        press.value,
        None,
        key=press.key,
        authority=context.collector.authority,
    )
    return said(done, Voice(context.policy, context.clock.now()))


def said(standing: holding.Standing, voice: Voice) -> Message:
    """What happens now, and what holds it all the same."""
    request, run = standing.request, standing.run
    head = f"▶ *{escape(request.id)} is resumed:* {title(request)}"
    if request.state is not RequestState.STARTING or run is None:
        return message([head, "The gates are asked once more, and it starts when it may."])
    return message([head, escape(_then(run, voice))])


def _then(run: Run, voice: Voice) -> str:
    if run.unconfirmed:
        return (
            f"It stays at {run.reached} % for now: its step has to pass its analysis, or to be judged by somebody who "
            "may approve it, and not by the requester. They resume it once more."
        )
    if run.frozen:
        first = run.frozen[0]
        until = f"until {voice.deciding(first.until)}" if first.until else "until it is lifted"
        return f"{first.rule} still holds it, {until}; then it goes on by itself."
    if not run.waits:
        return "It goes on after the step that is under way."
    later: datetime | None = run.next_at if run.next_at is not None and run.next_at > voice.now else None
    return f"It goes on to {run.aim} % " + (f"at {voice.deciding(later)}." if later else "now.")
