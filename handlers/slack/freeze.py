"""`/deploy freeze`: in one line, or by a form. Declaring is the safe direction and asks for no second factor."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from bot.domain.freeze import Freeze, FreezeClass
from bot.domain.refusal import Refusal
from bot.flows import freeze as freezing
from bot.flows.asking import REASON_LIMIT
from bot.flows.freezes import one_freeze, unfrozen
from bot.policy import Policy
from handlers.slack import freeze_note
from handlers.slack.blocks import Block, Message, choices, message, modal, moment, radio, text_input, tick
from handlers.slack.context import SlackContext
from handlers.slack.freeze_words import declaration
from handlers.slack.listeners import CLOSES, ViewAnswer, later, plain_words, tell
from handlers.slack.payloads import Command, Malformed, Submission
from handlers.slack.voice import Voice
from handlers.wording.freezes import CLASSES

CALLBACK: Final = "deploy_freeze"
FIELDS: Final[Mapping[str, str]] = {
    "unknown-environment": "environments",
    "unknown-service": "services",
    "frozen-already": "environments",
    "freeze-begins-in-the-past": "from",
    "freeze-begins-too-late": "from",
    "freeze-ends-in-the-past": "to",
    "freeze-ends-first": "to",
    "freeze-ends-too-late": "to",
    "no-reason": "reason",
    "reason-too-long": "reason",
}
"""Which field a refusal belongs to."""
ALL: Final = "None chosen: all of them."


async def typed(context: SlackContext, command: Command, rest: str) -> Message:
    """Declare it, or open the form where nothing stands after the word. Raises Refusal."""
    if not rest:
        await freezing.declarable(context.ledger, context.policy, command.asker)
        work = later(context, command.response_url, _open(context, command))
        context.background.start(work, name="freeze-form")
        return message(["The form opens now. In a hurry: `/deploy help` shows how to freeze in one line."])
    wanted = declaration(rest, context.policy, context.clock.now())
    done = await freezing.declare(context.ledger, context.policy, command.asker, wanted, key=command.key)
    return await declared(context, done)


async def declared(context: SlackContext, freeze: Freeze) -> Message:
    """What whoever declared it sees at once: the announcement itself."""
    frozen = await one_freeze(context.ledger, context.policy, freeze.id)
    now = context.clock.now()
    code = "declared" if now < freeze.begins_at else "begun"
    missed = () if frozen.environments else unfrozen(context.policy, ())
    shown = freeze_note.render(frozen, code, Voice(context.policy, now), missed)
    told = message(["It is announced, and what is asked for in its scope is being judged again."])
    return Message(shown.text, (*shown.blocks, *told.blocks))


async def _open(context: SlackContext, command: Command) -> None:
    form = render(context.policy, command.asker.reply)
    await context.api.call("views.open", patient=True, trigger_id=command.trigger_id, view=form)


def render(policy: Policy, reply: Mapping[str, Any]) -> Block:
    """The form; `reply` is how to reach whoever declares, carried through it."""
    kept = {k: v for k, v in reply.items() if k in ("response_url", "channel")}
    zone = f"In your own time zone; the announcement shows {policy.timezone} beside it."
    services = list(policy.services)
    where = choices(
        "environments",
        "Environments",
        list(policy.environments),
        action="environment",
        hint=ALL,
        initial=list(policy.environments)[:1],  # the most protected: to freeze everything is to be chosen
    )
    of = choices("services", "Services", services, action="service", hint=ALL)
    ways = {
        kind.value: (kind.value.capitalize(), CLASSES[kind]) for kind in (FreezeClass.HARD, FreezeClass.SOFT)
    }
    fields = [
        where,
        *([of] if services else []),
        moment("from", "From", hint=f"Empty: from now on. {zone}"),
        moment("to", "Until", hint="Empty: until somebody lifts it."),
        radio("class", "Class", ways),
        tick("break-glass", "Break-glass", "Break-glass may pass it"),
        text_input(
            "reason",
            "Reason",
            hint="Everybody whom it stops reads it.",
            placeholder="Peak trading",
            least=1,
            most=REASON_LIMIT,
            multiline=True,
        ),
    ]
    metadata = json.dumps({"reply": kept})
    return modal(CALLBACK, "Declare a freeze", fields, submit="Freeze", close="Cancel", metadata=metadata)


async def submitted(context: SlackContext, sent: Submission) -> ViewAnswer:
    """Declare it. What a field is refused for stands beside that field."""
    policy = context.policy
    try:
        done = await freezing.declare(context.ledger, policy, sent.asker, _wanted(sent), key=sent.key)
    except Refusal as refusal:
        field = FIELDS.get(refusal.code, "")
        if field not in sent.values:
            raise
        return ViewAnswer(errors={field: plain_words(context, refusal)})
    url = sent.asker.reply.get("response_url")
    if isinstance(url, str):
        context.background.start(tell(context, url, await declared(context, done)), name="freeze-answer")
    return CLOSES


def _wanted(sent: Submission) -> freezing.Declaration:
    try:
        strength = FreezeClass(sent.values.get("class") or FreezeClass.HARD)
    except ValueError as error:
        raise Malformed("no such class") from error
    return freezing.Declaration(
        environments=sent.chosen.get("environments", ()),
        services=sent.chosen.get("services", ()),
        strength=strength,
        reason=sent.values.get("reason"),
        begins_at=_instant(sent.values.get("from")),
        ends_at=_instant(sent.values.get("to")),
        break_glass=bool(sent.chosen.get("break-glass")),
    )


def _instant(seconds: str | None) -> datetime | None:
    """What a picker says. Raises Malformed for what no picker says."""
    if not seconds:
        return None
    try:
        return datetime.fromtimestamp(int(seconds), UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise Malformed("no instant") from error
