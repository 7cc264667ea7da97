"""`/env`: every environment, most protected first, with its colour, its age and why (K2)."""

from bot.domain.environment import EnvironmentStatus
from bot.flows.inquire import environments
from handlers.slack import help  # noqa: A004
from handlers.slack.blocks import Message, escape, message
from handlers.slack.context import SlackContext
from handlers.slack.deploy import sub_command
from handlers.slack.payloads import Command
from handlers.slack.voice import Voice
from handlers.wording.colours import SIGNS, details
from handlers.wording.times import ago, span

MOST_SHOWN = 25


async def env(context: SlackContext, command: Command) -> Message:
    """`/env` alone is `/env status`. Raises Refusal for a word that is no sub-command."""
    word, _, _ = command.text.strip().partition(" ")
    if sub_command("/env", word or "status") == "help":
        return help.render("/env")
    policy = context.policy
    found = await environments(context.ledger, policy)
    return render(found, Voice(policy, context.clock.now()))


def render(found: tuple[EnvironmentStatus, ...], voice: Voice) -> Message:
    """One line each, in fix-first order; the first line says what to do."""
    ailing = [s for s in found if s.colour.value != "GREEN"]
    first = f"*Fix first: {escape(ailing[0].name)}*" if ailing else "*All environments are GREEN*"
    more = [f"and {len(found) - MOST_SHOWN} more"] if len(found) > MOST_SHOWN else []
    return message([first, *[_line(status, voice) for status in found[:MOST_SHOWN]], *more])


def _line(status: EnvironmentStatus, voice: Voice) -> str:
    since = f" for {span(voice.now - status.since)}" if status.since else ""
    verified = f"verified {ago(status.verified_at, voice.now)}" if status.verified_at else "never verified"
    incident = f" · {status.incident} open" if status.incident else ""
    return (
        f"{SIGNS[status.colour]} *{escape(status.name)}* {status.colour.value}{since} · {verified} · "
        f"{escape(details(status), 300)}{incident}"
    )
