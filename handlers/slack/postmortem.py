"""`/env postmortem`: what is owed, one of them, and the form in which it is written (F9, P21)."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from bot.domain.postmortem import WHYS, Postmortem, PostmortemState
from bot.domain.refusal import Refusal
from bot.flows import postmortem as postmortems
from bot.flows.postmortem import LIMITS, Written, version
from bot.flows.timeline import Account, account, drafts
from handlers.slack.blocks import Block, Message, escape, message, modal, text_input
from handlers.slack.context import SlackContext
from handlers.slack.listeners import CLOSES, ViewAnswer, later, plain_words, tell
from handlers.slack.payloads import Command, Press, Submission
from handlers.slack.postmortem_card import full, render
from handlers.slack.voice import Voice
from handlers.wording.facts import plural
from handlers.wording.postmortem import due, first_summary
from handlers.wording.visible import visible

CALLBACK: Final = "postmortem_written"
USAGE: Final = "/env postmortem INC-7"
SHOWN: Final = 20
NEEDED: Final = "Needed to publish; it can be kept without."
_ID: Final = re.compile(r"(?:inc-?)?0*([1-9][0-9]{0,8})", re.IGNORECASE)
_WHYS: Final = ("Why did it happen?", *(f"Why was that? ({n} of {WHYS})" for n in range(2, WHYS + 1)))
FIELDS: Final[Mapping[str, str]] = {"postmortem-changed": "summary"}


async def command(context: SlackContext, command: Command, rest: str) -> Message:
    """Nothing after it lists what is owed; an incident shows it, `start` begins one, `note` adds to the timeline.
    Raises Refusal."""
    if not rest:
        return await owed(context)
    word, _, more = rest.partition(" ")
    wanted, (verb, _, words) = incident_id(word, USAGE), more.strip().partition(" ")
    if verb.lower() == "note":
        noted = await postmortems.note_down(
            context.ledger, context.policy, command.asker, wanted, words, key=command.key
        )
        return message([f"Noted in the timeline of {noted.id}."])
    if verb.lower() == "start" and not words:
        begun = await postmortems.begin(
            context.ledger, context.policy, command.asker, wanted, key=command.key
        )
        return render(await account(context.ledger, context.policy, begun.incident), context.policy)
    if more.strip():
        raise Refusal("too-many-words", {"name": more.strip()[:40], "usage": f"{USAGE} [start]"})
    found = await account(context.ledger, context.policy, wanted)
    if found.postmortem is None:
        raise Refusal("no-postmortem", {"incident": wanted, "state": found.incident.state.value})
    return full(found, context.policy)


def incident_id(text: str, usage: str) -> str:
    """`inc-7`, `INC7` or `7` as INC-7. Raises Refusal `bad-incident-id`."""
    match = _ID.fullmatch(text)
    if match is None:
        raise Refusal("bad-incident-id", {"name": text[:40], "usage": usage})
    return f"INC-{match[1]}"


async def owed(context: SlackContext) -> Message:
    """Every post-mortem that nobody published yet, the first due first."""
    found, count = await drafts(context.ledger, limit=SHOWN)
    if not found:
        return message(["No post-mortem is owed: every one of them is published."])
    voice = Voice(context.policy, context.clock.now())
    more = [f"and {count - len(found)} more"] if count > len(found) else []
    verb = "is" if count == 1 else "are"
    head = f"*{plural(count, 'post-mortem')} {verb} owed*"
    return message([head, *[_line(each, voice) for each in found], *more, f"`{USAGE}` shows one of them."])


def _line(postmortem: Postmortem, voice: Voice) -> str:
    sign = "⚠" if voice.now > postmortem.due_at else "◷"
    owner = voice.who(postmortem.owner, "nobody")
    return f"{sign} *{postmortem.incident}* · {escape(due(postmortem, voice.now, voice.when))} · {owner}"


async def write(context: SlackContext, press: Press) -> None:
    """Open the form, after the ack. Raises Refusal for somebody whom the policy does not know."""
    press.asker.actor(context.policy)
    work = later(context, press.response_url, _open(context, press))
    context.background.start(work, name="postmortem-form")


async def _open(context: SlackContext, press: Press) -> None:
    found = await account(context.ledger, context.policy, press.value)
    postmortem = found.postmortem
    if postmortem is None:
        raise Refusal("no-postmortem", {"incident": press.value, "state": found.incident.state.value})
    if postmortem.state is PostmortemState.PUBLISHED:
        by = None if postmortem.published_by is None else postmortem.published_by.person
        raise Refusal("postmortem-published", {"incident": postmortem.incident, "by": by})
    kept = {} if press.response_url is None else {"response_url": press.response_url}
    view = form(found, postmortem, kept)
    await context.api.call("views.open", patient=True, trigger_id=press.trigger_id, view=view)


def form(found: Account, postmortem: Postmortem, reply: Mapping[str, Any]) -> Block:
    """The form with what is written so far; a summary that nobody wrote begins with the facts."""
    asked = [
        _area("summary", "In short: what happened?", postmortem.summary or first_summary(found)),
        _area("impact", "What did it do to people?", postmortem.impact),
    ]
    for number, label in enumerate(_WHYS):
        before = postmortem.whys[number] if number < len(postmortem.whys) else None
        asked.append(_area(f"why-{number + 1}", label, before, "why"))
    metadata = json.dumps(
        {"incident": postmortem.incident, "seen": version(postmortem), "reply": dict(reply)}
    )
    return modal(
        CALLBACK,
        f"Post-mortem of {postmortem.incident}",
        asked,
        submit="Keep",
        close="Cancel",
        metadata=metadata,
    )


def _area(block: str, label: str, written: str | None, limit: str | None = None) -> Block:
    most = LIMITS[limit or block]
    made = text_input(block, label, hint=NEEDED, most=most, optional=True, multiline=True)
    return (
        made if not written else {**made, "element": {**made["element"], "initial_value": visible(written)}}
    )


async def submitted(context: SlackContext, sent: Submission) -> ViewAnswer:
    """Keep what was written. What a field is refused for stands beside that field, with the text still there."""
    incident, seen = str(sent.metadata.get("incident") or ""), str(sent.metadata.get("seen") or "")
    whys = tuple(sent.values.get(f"why-{n}", "") for n in range(1, WHYS + 1))
    written = Written(
        summary=sent.values.get("summary") or None, impact=sent.values.get("impact") or None, whys=whys
    )
    try:
        done = await postmortems.write(
            context.ledger, context.policy, sent.asker, incident, written, seen=seen, key=sent.key
        )
    except Refusal as refusal:
        field = FIELDS.get(refusal.code, "")
        if field not in sent.values:
            raise
        return ViewAnswer(errors={field: plain_words(context, refusal)})
    url = sent.asker.reply.get("response_url")
    if isinstance(url, str):
        context.background.start(tell(context, url, _kept(done)), name="postmortem-answer")
    return CLOSES


def _kept(done: Postmortem) -> Message:
    return message([f"Kept. The message of {done.incident}'s post-mortem says what it still lacks."])


async def publish(context: SlackContext, press: Press) -> Message:
    """Say that it is done. Raises Refusal with what it lacks."""
    done = await postmortems.publish(context.ledger, context.policy, press.asker, press.value, key=press.key)
    channel = context.policy.slack.channels.incidents.lstrip("#")
    return message([f"✓ The post-mortem of {done.incident} is published in #{escape(channel)}."])
