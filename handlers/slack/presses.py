"""The buttons that decide at once: *Start*, *Acknowledge*, *Resolve*. What they write is durable before the ack."""

from bot.flows import answer_incident, close
from handlers.slack.blocks import Message, message
from handlers.slack.context import SlackContext
from handlers.slack.deploy import started
from handlers.slack.payloads import Press
from handlers.slack.request_card import title


async def start(context: SlackContext, press: Press) -> Message:
    """Start what is approved. Raises Refusal."""
    request = await close.ask_to_start(
        context.ledger,
        context.policy,
        press.asker,
        press.value,
        key=press.key,
        authority=context.collector.authority,
    )
    return started(request.id, title(request))


async def acknowledge(context: SlackContext, press: Press) -> Message:
    """Say "I have it". Raises Refusal."""
    await answer_incident.acknowledge(context.ledger, context.policy, press.asker, press.value)
    return message([f"{press.value} is yours. Its thread is the timeline: say there what you see and do."])


async def resolve(context: SlackContext, press: Press) -> Message:
    """Say that it is over. Raises Refusal."""
    await answer_incident.resolve(context.ledger, context.policy, press.asker, press.value)
    return message([f"{press.value} is resolved. The environment's colour stays what its monitors see."])
