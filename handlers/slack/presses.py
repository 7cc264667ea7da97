"""The buttons that decide at once: *Start*, and those of an incident. What they write is durable before the ack."""

from bot.domain.refusal import Refusal
from bot.flows import answer_incident, close
from bot.flows.escalate import raise_now
from bot.flows.inquire import incident_view
from bot.flows.suspects import judge
from handlers.slack import roll_back as rolling_back
from handlers.slack.blocks import Message, escape, message
from handlers.slack.context import SlackContext
from handlers.slack.deploy import started
from handlers.slack.listeners import later
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
    await answer_incident.acknowledge(context.ledger, context.policy, press.asker, press.value, key=press.key)
    incident = escape(press.value)
    return message([f"{incident} is yours. `/env postmortem {incident} note …` keeps a line of what you do."])


async def resolve(context: SlackContext, press: Press) -> Message:
    """Say that it is over. Raises Refusal."""
    await answer_incident.resolve(context.ledger, context.policy, press.asker, press.value, key=press.key)
    return message(
        [f"{escape(press.value)} is resolved. The environment's colour stays what its monitors see."]
    )


async def escalate(context: SlackContext, press: Press) -> Message:
    """Have the next step told now. Raises Refusal."""
    await raise_now(context.ledger, context.policy, press.asker, press.value, key=press.key)
    return message([f"The next step of {escape(press.value)} is told now: its thread says whom."])


async def not_this(context: SlackContext, press: Press) -> Message:
    """Say that the deployment before it has nothing to do with it. Raises Refusal."""
    return await _judged(context, press, related=False)


async def was_this(context: SlackContext, press: Press) -> Message:
    """Say that it was the deployment before it. Raises Refusal."""
    return await _judged(context, press, related=True)


async def _judged(context: SlackContext, press: Press, *, related: bool) -> Message:
    incident, _, request = press.value.partition(" ")
    await judge(
        context.ledger, context.policy, press.asker, incident, request, related=related, key=press.key
    )
    said = "it was" if related else "it was not"
    return message([f"Noted in the thread of {escape(incident)}: {said} {escape(request)}."])


async def roll_back(context: SlackContext, press: Press) -> None:
    """Open the rollback form for what the incident suspects, after the ack."""
    press.asker.actor(context.policy)
    work = later(context, press.response_url, _open_form(context, press))
    context.background.start(work, name="incident-rollback")


async def _open_form(context: SlackContext, press: Press) -> None:
    view = await incident_view(context.ledger, context.policy, press.value.partition(" ")[0])
    if view.suspect is None:
        raise Refusal("not-suspected", {"incident": view.incident.id, "request": None})
    await rolling_back.open_for(
        context,
        press,
        service=view.suspect.service,
        environment=view.incident.environment,
        incident=view.incident.id,
    )
