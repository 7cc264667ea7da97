"""`/env actions`: what is to be done so that it does not happen again, the form for one more, and the button *Done*."""

import json
from datetime import date, timedelta
from typing import Final

from bot.domain.owed import Delivery
from bot.domain.refusal import Refusal
from bot.flows import action_items
from bot.flows.action_items import TEXT_LIMIT, Item
from bot.policy import Policy
from handlers.slack.blocks import (
    Block,
    Message,
    button,
    escape,
    message,
    modal,
    mrkdwn,
    option,
    pick,
    text_input,
)
from handlers.slack.context import SlackContext
from handlers.slack.listeners import CLOSES, ViewAnswer, later, plain_words, tell
from handlers.slack.payloads import Command, Press, Submission
from handlers.slack.postmortem import incident_id
from handlers.slack.voice import Voice
from handlers.wording.facts import Facts, plural
from handlers.wording.postmortem import day, item

CALLBACK: Final = "action_item"
DONE: Final = "action_done"
"""The action_id of its button."""
USAGE: Final = "/env actions add INC-7 PERSON 2026-12-01 what is to be done"
SHOWN: Final = 20
MOST: Final = 100
"""Options of one menu; the command in one line takes anybody of the directory."""
USUAL: Final = timedelta(days=14)
FIELDS: Final = {
    "action-no-text": "text",
    "action-too-long": "text",
    "too-many-actions": "text",
    "unknown-person-name": "owner",
    "action-due-in-the-past": "due",
    "action-due-too-far": "due",
    "action-bad-date": "due",
}
"""Which field a refusal belongs to."""
_WORDS: Final = 4


async def command(context: SlackContext, command: Command, rest: str) -> Message:
    """Nothing after it lists what is open; `add`, `done` and `drop` do what they say. Raises Refusal."""
    word, _, more = rest.partition(" ")
    match word.lower():
        case "":
            return await listed(context)
        case "add":
            return await _add(context, command, more.strip())
        case "done":
            done = await action_items.done(
                context.ledger, context.policy, command.asker, _id(more), key=command.key
            )
            return message([f"✓ {escape(done.id)} is done: {escape(done.item.text)}"])
        case "drop":
            gone = await action_items.drop(
                context.ledger, context.policy, command.asker, _id(more), key=command.key
            )
            return message([f"{escape(gone)} was taken out of the draft."])
        case _:
            facts = {"name": word[:40], "usage": "/env actions [add|done|drop]"}
            raise Refusal("too-many-words", facts)


def _id(text: str) -> str:
    """`inc-7/2` as INC-7/2. Raises Refusal `bad-incident-id` or `unknown-action`."""
    incident, _, number = text.strip().partition("/")
    return f"{incident_id(incident, '/env actions done INC-7/1')}/{number}"


async def _add(context: SlackContext, command: Command, rest: str) -> Message:
    words = rest.split(maxsplit=_WORDS - 1)
    if len(words) < _WORDS:
        missing = ("incident", "person", "day", "text")[len(words)]
        raise Refusal("too-few-words", {"missing": missing, "usage": USAGE})
    made = await action_items.add(
        context.ledger,
        context.policy,
        command.asker,
        incident_id(words[0], USAGE),
        words[3],
        _person(context.policy, words[1]),
        _day(words[2]),
        key=command.key,
    )
    return _added(made, context.policy)


def _person(policy: Policy, word: str) -> str:
    """`ada`, `@ada` or a mention's member id as the policy calls the person."""
    name = word.removeprefix("@")
    found = policy.person_by_slack(name)
    return name if found is None else found[0]


def _day(text: str | None) -> date:
    try:
        return date.fromisoformat((text or "").strip())
    except ValueError as error:
        raise Refusal("action-bad-date", {"name": (text or "")[:40]}) from error


def _added(made: Item, policy: Policy) -> Message:
    found = policy.people.get(made.item.owner)
    owner = (found.name if found is not None else None) or made.item.owner
    return message([f"{escape(made.id)} is kept: {escape(owner)} until {day(made.item.due)}."])


async def listed(context: SlackContext) -> Message:
    """Everything that is still to be done, the first due first, each with the button that ends it."""
    found = await action_items.open_items(context.ledger)
    if not found:
        return message(["No action item is open."])
    voice = Voice(context.policy, context.clock.now())
    verb = "is" if len(found) == 1 else "are"
    head = f"*{plural(len(found), 'action item')} {verb} open*"
    more = [f"and {len(found) - SHOWN} more: the first due stand here"] if len(found) > SHOWN else []
    return message([head, *more], *[_row(each, voice) for each in found[:SHOWN]])


