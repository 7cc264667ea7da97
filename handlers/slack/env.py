"""`/env`: finds the sub-command; alone, every environment, most protected first, with its colour, age and why (K2)."""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType

from bot.domain.board import Standing, next_steps
from bot.domain.environment import Colour, EnvironmentStatus
from bot.domain.incident import Incident
from bot.flows.inquire import environments, open_incidents
from handlers.slack import actions, env_check, env_history, env_incident, help, postmortem  # noqa: A004
from handlers.slack.blocks import Message, escape, message
from handlers.slack.context import SlackContext
from handlers.slack.deploy import sub_command
from handlers.slack.payloads import Command
from handlers.slack.voice import Voice
from handlers.wording.board import STATES, headline_of, since
from handlers.wording.colours import SIGNS, details
from handlers.wording.times import ago

MOST_SHOWN = 25
_NONE: Mapping[str, Incident] = MappingProxyType({})
Handle = Callable[[SlackContext, Command, str], Awaitable[Message | None]]


async def env(context: SlackContext, command: Command) -> Message | None:
    """`/env` alone is `/env status`. Raises Refusal for a word that is no sub-command."""
    word, _, rest = command.text.strip().partition(" ")
    name, rest = sub_command("/env", word or "status"), rest.strip()
    if name == "help" or rest.lower() == "help":
        return help.render("/env", None if name == "help" else name)
    return await SUBS[name](context, command, rest)


async def _status(context: SlackContext, _command: Command, rest: str) -> Message:
    if rest:
        return await env_history.one(context, rest)
    policy = context.policy
    found = await environments(context.ledger, policy)
    there = await open_incidents(context.ledger)
    return render(found, Voice(policy, context.clock.now()), there)


def render(
    found: tuple[EnvironmentStatus, ...], voice: Voice, incidents: Mapping[str, Incident] = _NONE
) -> Message:
    """One line each, in fix-first order; the first line says what to do. Of very many, those that are not GREEN."""
    steps = next_steps([Standing(kind="production", status=status, lines=()) for status in found])
    shown = found
    if len(found) > MOST_SHOWN:
        by_need = sorted(found, key=lambda s: s.colour is Colour.GREEN)
        chosen = {status.name for status in by_need[:MOST_SHOWN]}
        shown = tuple(status for status in found if status.name in chosen)
    more = [f"and {len(found) - len(shown)} more"] if len(found) > len(shown) else []
    lines = [_line(each, voice, incidents) for each in shown]
    return message([f"*{escape(headline_of(steps))}*", *lines, *more])


def _line(status: EnvironmentStatus, voice: Voice, incidents: Mapping[str, Incident]) -> str:
    verified = f"verified {ago(status.verified_at, voice.now)}" if status.verified_at else "never verified"
    incident = f" · {_incident(status.incident, voice, incidents)}" if status.incident else ""
    return (
        f"{SIGNS[status.colour]} *{escape(status.name)}* {escape(since(status, voice.now))} · {verified} · "
        f"{escape(details(status), 300)}{incident}"
    )


def _incident(name: str, voice: Voice, incidents: Mapping[str, Incident]) -> str:
    """How the incident of an environment stands; whoever has it is named to colleagues, and to nobody else."""
    found = incidents.get(name)
    if found is None:  # it ended between the two questions
        return f"{escape(name)} is over"
    if found.acknowledged_by is not None:
        return f"{escape(name)}: {voice.who(found.acknowledged_by)} has it"
    return f"{escape(name)} {escape(STATES[found.state])}"


SUBS: dict[str, Handle] = {
    "postmortem": postmortem.command,
    "actions": actions.command,
    "status": _status,
    "check": env_check.command,
    "history": env_history.history,
    "next": env_history.next_up,
    "incident": env_incident.command,
}
"""Exactly the sub-commands of `help.ENV`, but for help."""
