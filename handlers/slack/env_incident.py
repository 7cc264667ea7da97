"""`/env incident ENVIRONMENT [severity=P1] title…`: a person says that something is wrong (F9)."""

from bot.flows.incidents import declare
from handlers.slack import help  # noqa: A004
from handlers.slack.blocks import Message, escape, message
from handlers.slack.context import SlackContext
from handlers.slack.payloads import Command
from handlers.slack.voice import Voice

_SEVERITY = "severity="


async def command(context: SlackContext, command: Command, rest: str) -> Message:
    """Declare it; nothing after it shows how it is written. Raises the Refusals of `declare`."""
    environment, _, title = rest.partition(" ")
    if not environment:
        return help.render("/env", "incident")
    severity, title = _severity(title.strip())
    policy = context.policy
    made = await declare(
        context.ledger, policy, command.asker, environment, title, severity=severity, key=command.key
    )
    voice = Voice(policy, context.clock.now())
    on_call = f"; {voice.who(made.on_call)} is on call and is told" if made.on_call else ""
    channel = escape(policy.slack.channels.incidents.lstrip("#"))
    return message(
        [
            f"*{made.id} is open: {escape(made.environment)}, {escape(made.severity)}*{on_call}.",
            f"Its message is in #{channel}; `/env postmortem {made.id} note …` keeps a line of what you see and do.",
        ]
    )


def _severity(words: str) -> tuple[str | None, str]:
    """`severity=P1` in front of the title, taken off it."""
    first, _, rest = words.partition(" ")
    if first.lower().startswith(_SEVERITY):
        return first[len(_SEVERITY) :], rest.strip()
    return None, words
