"""The messages about on-call duty: overrides and hand-offs, true at the moment of sending."""

from collections.abc import Sequence
from typing import Final

from bot.domain.incident import Incident
from bot.domain.override import Override
from bot.domain.owed import Delivery
from bot.flows.handoff import NOTE as HANDOFF
from bot.flows.handoff import open_work
from bot.flows.on_duty import on_duty, zone_of
from bot.flows.overrides import Taken
from bot.policy import Policy
from bot.ports import Ledger
from handlers.slack.blocks import Message, escape, message, reader_time
from handlers.slack.voice import Voice
from handlers.wording import oncall
from handlers.wording.facts import Facts, listed
from handlers.wording.times import span

MOST_LISTED: Final = 10
LONGEST: Final = 1300
STANDS: Final = frozenset({"takes-over", "stands-in"})
"""What is told only while it is still so: whoever it names is on call when it is sent."""


async def note(ledger: Ledger, policy: Policy, delivery: Delivery, voice: Voice) -> Message | None:
    """The message that is owed; None where a later change made it untrue, and tells its own."""
    facts = Facts(delivery.facts)
    if delivery.kind != HANDOFF:
        when = reader_time(zone_of(policy, facts.text("rotation")), beside=True)
        said = oncall.override_note(facts, delivery.subject, voice.name, when)
        return message([escape(said, LONGEST)])
    now = await ledger.read(lambda tx: on_duty(tx, policy, delivery.subject, tx.now))
    code, after = facts.text("code"), facts.text("after", "")
    if (code in STANDS and now != after) or (code == "leaves" and now == facts.text("before", "")):
        return None
    work = await open_work(ledger, policy)
    when = reader_time(zone_of(policy, delivery.subject), beside=True)
    head = escape(oncall.handed_over(facts, delivery.subject, voice.name, when), LONGEST)
    notes = [escape(oncall.note_line(by, text, voice.name), LONGEST) for by, text in oncall.notes_of(facts)]
    return message([f"*{head}*", *incidents(work.incidents, voice), *notes])


def incidents(found: Sequence[Incident], voice: Voice) -> list[str]:
    """Every open incident in a line, the newest last."""
    if not found:
        return ["No incident is open."]
    lines = [_incident(each, voice) for each in found[:MOST_LISTED]]
    more = [f"and {len(found) - MOST_LISTED} more open incidents"] if len(found) > MOST_LISTED else []
    return [*lines, *more]


def _incident(each: Incident, voice: Voice) -> str:
    by = each.acknowledged_by
    whose = f"acknowledged by {voice.name(by)}" if by else "nobody acknowledged it"
    about = f"{each.id} {each.severity} in {each.environment}"
    return escape(f"● {about}, opened {span(voice.now - each.opened_at)} ago, {whose}", LONGEST)


def declared(policy: Policy, done: tuple[Taken, ...]) -> Message:
    """What whoever declared it sees at once."""
    lines = []
    for taken in done:
        each = taken.override
        voice = Voice(policy, each.declared_at)
        when = reader_time(zone_of(policy, each.rotation), beside=True)
        others = listed([voice.name(person) for person in taken.relieved])
        instead = f" Instead of {others}." if others else ""
        lines.append(f"*{escape(each.rotation)}* {escape(oncall.override(each, voice.name, when), LONGEST)}")
        if instead:
            lines.append(escape(instead))
        if taken.seats is not None:
            holders, found = [voice.name(person) for person in taken.seats], policy.on_call.get(each.rotation)
            leads = found is not None and bool(found.leads)
            said = oncall.seats_stay(voice.name(each.person), each.rotation, holders, leads=leads)
            lines.append(escape(said, LONGEST))
    ids = " and ".join(f"`/oncall override cancel {taken.override.id}`" for taken in done)
    lines.append(f"Everybody concerned is told, and so is the channel of incidents. {ids} takes it back.")
    return message(lines)


def cancelled(policy: Policy, override: Override) -> Message:
    """What whoever took it back sees at once."""
    voice = Voice(policy, override.declared_at)
    rotation = escape(override.rotation)
    said = f"{override.id} is taken back: {voice.who(override.person)} has {rotation} by it no longer."
    return message([f"{said} Everybody concerned is told."])
