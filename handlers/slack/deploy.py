"""`/deploy`: finds the sub-command and calls its one flow. What it writes is durable before Slack is answered."""

from collections.abc import Awaitable, Callable
from difflib import get_close_matches

from bot.domain.change_request import RequestState
from bot.domain.refusal import Refusal
from bot.flows import close
from bot.flows import request as asking
from bot.flows.inquire import request_view
from handlers.slack import (
    break_glass,
    checklist,
    details,
    enroll,
    freeze,
    help,  # noqa: A004
    hold,
    request_modal,
    reset_factor,
    resume,
    review,
    roll_back,
    state,
    status,
    unfreeze,
    when,
    whoami,
    windows,
    withdraw,
)
from handlers.slack.ask import ask
from handlers.slack.blocks import Message, message
from handlers.slack.context import SlackContext
from handlers.slack.listeners import later
from handlers.slack.payloads import Command, request_id
from handlers.slack.readers import reader
from handlers.slack.request_card import title
from handlers.wording.requests import STATE_WORDS

Handle = Callable[[SlackContext, Command, str], Awaitable[Message | None]]


async def deploy(context: SlackContext, command: Command) -> Message | None:
    """Dispatch. Raises Refusal for a word that is no sub-command, with the nearest one."""
    word, _, rest = command.text.strip().partition(" ")
    name = sub_command("/deploy", word)
    if rest.strip().lower() == "help":  # `freeze help` asks how to freeze; nothing is called help
        return help.render("/deploy", name)
    return await SUBS[name](context, command, rest.strip())


def sub_command(command: str, word: str) -> str:
    """The sub-command that `word` names; none means help. Raises Refusal."""
    known = help.COMMANDS[command]
    spelt = word.lower() or "help"
    if spelt in known:
        return spelt
    if spelt in help.NOT_YET[command]:
        raise Refusal("not-in-this-version", {"command": command, "name": spelt})
    meant = get_close_matches(spelt, known, n=1)
    facts = {"command": command, "name": word[:40], "meant": meant[0] if meant else None}
    raise Refusal("unknown-command", facts)


async def _request(context: SlackContext, command: Command, rest: str) -> Message:
    if not rest:
        return request_modal.open_later(context, command)
    policy = context.policy
    wanted = ask(command, rest, policy, context.clock.now())
    done = await asking.submit(context.ledger, policy, wanted)
    return break_glass.submitted(done, policy)


async def _status(context: SlackContext, command: Command, rest: str) -> Message:
    if not rest:
        return await status.newest(context, command.asker)
    return await status.one(context, command.asker, request_id(rest, "/deploy status ID"))


async def _why(context: SlackContext, command: Command, rest: str) -> Message:
    wanted = request_id(rest, "/deploy why ID")
    await reader(context, command.asker).request(wanted)
    view = await request_view(context.ledger, context.policy, wanted)
    work = details.answer(context, wanted)
    context.background.start(later(context, command.response_url, work), name=f"why-{wanted}")
    return message([f"Asking every gate about {wanted}, {title(view.request)} …"])


async def _cancel(context: SlackContext, command: Command, rest: str) -> Message:
    wanted = request_id(rest, "/deploy cancel ID")
    ended = await close.cancel(context.ledger, context.policy, command.asker, wanted, key=command.key)
    stands = "was stopped where it stands" if ended.state is RequestState.FAILED else STATE_WORDS[ended.state]
    return message([f"{ended.id} {stands}: {title(ended)}"])


async def _start(context: SlackContext, command: Command, rest: str) -> Message:
    wanted = request_id(rest, "/deploy start ID")
    request = await close.ask_to_start(
        context.ledger,
        context.policy,
        command.asker,
        wanted,
        key=command.key,
        authority=context.collector.authority,
    )
    return started(request.id, title(request))


def started(request: str, what: str) -> Message:
    """What pressing Start is answered with."""
    return message([f"▶ {request}: {what}", "The gates are asked once more; it starts if all of them pass."])


async def _windows(context: SlackContext, command: Command, rest: str) -> None:
    windows.open_later(context, command, rest)


async def _help(_context: SlackContext, _command: Command, rest: str) -> Message:
    return help.render("/deploy", sub_command("/deploy", rest.split(maxsplit=1)[0]) if rest else None)


SUBS: dict[str, Handle] = {
    "request": _request,
    "status": _status,
    "why": _why,
    "when": when.command,
    "cancel": _cancel,
    "start": _start,
    "withdraw": withdraw.command,
    "rollback": roll_back.typed,
    "state": state.command,
    "hold": hold.command,
    "resume": resume.command,
    "review": review.command,
    "freeze": freeze.typed,
    "unfreeze": unfreeze.typed,
    "windows": _windows,
    "checklist": checklist.typed,
    "enroll": enroll.command,
    "confirm-factor": enroll.confirm,
    "reset-factor": reset_factor.command,
    "whoami": whoami.command,
    "help": _help,
}
"""Exactly the sub-commands of `help.DEPLOY`."""
