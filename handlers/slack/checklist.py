"""`/deploy checklist ID`: the list at a glance, with a button for each item that people tick. Only the reader sees it."""

import re
from typing import Final

import structlog

from bot.flows import attest
from bot.flows.attest import Entry, Listed, Target
from bot.policy import Policy
from handlers.slack import readers
from handlers.slack.blocks import Block, Message, bare, button, escape, sections
from handlers.slack.context import SlackContext
from handlers.slack.listeners import later, tell
from handlers.slack.payloads import Command, Malformed, Press, request_id
from handlers.slack.request_card import title
from handlers.slack.voice import Voice
from handlers.slack.web_api import SlackFailed
from handlers.wording import checklists
from handlers.wording.requests import STATE_WORDS

log = structlog.get_logger(__name__)
TICK: Final = "checklist_tick"
UNTICK: Final = "checklist_untick"
"""The action_ids of its buttons."""
_VALUE: Final = re.compile(r"(DEP-[1-9][0-9]{0,8}) ([1-9][0-9]{0,8}) ([0-9a-f]{12})")


async def typed(context: SlackContext, command: Command, rest: str) -> Message:
    """Show it. Raises Refusal."""
    wanted = request_id(rest, "/deploy checklist ID")
    await readers.reader(context, command.asker).request(wanted)
    reader = command.asker.actor(context.policy).person
    return render(await attest.listed(context.ledger, context.policy, wanted), context.policy, reader)


async def pressed(context: SlackContext, press: Press) -> Message:
    """The same, from the request's own message. Raises Refusal."""
    await readers.reader(context, press.asker).request(press.value)
    reader = press.asker.actor(context.policy).person
    return render(await attest.listed(context.ledger, context.policy, press.value), context.policy, reader)


async def tick(context: SlackContext, press: Press) -> None:
    """Tick an item; the list in front of the person shows it. Raises Refusal."""
    done = await attest.tick(
        context.ledger,
        context.policy,
        press.asker,
        _target(press),
        key=press.key,
        authority=context.collector.authority,
    )
    _show(context, press, done)


async def untick(context: SlackContext, press: Press) -> None:
    """Take one's own tick back; the list in front of the person shows it. Raises Refusal."""
    done = await attest.untick(context.ledger, context.policy, press.asker, _target(press), key=press.key)
    _show(context, press, done)


def _target(press: Press) -> Target:
    match = _VALUE.fullmatch(press.value)
    if match is None:
        raise Malformed("no item of a checklist")
    return Target(request=match[1], revision=int(match[2]), item=match[3])


def _show(context: SlackContext, press: Press, done: Listed) -> None:
    reader = press.asker.actor(context.policy).person
    work = later(context, press.response_url, _replace(context, press, render(done, context.policy, reader)))
    context.background.start(work, name=f"checklist-{done.request.id}")


async def _replace(context: SlackContext, press: Press, answer: Message) -> None:
    """Put the list in the place of the one that was pressed; below it, where that one is gone."""
    if press.response_url is None:
        return
    body = {"replace_original": True, "text": answer.text, "blocks": list(answer.blocks)}
    try:
        await context.api.respond(press.response_url, body)
    except SlackFailed as failed:
        log.info("slack.list-not-replaced", code=failed.code)
        await tell(context, press.response_url, answer)


def render(shown: Listed, policy: Policy, reader: str | None) -> Message:
    """A head, one section for each item with its button, and what happens next."""
    request, voice = shown.request, Voice(policy, shown.now)
    count = f"{shown.done} of {len(shown.entries)}"
    head = f"*Checklist {escape(shown.name)}: {count} ticked*  {request.id} {title(request)}"
    blocks = sections([head])
    for entry in shown.entries:
        blocks.append(_item(entry, shown, voice, reader))
    blocks += sections([_foot(shown)])
    return Message(bare(head), tuple(blocks))


def _item(entry: Entry, shown: Listed, voice: Voice, reader: str | None) -> Block:
    sign, word, text = checklists.entry(entry, shown, names=voice.name, when=voice.when)
    (block,) = sections([f"{sign} *{word}* {escape(entry.item.item)}", f"      {escape(text)}"])
    value = f"{shown.request.id} {shown.request.revision} {entry.key}"
    if not shown.tickable or entry.item.attest is None:
        return block
    if entry.tick is None:
        return block | {"accessory": button(TICK, "Tick", value)}
    mine = reader is not None and entry.tick.by.person == reader
    return block | ({"accessory": button(UNTICK, "Untick", value)} if mine else {})


def _foot(shown: Listed) -> str:
    request = shown.request
    if not shown.tickable:
        return f"{request.id} {STATE_WORDS[request.state]}: nothing is ticked now."
    if shown.done == len(shown.entries):
        return "Everything is ticked."
    return "A tick is recorded with your name. Nothing starts that nobody approved."
