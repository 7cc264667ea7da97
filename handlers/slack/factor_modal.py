"""What administrators do to other people's second factors: on our page, or, where there is none, by a code in a modal."""

import json
from typing import Final

from bot.domain.refusal import Refusal
from bot.domain.second_factor import Intent, Method, Purpose
from bot.flows import step_up
from bot.ports import Factors
from handlers.slack import our_page
from handlers.slack.blocks import Block, Message, message, modal, sections, text_input
from handlers.slack.context import SlackContext
from handlers.slack.listeners import ViewAnswer, later, notice, person_name, plain_words
from handlers.slack.payloads import Command, Malformed, Submission
from handlers.wording.factors import DEEDS

CALLBACK: Final = "deploy_factor"
CODE: Final = "code"
_BESIDE: Final = frozenset({"wrong-code", "code-used", "bad-code"})
_DIGITS: Final = 6


def way(
    context: SlackContext, command: Command, lines: list[str], token: str, purpose: Purpose, subject: str
) -> Message:
    """The link to our page, or the modal, which opens after the ack; only whoever asked sees either."""
    deed = DEEDS[purpose]
    if context.pages is not None:
        closing = "The link is for you alone, and does nothing without your own second factor."
        row = our_page.link(f"{context.pages}/mfa/{token}", f"{deed.verb}…", subject)
        return message([*lines, closing], *row)
    view = render(lines, token, deed.verb)
    work = later(context, command.response_url, _open(context, command, view))
    context.background.start(work, name="factor-form")
    return message([*lines, "The form for your code opens now."])


async def _open(context: SlackContext, command: Command, view: Block) -> None:
    await context.api.call("views.open", patient=True, trigger_id=command.trigger_id, view=view)


def render(lines: list[str], token: str, verb: str) -> Block:
    """What is done, and the field for the code. The token in it carries no authority: the code does."""
    field = text_input(
        CODE,
        "Code from your authenticator app",
        hint="Six digits. Each code works once.",
        least=_DIGITS,
        most=12,
    )
    blocks = [*sections(lines), field]
    return modal(
        CALLBACK,
        "Your second factor",
        blocks,
        submit=verb[:24],
        close="Not now",
        metadata=json.dumps({"link": token}),
    )


async def submitted(context: SlackContext, sent: Submission) -> ViewAnswer:
    """Carry it out. A wrong code stands beside its field; where there are pages of ours, no code is taken here."""
    if context.pages is not None:
        raise Refusal("on-our-page")
    token = sent.metadata.get("link")
    if not isinstance(token, str):
        raise Malformed("private_metadata names no link")
    try:
        done = await _by_code(context, sent, token)
    except Refusal as refusal:
        if refusal.code in _BESIDE:
            return ViewAnswer(errors={CODE: plain_words(context, refusal)})
        raise
    deed, subject = DEEDS[done.intent.purpose], _subject(context, done.intent)
    return ViewAnswer(update=notice("Recorded", f"{deed.recorded}. {deed.then.format(what=subject)}"))


def _subject(context: SlackContext, intent: Intent) -> str:
    """The request or the person that it was about; of a confirmation the name was in the form."""
    if intent.request is not None:
        return intent.request
    if intent.purpose is Purpose.CONFIRM:
        return "Its owner"
    return person_name(context.policy.people, intent.subject or "")


async def _by_code(context: SlackContext, sent: Submission, token: str) -> step_up.Done:
    typed = "".join(sent.values.get(CODE, "").split())
    if not (typed.isascii() and typed.isdigit() and len(typed) == _DIGITS):
        raise Refusal("bad-code")
    ledger, policy = context.ledger, context.policy
    factors = Factors(codes=context.code_check)
    # Whose failures these are: there is no network address, and not everybody in Slack is one.
    where = sent.asker.via
    intent = await step_up.peek(ledger, token)
    if intent.via != where:
        raise Refusal("link-unknown")
    asked = await step_up.challenge(ledger, policy, token, Method.TOTP, address=where)
    return await step_up.by_code(ledger, policy, factors, token, asked.challenge.id, typed, address=where)
