"""*Approve*: a modal with what is approved and a second factor, bound to the fingerprint that it showed (P8)."""

import json
from typing import Final

from bot.domain.fingerprint import short
from bot.domain.refusal import Refusal
from bot.flows import approve as approving
from bot.flows.inquire import RequestView, request_view
from bot.policy import Policy
from handlers.slack.blocks import Block, escape, modal, sections, text_input
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
    """Open the modal after the ack, for those who may sign; whoever may not is told why."""
    work = later(context, press.response_url, _open(context, press))
    context.background.start(work, name=f"approve-{press.value}")


async def _open(context: SlackContext, press: Press) -> None:
    policy = context.policy
    await approving.openable(context.ledger, policy, press.asker, press.value)
    view = await request_view(context.ledger, policy, press.value)
    await context.api.call("views.open", patient=True, trigger_id=press.trigger_id, view=render(view, policy))


def render(view: RequestView, policy: Policy) -> Block:
    """What is approved, what the gates say, what to compare, and the field for the code."""
    request, voice = view.request, Voice(policy, view.now)
    lines = [f"*{title(request)}*"]
    lines.append(
        f"Asked by {voice.who(request.requester.person)}"
        + (f" · {escape(request.ticket)}" if request.ticket else "")
    )
    if request.reason:
        lines.append(f"“{escape(request.reason, 600)}”")
    lines += gate_lines(request, voice, most=GATE_LINES)
    shown = short(request.fingerprint) if request.fingerprint else "none yet"
    lines.append(
        f"You sign the fingerprint `{shown}`, digest `{short_digest(request.artifact.digest)}`. "
        "The same stands on the message."
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
    """Sign. A wrong code stands beside its field with the tries that are left; it is recorded before the ack."""
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
