"""`/oncall`: who is on call, overrides and swaps, and the hand-off with what is open."""

from typing import Final

from bot.domain.refusal import Refusal
from bot.flows import handoff as handing
from bot.flows import overrides as overriding
from bot.flows.asked_duty import ask_soon
from bot.flows.handoff import Roster, Work
from bot.flows.on_duty import zone_of
from bot.policy import Policy
from bot.ports import Transaction
from handlers.slack import help, oncall_form  # noqa: A004
from handlers.slack.blocks import Message, escape, message, reader_time
from handlers.slack.context import SlackContext
from handlers.slack.deploy import sub_command
from handlers.slack.listeners import later
from handlers.slack.oncall_note import LONGEST, MOST_LISTED, cancelled, declared, incidents
from handlers.slack.oncall_words import asked, override_id, wanted
from handlers.slack.payloads import Command
from handlers.slack.readers import reader
from handlers.slack.request_card import title
from handlers.slack.voice import Voice
from handlers.wording import oncall as wording
from handlers.wording.facts import listed
from handlers.wording.times import When

MOST_ROTATIONS: Final = 10
_CANCEL: Final = "cancel"


async def oncall(context: SlackContext, command: Command) -> Message | None:
    """`/oncall` alone is `/oncall who`. Raises Refusal for a word that is no sub-command."""
    word, _, rest = command.text.strip().partition(" ")
    name, rest = sub_command("/oncall", word or "who"), rest.strip()
    if name == "help" or rest.lower() == "help":
        return help.render("/oncall", None if name == "help" else name)
    if name == "override":
        return await _override(context, command, rest)
    if name == "handoff":
        return await _handoff(context, command, rest)
    return await _who(context, rest)


async def _who(context: SlackContext, rest: str) -> Message:
    policy = context.policy
    rotation, at = asked(rest, policy, context.clock.now())
    found = await handing.rosters(context.ledger, policy, rotation, at)
    if any(policy.on_call[each.duty.rotation].elsewhere for each in found):
        await context.ledger.write(lambda tx: _ask_again(tx, policy, found))
    return render(found, policy)


def _ask_again(tx: Transaction, policy: Policy, found: tuple[Roster, ...]) -> None:
    """Whoever looks sees what was told last, and the system that knows is asked anew."""
    for each in found:
        ask_soon(tx, policy, each.duty.rotation)


def render(found: tuple[Roster, ...], policy: Policy) -> Message:
    """One rotation after the other, times in the reader's zone and the rotation's beside it."""
    lines: list[str] = []
    for roster in found[:MOST_ROTATIONS]:
        lines += _roster(roster, policy)
    if len(found) > MOST_ROTATIONS:
        lines.append(f"and {len(found) - MOST_ROTATIONS} more rotations: `/oncall who ROTATION` shows one")
    return message(lines)


def _roster(roster: Roster, policy: Policy) -> list[str]:
    voice, when = _speech(policy, roster)
    lines = [escape(line, LONGEST) for line in wording.standing(roster, voice.name, when)]
    return [f"*{escape(roster.duty.rotation)}* · {escape(roster.zone)}", *lines]


def _speech(policy: Policy, roster: Roster) -> tuple[Voice, When]:
    voice = Voice(policy, roster.now)
    return voice, reader_time(zone_of(policy, roster.duty.rotation), beside=True)


async def _override(context: SlackContext, command: Command, rest: str) -> Message:
    policy, ledger = context.policy, context.ledger
    if not rest:
        person = await overriding.declarable(ledger, policy, command.asker)
        work = later(context, command.response_url, oncall_form.show(context, command, person))
        context.background.start(work, name="override-form")
        return message(["The form opens now. In a hurry: `/oncall help` shows how to write it in one line."])
    word, _, name = rest.partition(" ")
    if word.lower() == _CANCEL:
        if not name.strip():
            ids, others = await overriding.cancellable(ledger, policy, command.asker)
            raise Refusal("which-override", {"ids": [*ids], "others": others})
        wanted_id = override_id(name)
        done = await overriding.cancel(ledger, policy, command.asker, wanted_id, key=command.key)
        return cancelled(policy, done)
    person = command.asker.actor(policy).person or ""
    asked_for = wanted(rest, policy, context.clock.now(), person)
    return declared(
        policy, await overriding.declare(ledger, policy, command.asker, asked_for, key=command.key)
    )


async def _handoff(context: SlackContext, command: Command, rest: str) -> Message | None:
    policy = context.policy
    command.asker.actor(policy)
    word, _, text = rest.partition(" ")
    named = word if word in policy.on_call else None
    note = (text if named is not None else rest).strip()
    if note:
        await handing.leave_note(context.ledger, policy, command.asker, named, note, key=command.key)
    rotation = handing.rotation_named(policy, named)
    work = _handing(context, command, rotation)
    context.background.start(later(context, command.response_url, work), name="handoff")
    return message([f"Your note is kept for the next one in {escape(rotation)}."]) if note else None


async def _handing(context: SlackContext, command: Command, rotation: str) -> Message:
    policy = context.policy
    work = await handing.open_work(context.ledger, policy)
    reading = reader(context, command.asker)
    held = await reading.readable(work.held)
    reviews = await reading.readable(work.reviews)
    (roster,) = await handing.rosters(context.ledger, policy, rotation)
    shown = Work(incidents=work.incidents, held=tuple(held), freezes=work.freezes, reviews=tuple(reviews))
    return handoff(roster, shown, policy)


def handoff(roster: Roster, work: Work, policy: Policy) -> Message:
    """What is open, what was left for the next one, and how to leave more."""
    voice, when = _speech(policy, roster)
    lines = [*_roster(roster, policy), *incidents(work.incidents, voice)]
    lines += [f"● {each.id} {title(each)} stands still" for each in work.held[:MOST_LISTED]]
    for freeze in work.freezes[:MOST_LISTED]:
        until = "until somebody lifts it" if freeze.ends_at is None else f"until {when(freeze.ends_at)}"
        where = listed(list(freeze.environments)) or "everywhere"
        lines.append(escape(f"● Frozen: {where}, {freeze.name}, {until}", LONGEST))
    for each in work.reviews[:MOST_LISTED]:
        due = None if each.break_glass is None else each.break_glass.review_due
        at = "" if due is None else f", due {when(due)}"
        lines.append(escape(f"● {each.id} owes the review of its break-glass{at}", LONGEST))
    hidden = sum(max(0, len(each) - MOST_LISTED) for each in (work.held, work.freezes, work.reviews))
    lines += [f"and {hidden} more of these"] if hidden else []
    lines += [escape(line, LONGEST) for line in wording.kept_notes(roster.notes, voice.name)]
    rotation = escape(roster.duty.rotation)
    lines.append(
        f"`/oncall handoff {rotation} what the next one should know` leaves a note that goes over with it."
    )
    return message(lines)
