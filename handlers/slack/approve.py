"""*Approve*: a link to our own page, for one person and one fingerprint; without pages, a modal for a code (P8)."""

import json
from typing import Final

from bot.domain.change_request import ChangeRequest, Kind
from bot.domain.fingerprint import short
from bot.domain.refusal import Refusal
from bot.flows import approve as approving
from bot.flows.inquire import RequestView, request_view
from bot.policy import Policy
from handlers.slack import our_page
from handlers.slack.blocks import Block, Message, escape, message, modal, sections, text_input
from handlers.slack.context import SlackContext
from handlers.slack.listeners import ViewAnswer, later, notice, plain_words
from handlers.slack.payloads import Malformed, Press, Submission
from handlers.slack.request_card import gate_lines, title
from handlers.slack.voice import Voice
from handlers.wording.facts import short_digest

CALLBACK: Final = "deploy_approve"
CODE: Final = "code"
BESIDE_THE_CODE: Final = frozenset({"wrong-code", "code-used", "bad-code"})
GATE_LINES: Final = 8


async def pressed(context: SlackContext, press: Press) -> None:
    """Show the way after the ack, to those who may sign; whoever may not is told why."""
    work = later(context, press.response_url, _open(context, press))
    context.background.start(work, name=f"approve-{press.value}")


async def _open(context: SlackContext, press: Press) -> Message | None:
    policy = context.policy
    if context.pages is not None:
        opened = await approving.open_page(context.ledger, policy, press.asker, press.value)
        view = await request_view(context.ledger, policy, press.value)
        return link(context.pages, opened, view, policy)
    await approving.openable(context.ledger, policy, press.asker, press.value)
    view = await request_view(context.ledger, policy, press.value)
    await context.api.call("views.open", patient=True, trigger_id=press.trigger_id, view=render(view, policy))
    return None


def link(pages: str, opened: approving.Opened, view: RequestView, policy: Policy) -> Message:
    """What is approved, what to compare, and the way to our page. Only this person sees it, and it serves only them."""
    request, voice = opened.request, Voice(policy, view.now)
    compare = (
        f"Fingerprint `{_shown(request)}`, {_digest(request)}. The same stands on the page: compare them before you "
        "sign."
    )
    alone = (
        f"The link is for {voice.who(opened.person)} alone: it approves nothing without your second factor, and works "
        f"until {escape(voice.when(opened.until))}."
    )
    verb = "Roll back" if request.kind is Kind.ROLLBACK else "Approve"
    lines = [f"*{verb} {title(request)}?*  {request.id}", _asked_by(request, voice), compare, alone]
    row = our_page.link(f"{pages}/mfa/{opened.token}", "Open the approval page", request.id)
    return message(lines, *row)


def _asked_by(request: ChangeRequest, voice: Voice) -> str:
    who = f"Asked by {voice.who(request.requester.person)}"
    return who + (f" · {escape(request.ticket)}" if request.ticket else "")


def _digest(request: ChangeRequest) -> str:
    digest = request.artifact.digest
    return f"digest `{short_digest(digest)}`" if digest else "the digest not known yet"


def _shown(request: ChangeRequest) -> str:
    return short(request.fingerprint) if request.fingerprint else "none yet"


def render(view: RequestView, policy: Policy) -> Block:
    """What is approved, what the gates say, what to compare, and the field for the code."""
    request, voice = view.request, Voice(policy, view.now)
    lines = [f"*{title(request)}*", _asked_by(request, voice)]
    if request.reason:
        lines.append(f"“{escape(request.reason, 600)}”")
    lines += gate_lines(request, voice, most=GATE_LINES)
    lines.append(
        f"You sign the fingerprint `{_shown(request)}`, {_digest(request)}. The same stands on the message."
    )
    bound = {"request": request.id, "revision": request.revision, "fingerprint": request.fingerprint or ""}
    field = text_input(
        CODE,
        "Code",
        hint="The six digits that your authenticator app shows now. Without them a click counts for nothing.",
        placeholder="123 456",
        least=6,
        most=12,
    )
    return modal(
        CALLBACK,
        f"Approve {request.id}",
        [*sections(lines), field],
        submit="Approve",
        close="Not now",
        metadata=json.dumps(bound),
    )


async def submitted(context: SlackContext, sent: Submission) -> ViewAnswer:
    """Sign. A wrong code stands beside its field with the tries that are left; it is recorded before the ack.

    Where there are pages of ours no code is taken from Slack: it would see it.
    """
    if context.pages is not None:
        raise Refusal("on-our-page")
    request, revision, fingerprint = (sent.metadata.get(k) for k in ("request", "revision", "fingerprint"))
    if not isinstance(request, str) or not isinstance(revision, int) or not isinstance(fingerprint, str):
        raise Malformed("private_metadata is not what the modal was opened with")
    signature = approving.Signature(
        asker=sent.asker,
        key=sent.key,
        request=request,
        revision=revision,
        fingerprint=fingerprint,
        code=sent.values.get(CODE, ""),
    )
    try:
        await approving.sign(context.ledger, context.policy, context.code_check, signature)
    except Refusal as refusal:
        if refusal.code in BESIDE_THE_CODE:
            return ViewAnswer(errors={CODE: plain_words(context, refusal)})
        raise
    sentence = (
        f"Recorded: you signed {request}. The gates and your roles are asked again now; "
        "the message in the channel shows whether your seat is filled. You can close this."
    )
    return ViewAnswer(update=notice("Recorded", sentence))
