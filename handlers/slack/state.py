"""`/deploy state`: which state the project is in, since when and by whom; with a state and a reason, ask for it (K1)."""

import re
from typing import Final

from bot.domain.change_request import ChangeRequest
from bot.domain.refusal import Refusal
from bot.flows.state_change import Asked, Standing, Wanted, ask_for_state, standing
from handlers.slack.blocks import Message, escape, message
from handlers.slack.context import SlackContext
from handlers.slack.payloads import Command
from handlers.slack.request_card import title
from handlers.slack.voice import Voice
from handlers.wording.facts import plural
from handlers.wording.project_states import other_than
from handlers.wording.requests import stands
from handlers.wording.times import ago

_TICKET: Final = re.compile(r"(?:^|\s)ticket=(\S*)")
_REASON: Final = 160


async def command(context: SlackContext, command: Command, rest: str) -> Message:
    """Tell the state, or ask for another one. Raises Refusal."""
    if not rest:
        command.asker.actor(context.policy)  # a stranger is told nothing
        return told(
            await standing(context.ledger, context.policy), Voice(context.policy, context.clock.now())
        )
    return said(await ask_for_state(context.ledger, context.policy, taken_apart(command, rest)))


def taken_apart(command: Command, text: str) -> Wanted:
    """STATE, `ticket=` anywhere, and the reason. Raises Refusal `key-twice` or `key-empty`."""
    tickets = _TICKET.findall(text)
    if len(tickets) > 1:
        raise Refusal("key-twice", {"name": "ticket"})
    if tickets == [""]:
        raise Refusal("key-empty", {"name": "ticket"})
    state, _, reason = _TICKET.sub(" ", text).strip().partition(" ")
    return Wanted(
        asker=command.asker,
        key=command.key,
        state=state.lower(),
        reason=reason.strip() or None,
        ticket=tickets[0] if tickets else None,
    )


def told(now: Standing, voice: Voice) -> Message:
    """The state that holds, what brought it, what is asked for, and how it changes."""
    lines = [f"*The project is in {escape(now.state)}*{_since(now, voice)}"]
    if now.brought_by is not None:
        lines.append(_brought(now.brought_by, voice))
    lines += [f"{r.id} {escape(stands(r))}: {title(r)}, asked by {_who(r, voice)}" for r in now.asked]
    if not now.by_approval:
        lines.append("The policy file says it (`state`), and a reload of it changes it.")
    elif not now.asked:
        lines.append(f"To ask for the other: `/deploy state {other_than(now.state)} [ticket=CHG-1] because…`")
    return message(lines)


def _since(now: Standing, voice: Voice) -> str:
    if now.now is None:
        return ""
    since = now.now.since
    came = "" if now.now.before is None else f"; before it, {escape(now.now.before)}"
    return f" since {escape(voice.when(since))} ({ago(since, voice.now)}){came}"


def _brought(request: ChangeRequest, voice: Voice) -> str:
    reason = f": “{escape(request.reason, _REASON)}”" if request.reason else ""
    return (
        f"By {request.id}, asked by {_who(request, voice)}{reason} · everything: `/deploy why {request.id}`"
    )


def _who(request: ChangeRequest, voice: Voice) -> str:
    return voice.who(request.requester.person)


def said(asked: Asked) -> Message:
    """The first answer, at once: what was understood, and what happens now."""
    request = asked.request
    if asked.repeated:
        return message([f"{request.id} was asked for already: {title(request)}"])
    then = (
        f"Asking {plural(asked.gates, 'gate')}; the answer comes here in a moment. Once it is approved the rules of "
        f"{escape(request.artifact.tag)} hold for everything, at once, and every open request is judged by them."
    )
    return message([f"◷ *{request.id}: {title(request)}*", then])