def _row(found: Item, voice: Voice) -> Block:
    """One of them with its button; mentions nobody."""
    today = voice.now.astimezone(voice.policy.zone).date()
    text = f"*{escape(found.id)}* {escape(item(found.item, voice.name, today), 500)}"
    return {"type": "section", "text": mrkdwn(text), "accessory": button(DONE, "Done", found.id)}


async def done(context: SlackContext, press: Press) -> Message:
    """Say that it is done. Raises Refusal."""
    found = await action_items.done(context.ledger, context.policy, press.asker, press.value, key=press.key)
    return message([f"✓ {escape(found.id)} is done: {escape(found.item.text)}"])


async def add(context: SlackContext, press: Press) -> None:
    """Open the form for one more, after the ack. Raises Refusal for somebody whom the policy does not know."""
    actor = press.asker.actor(context.policy)
    kept = {} if press.response_url is None else {"response_url": press.response_url}
    view = form(context.policy, press.value, actor.person or "", _today(context), kept)
    work = later(context, press.response_url, _open(context, press, view))
    context.background.start(work, name="action-form")


async def _open(context: SlackContext, press: Press, view: Block) -> None:
    await context.api.call("views.open", patient=True, trigger_id=press.trigger_id, view=view)


def _today(context: SlackContext) -> date:
    return context.clock.now().astimezone(context.policy.zone).date()


def form(policy: Policy, incident: str, person: str, today: date, reply: dict[str, str]) -> Block:
    """The form; whoever opens it is its owner unless they choose another."""
    people = list(dict.fromkeys([person, *policy.people]))[:MOST]
    options = [option(each, getattr(policy.people.get(each), "name", None) or each) for each in people]
    fields = [
        text_input("text", "What is to be done?", most=TEXT_LIMIT, least=1),
        pick("owner", "By whom?", options, initial=person),
        {
            "type": "input",
            "block_id": "due",
            "label": {"type": "plain_text", "text": "Until when?", "emoji": True},
            "element": {
                "type": "datepicker",
                "action_id": "due",
                "initial_date": (today + USUAL).isoformat(),
            },
            "optional": False,
        },
    ]
    if len(policy.people) > MOST:
        told = f"{MOST} people are listed; `{escape(USAGE)}` takes anybody of the directory."
        fields.append({"type": "section", "text": mrkdwn(told)})
    metadata = json.dumps({"incident": incident, "reply": reply})
    return modal(CALLBACK, "Action item", fields, submit="Keep", close="Cancel", metadata=metadata)


async def submitted(context: SlackContext, sent: Submission) -> ViewAnswer:
    """Keep it. What a field is refused for stands beside that field."""
    try:
        made = await action_items.add(
            context.ledger,
            context.policy,
            sent.asker,
            str(sent.metadata.get("incident") or ""),
            sent.values.get("text", ""),
            sent.values.get("owner", ""),
            _day(sent.values.get("due")),
            key=sent.key,
        )
    except Refusal as refusal:
        field = FIELDS.get(refusal.code, "")
        if field not in sent.values:
            raise
        return ViewAnswer(errors={field: plain_words(context, refusal)})
    url = sent.asker.reply.get("response_url")
    if isinstance(url, str):
        context.background.start(tell(context, url, _added(made, context.policy)), name="action-answer")
    return CLOSES


def note(delivery: Delivery, found: Item, voice: Voice) -> Message | None:
    """What its owner is told; None where it is done by now."""
    facts, action = Facts(delivery.facts), found.item
    if action.is_done:
        return None
    today = voice.now.astimezone(voice.policy.zone).date()
    head = {
        "yours": f"{voice.who(facts.text('by', ''), 'Somebody')} gave you an action item of {found.incident}",
        "due": "An action item of yours is due today",
    }.get(facts.text("code"), "An action item of yours is overdue")
    called = f"{voice.call(action.owner)}: " if delivery.destination.startswith("slack:channel:") else ""
    line = f"*{escape(found.id)}* {escape(item(action, voice.name, today), 500)}"
    return message(
        [f"{called}*{head}*", line], {"type": "actions", "elements": [button(DONE, "Done", found.id)]}
    )
