"""What every listener does: parse, call one handler, and answer; a refusal or a bug becomes one honest sentence.

The handlers run before the ack, so what they write is durable when Slack is answered; they must not wait for anything
outside. What has to wait (a modal, fresh facts) is given to `context.background` and guards itself with `later`.
"""

import secrets
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
from slack_bolt.context.ack.async_ack import AsyncAck

from bot.domain.refusal import Refusal
from handlers.slack import payloads
from handlers.slack.blocks import Block, Message, modal, reader_time, sections, sentence_message
from handlers.slack.blocks import escape as escaped
from handlers.slack.context import SlackContext
from handlers.slack.payloads import Body, Command, Press, Submission
from handlers.slack.web_api import SlackFailed
from handlers.wording.refusals import sentence
from handlers.wording.times import in_zone
from handlers.wording.visible import visible

log = structlog.get_logger(__name__)
Listener = Callable[[AsyncAck, Body], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewAnswer:
    """What becomes of a modal that was sent: it closes, shows errors by block, or turns into another view."""

    errors: Mapping[str, str] | None = None
    update: Block | None = None


CLOSES = ViewAnswer()


def words(context: SlackContext, refusal: Refusal) -> str:
    """A refusal as a sentence with this policy's names, for `escape` and for `plain_sentence`."""
    policy = context.policy
    return sentence(refusal, names=partial(person_name, policy.people), when=reader_time(policy.zone))


def plain_words(context: SlackContext, refusal: Refusal) -> str:
    """A refusal as plain text, for the errors beside a field: dates in the policy's zone."""

    policy = context.policy
    return visible(sentence(refusal, names=partial(person_name, policy.people), when=in_zone(policy.zone)))


def person_name(people: Mapping[str, Any], person: str) -> str:
    """The name to show for a person of the directory."""
    found = people.get(person)
    return getattr(found, "name", None) or person


def on_command(
    context: SlackContext, handle: Callable[[SlackContext, Command], Awaitable[Message | None]]
) -> Listener:
    """A listener for a slash command, whose answer is seen by the person alone; None is answered later."""

    async def listener(ack: AsyncAck, body: Body) -> None:
        answer: Message | None
        try:
            _right_workspace(context, body)
            answer = await handle(context, payloads.command(body))
        except Refusal as refusal:
            answer = sentence_message(words(context, refusal))
        except Exception as error:  # noqa: BLE001 -- whatever it is, the person gets a sentence
            answer = sentence_message(broken("command", error))
        if answer is None:
            await ack()
            return
        await ack(text=answer.text, blocks=list(answer.blocks), response_type="ephemeral")

    return listener


def on_press(
    context: SlackContext, handle: Callable[[SlackContext, Press], Awaitable[Message | None]]
) -> Listener:
    """A listener for a button. What the handler returns is shown to the person alone, after the ack."""

    async def listener(ack: AsyncAck, body: Body) -> None:
        answer: Message | None
        pressed: Press | None = None
        try:
            _right_workspace(context, body)
            pressed = payloads.press(body)
            answer = await handle(context, pressed)
        except Refusal as refusal:
            answer = sentence_message(words(context, refusal))
        except Exception as error:  # noqa: BLE001 -- see above
            answer = sentence_message(broken("button", error))
        await ack()
        if answer is not None and pressed is not None:
            context.background.start(tell(context, pressed.response_url, answer), name="slack-answer")

    return listener


def on_submission(
    context: SlackContext, handle: Callable[[SlackContext, Submission], Awaitable[ViewAnswer]]
) -> Listener:
    """A listener for a modal. A refusal that belongs to no field turns the modal into its sentence."""

    async def listener(ack: AsyncAck, body: Body) -> None:
        try:
            _right_workspace(context, body)
            answer = await handle(context, payloads.submission(body))
        except Refusal as refusal:
            answer = ViewAnswer(update=notice("Not possible", words(context, refusal)))
        except Exception as error:  # noqa: BLE001 -- see above
            answer = ViewAnswer(update=notice("Something broke", broken("modal", error)))
        if answer.errors:
            await ack(response_action="errors", errors=dict(answer.errors))
        elif answer.update:
            await ack(response_action="update", view=answer.update)
        else:
            await ack()

    return listener


async def later(context: SlackContext, url: str | None, work: Awaitable[Message | None]) -> None:
    """Work after the ack: its answer, a refusal or a bug is told to the person alone."""
    try:
        answer = await work
    except Refusal as refusal:
        answer = sentence_message(words(context, refusal))
    except SlackFailed as failed:
        log.warning("slack.call-failed", code=failed.code)
        answer = sentence_message(
            f"Slack did not take the answer ({failed.code}); nothing was changed. Please try again."
        )
    except Exception as error:  # noqa: BLE001 -- see above
        answer = sentence_message(broken("background", error))
    if answer is not None:
        await tell(context, url, answer)


async def tell(context: SlackContext, url: str | None, answer: Message) -> None:
    """Show one person a message. Where that fails there is nobody left to tell but the log."""
    if url is None:
        return
    body = {"response_type": "ephemeral", "replace_original": False, "text": answer.text}
    try:
        await context.api.respond(url, body | {"blocks": list(answer.blocks)})
    except SlackFailed as failed:
        log.warning("slack.answer-lost", code=failed.code)


def notice(title: str, sentence: str) -> Block:
    """A modal that only says something."""
    return modal("notice", title, sections([escaped(sentence, 2000)]))


def broken(what: str, error: Exception) -> str:
    """Log a bug without anything of the payload, and the sentence that names the log line."""
    code = secrets.token_hex(4)
    frames = [
        f"{f.filename.rpartition('/')[2]}:{f.lineno}" for f in traceback.extract_tb(error.__traceback__)
    ]
    log.error("slack.failed", surface=what, id=code, error=type(error).__name__, at=frames[-6:])
    return f"Something broke here, and nothing was changed as far as I can tell. Whoever runs me finds it in the log as {code}."


def _right_workspace(context: SlackContext, body: Body) -> None:
    team = payloads.team_of(body)
    ours = context.workspace.id
    if ours is not None and team is not None and team != ours:
        raise Refusal("other-workspace", {"team": team[:20]})
    app, own = body.get("api_app_id"), context.workspace.app
    if own is not None and app is not None and app != own:
        raise Refusal("other-workspace", {"app": str(app)[:20]})
