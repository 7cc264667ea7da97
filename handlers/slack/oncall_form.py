"""The form behind `/oncall override`: who takes it, from when until when, and what is taken in return."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from bot.domain.refusal import Refusal
from bot.flows import overrides as overriding
from bot.flows.asking import REASON_LIMIT
from bot.flows.overrides import Wanted
from bot.policy import Policy
from handlers.slack.blocks import Block, escape, modal, moment, option, pick, sections, text_input
from handlers.slack.context import SlackContext
from handlers.slack.listeners import CLOSES, ViewAnswer, plain_words, tell
from handlers.slack.oncall_note import declared
from handlers.slack.payloads import Command, Malformed, Submission
from handlers.slack.voice import Voice

CALLBACK: Final = "oncall_override"
MOST: Final = 100
"""Options of one menu; the command in one line takes anybody of the directory."""
FIELDS: Final[Mapping[str, str]] = {
    "unknown-rotation": "rotation",
    "override-elsewhere": "rotation",
    "too-many-overrides": "rotation",
    "unknown-person-name": "person",
    "override-not-yours": "person",
    "override-changes-nothing": "person",
    "override-begins-in-the-past": "from",
    "override-ends-in-the-past": "until",
    "override-ends-first": "until",
    "override-too-far": "until",
    "reason-too-long": "reason",
}
"""Which field a refusal belongs to, where there is one override only."""


async def show(context: SlackContext, command: Command, person: str) -> None:
    """Open it."""
    form = render(context.policy, command.asker.reply, person, context.clock.now())
    await context.api.call("views.open", patient=True, trigger_id=command.trigger_id, view=form)


def render(policy: Policy, reply: Mapping[str, Any], person: str, now: datetime) -> Block:
    """The form; `reply` is how to reach whoever declares, carried through it."""
    kept = {k: v for k, v in reply.items() if k in ("response_url", "channel")}
    names = overriding.rotations(policy)[:MOST]
    people = [option(each, Voice(policy, now).name(each)) for each in _people(policy)]
    until = {**moment("until", "Until", hint="When whoever's turn it is has it again."), "optional": False}
    back = {**pick("back", "Who takes a stretch in return", people), "optional": True}
    lines = []
    if len(policy.people) > MOST:
        lines.append(
            f"{MOST} people are listed; `/oncall override` in one line takes anybody of the directory."
        )
    fields = [
        pick("rotation", "Rotation", [option(name) for name in names], initial=names[0]),
        pick("person", "Who takes it", people, initial=person),
        moment("from", "From", hint="In your own time zone. Empty: from now on."),
        until,
        text_input(
            "reason", "Reason", hint="Everybody concerned reads it.", most=REASON_LIMIT, optional=True
        ),
        back,
        moment("back-from", "In return: from", hint="For a swap; both are declared, or neither."),
        moment("back-until", "In return: until", hint="Only with somebody who takes it."),
        *sections([escape(line) for line in lines]),
    ]
    metadata = json.dumps({"reply": kept})
    return modal(
        CALLBACK, "Override on-call duty", fields, submit="Declare", close="Cancel", metadata=metadata
    )


def _people(policy: Policy) -> list[str]:
    """Whoever is in a rotation first, then the rest of the directory, as many as a menu shows."""
    duties = [each.duty for each in policy.on_call.values() if each.duty is not None]
    first = dict.fromkeys(person for duty in duties for person in duty.people)
    return list(dict.fromkeys([*first, *policy.people]))[:MOST]


async def submitted(context: SlackContext, sent: Submission) -> ViewAnswer:
    """Declare it. What a field is refused for stands beside that field."""
    policy = context.policy
    halves = _wanted(sent)
    try:
        done = await overriding.declare(context.ledger, policy, sent.asker, halves, key=sent.key)
    except Refusal as refusal:
        field = FIELDS.get(refusal.code, "")
        if field not in sent.values or len(halves) > 1:
            raise
        return ViewAnswer(errors={field: plain_words(context, refusal)})
    url = sent.asker.reply.get("response_url")
    if isinstance(url, str):
        context.background.start(tell(context, url, declared(policy, done)), name="override-answer")
    return CLOSES


def _wanted(sent: Submission) -> tuple[Wanted, ...]:
    values = sent.values
    rotation, reason = values.get("rotation", ""), values.get("reason") or None
    ends = _instant(values.get("until"))
    if ends is None:
        raise Malformed("no end")
    first = Wanted(
        rotation=rotation,
        person=values.get("person", ""),
        begins_at=_instant(values.get("from")),
        ends_at=ends,
        reason=reason,
    )
    back, back_until = values.get("back"), _instant(values.get("back-until"))
    if not back and back_until is None and not values.get("back-from"):
        return (first,)
    if not back or back_until is None:
        raise Refusal("swap-half-said")
    begins = _instant(values.get("back-from"))
    return first, Wanted(rotation=rotation, person=back, begins_at=begins, ends_at=back_until, reason=reason)


def _instant(seconds: str | None) -> datetime | None:
    """What a picker says. Raises Malformed for what no picker says."""
    if not seconds:
        return None
    try:
        return datetime.fromtimestamp(int(seconds), UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise Malformed("no instant") from error
