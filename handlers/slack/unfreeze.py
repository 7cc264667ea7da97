"""`/deploy unfreeze`: lift a freeze or call one off, with a reason; without an id, chosen from a list."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from bot.domain.refusal import Refusal
from bot.flows import freeze as freezing
from bot.flows.asking import REASON_LIMIT
from bot.flows.freezes import Frozen, freezes, one_freeze
from bot.policy import Policy
from handlers.slack import freeze_note
from handlers.slack.blocks import Block, Message, escape, message, modal, option, pick, sections, text_input
from handlers.slack.context import SlackContext
from handlers.slack.listeners import CLOSES, ViewAnswer, later, plain_words, tell
from handlers.slack.payloads import Command, Submission
from handlers.slack.voice import Voice
from handlers.wording.facts import listed, one_line
from handlers.wording.freezes import option as in_one_line
from handlers.wording.times import in_zone

CALLBACK: Final = "deploy_unfreeze"
FREEZE: Final = "freeze"
REASON: Final = "reason"
MOST_LISTED: Final = 100  # options of one menu; the command takes the id of any other
OPTION: Final = 75
_ID: Final = re.compile(r"(?:frz-?)?0*([1-9][0-9]{0,8})", re.IGNORECASE)


async def typed(context: SlackContext, command: Command, rest: str) -> Message:
    """Lift it, or open the form where the id or the reason is missing. Raises Refusal."""
    word, _, reason = rest.partition(" ")
    wanted = freeze_id(word) if word else None
    if wanted is not None and reason.strip():
        done = await freezing.lift(
            context.ledger,
            context.policy,
            command.asker,
            wanted,
            reason,
            key=command.key,
            authority=context.collector.authority,
        )
        return await lifted(context, done.id)
    if wanted is not None:
        authority = context.collector.authority
        await freezing.liftable(context.ledger, context.policy, command.asker, wanted, authority=authority)
    command.asker.actor(context.policy)
    found = await freezes(context.ledger, context.policy)
    if not any(frozen.declared for frozen in found):
        return message(_nothing(found))
    work = later(context, command.response_url, _open(context, command, found, wanted))
    context.background.start(work, name="unfreeze-form")
    return message([f"The form opens now. In a hurry: `/deploy unfreeze {wanted or 'FRZ-3'} reason…`"])


def freeze_id(text: str) -> str:
    """`frz-3`, `FRZ3` or `3` as FRZ-3; anything else may be a name of the policy's, and stays as it is."""
    match = _ID.fullmatch(text)
    return f"FRZ-{match[1]}" if match else text


def _nothing(found: Sequence[Frozen]) -> list[str]:
    """Nothing was declared; what stands in the policy is named, for it may be what is looked for."""
    lines = ["No declared freeze is in force or ahead, so there is nothing to lift."]
    names = list(dict.fromkeys(frozen.name for frozen in found))
    if names:
        lines.append(
            escape(f"The policy itself freezes: {listed(names)}. Whoever keeps the policy can change that.")
        )
    return lines


async def _open(context: SlackContext, command: Command, found: Sequence[Frozen], wanted: str | None) -> None:
    form = render(context.policy, found, command.asker.reply, wanted)
    await context.api.call("views.open", patient=True, trigger_id=command.trigger_id, view=form)


def render(policy: Policy, found: Sequence[Frozen], reply: Mapping[str, Any], wanted: str | None) -> Block:
    """The form: which freeze, and why it may end."""
    kept = {k: v for k, v in reply.items() if k in ("response_url", "channel")}
    own = [frozen for frozen in found if frozen.declared]
    shown = [f for f in own if f.name == wanted] or own[:MOST_LISTED]
    options = [
        option(
            frozen.name,
            one_line(in_one_line(frozen, in_zone(policy.zone)), OPTION),
            one_line(frozen.reason or "", OPTION),
        )
        for frozen in shown
    ]
    field = text_input(
        REASON,
        "Reason",
        hint="It is announced, and kept with the record.",
        least=1,
        most=REASON_LIMIT,
        multiline=True,
    )
    lines = ["What waits for it is judged again at once. Nothing starts that nobody approved."]
    if len(own) > len(shown) and wanted is None:
        lines.append(f"The first {len(shown)} are listed; `/deploy unfreeze ID reason` lifts any other.")
    return modal(
        CALLBACK,
        "Lift a freeze",
        [pick(FREEZE, "Freeze", options, initial=options[0]["value"]), field, *sections(lines)],
        submit="Lift it",
        close="Not now",
        metadata=json.dumps({"reply": kept}),
    )


async def submitted(context: SlackContext, sent: Submission) -> ViewAnswer:
    """Lift it. What it is refused for stands beside its field."""
    policy = context.policy
    freeze, reason = sent.values.get(FREEZE, ""), sent.values.get(REASON, "")
    authority = context.collector.authority
    try:
        done = await freezing.lift(
            context.ledger, policy, sent.asker, freeze, reason, key=sent.key, authority=authority
        )
    except Refusal as refusal:
        if refusal.code == "unknown-person":
            raise
        field = REASON if refusal.code in ("no-reason", "reason-too-long") else FREEZE
        return ViewAnswer(errors={field: plain_words(context, refusal)})
    url = sent.asker.reply.get("response_url")
    if isinstance(url, str):
        context.background.start(tell(context, url, await lifted(context, done.id)), name="unfreeze-answer")
    return CLOSES


async def lifted(context: SlackContext, freeze: str) -> Message:
    """What whoever lifted it sees at once: the announcement itself."""
    frozen = await one_freeze(context.ledger, context.policy, freeze)
    record = frozen.declared
    ahead = record is not None and record.lifted_at is not None and record.lifted_at < record.begins_at
    code = "called-off" if ahead else "lifted"
    return freeze_note.render(frozen, code, Voice(context.policy, context.clock.now()))
