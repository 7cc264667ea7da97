"""`/deploy review`: what reviews are owed, and writing one (P13)."""

from bot.domain.change_request import ChangeRequest
from bot.flows import review as reviews
from bot.flows.asking import Asker
from handlers.slack.blocks import Message, escape, message
from handlers.slack.context import SlackContext
from handlers.slack.payloads import Command, request_id
from handlers.slack.readers import reader
from handlers.slack.request_card import title
from handlers.slack.voice import Voice
from handlers.wording.facts import listed
from handlers.wording.times import ahead, span

USAGE = "/deploy review ID what was found"
SHOWN = 20


async def command(context: SlackContext, command: Command, rest: str) -> Message:
    """Nothing after it lists what is owed; else what follows the id is what was found. Raises Refusal."""
    if not rest:
        return await owed(context, command.asker)
    word, _, words = rest.partition(" ")
    wanted = request_id(word, USAGE)
    done = await reviews.review(
        context.ledger,
        context.policy,
        command.asker,
        wanted,
        words or None,
        key=command.key,
        authority=context.collector.authority,
    )
    return message([f"✓ *{done.id} is reviewed:* {title(done)}", "What you found is kept with its record."])


async def owed(context: SlackContext, asker: Asker) -> Message:
    """Every used break-glass that nobody reviewed yet, the first due first; what the asker may not read is left out."""
    all_ = await reviews.owed(context.ledger)
    found = await reader(context, asker).readable(all_)
    if not found and all_:
        return message(["No review is owed where you may read."])
    if not found:
        return message(["No review is owed: every break-glass that was used is reviewed."])
    voice = Voice(context.policy, context.clock.now())
    head = "*1 review is owed*" if len(found) == 1 else f"*{len(found)} reviews are owed*"
    more = [f"and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
    return message([head, *[_line(one, voice) for one in found[:SHOWN]], *more, f"`{USAGE}`"])


def _line(request: ChangeRequest, voice: Voice) -> str:
    glass = request.break_glass
    if glass is None or glass.review_due is None:
        return f"{request.id} {title(request)}"
    late = voice.now >= glass.review_due
    due = (
        f"overdue by {span(voice.now - glass.review_due)}"
        if late
        else f"due {ahead(glass.review_due, voice.now)}"
    )
    sign = "⚠" if late else "◷"
    gates = escape(listed([o.gate for o in request.readiness.bypassed] if request.readiness else [], 6), 200)
    passed = f", bypassed {gates}" if gates else ""
    return (
        f"{sign} *{request.id}* {title(request)} · {due} · {voice.who(request.requester.person)}, "
        f"for {escape(glass.ticket, 64)}{passed}"
    )
