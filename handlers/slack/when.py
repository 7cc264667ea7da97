"""`/deploy when SERVICE ENVIRONMENT [ARTIFACT]`: the earliest start, what stands before it, and the command to ask."""

from typing import Final

from bot.domain.outcome import GateOutcome, Readiness, Status, worst_first
from bot.domain.refusal import Refusal
from bot.flows.when import Wanted, When, askable, when
from bot.policy import Policy
from handlers.slack.blocks import Message, escape, message
from handlers.slack.context import SlackContext
from handlers.slack.listeners import later
from handlers.slack.payloads import Command
from handlers.slack.readers import reader
from handlers.slack.voice import Voice
from handlers.wording.facts import listed, plural
from handlers.wording.times import ago, ahead

USAGE: Final = "/deploy when SERVICE ENVIRONMENT [ARTIFACT]"
_FEWEST, _MOST = 2, 3
_STEPS_SHOWN: Final = 5


async def command(context: SlackContext, asked: Command, rest: str) -> Message:
    """Say what is looked up; the answer comes after the ack, for this person alone. Raises Refusal."""
    wanted = _wanted(rest)
    askable(context.policy, wanted)
    await reader(context, asked.asker).environment(wanted.environment)
    work = answer(context, wanted)
    context.background.start(later(context, asked.response_url, work), name="when")
    what = f"{escape(wanted.service)}{f' `{wanted.artifact}`' if wanted.artifact else ''}"
    return message([f"Looking for the earliest start of {what} in {escape(wanted.environment)} …"])


def _wanted(text: str) -> Wanted:
    words = text.split()
    if len(words) < _FEWEST:
        raise Refusal("too-few-words", {"missing": ("service", "environment")[len(words)], "usage": USAGE})
    if len(words) > _MOST:
        raise Refusal("too-many-words", {"name": words[_MOST][:40], "usage": USAGE})
    return Wanted(service=words[0], environment=words[1], artifact=words[2] if len(words) == _MOST else None)


async def answer(context: SlackContext, wanted: Wanted) -> Message:
    """Ask the gates and tell. Raises Refusal."""
    policy = context.policy
    found = await when(context.ledger, policy, context.collector, context.clock, wanted)
    return render(found, policy)


def render(found: When, policy: Policy) -> Message:
    """The instant first, then what stands before it, then what time does not cure, then the command."""
    voice = Voice(policy, found.now)
    asked, then = found.earliest.asked, found.earliest.readiness
    lines = [_head(found, voice), *_version(found, voice)]
    lines += _waiting(asked, voice)
    for step in found.earliest.steps[:_STEPS_SHOWN]:
        lines += [f"Then, {escape(voice.deciding(step.judged_at))}:", *_waiting(step, voice)]
    lines += _cures(found, voice)
    lines += [
        f"⚠ by then too old unless it is stated again: {escape(voice.gate(old).text, 200)}"
        for old in found.earliest.ages
    ]
    passed = asked.only(Status.PASSED)
    if passed:
        lines.append(f"✓ {plural(len(passed), 'gate')} {'passes' if len(passed) == 1 else 'pass'} already")
    if found.earliest.at is not None:
        lines += [f"⚠ {escape(voice.gate(o).text, 300)}: takes a reason" for o in then.only(Status.WARNED)]
    return message([*lines, *_command(found)])


def _head(found: When, voice: Voice) -> str:
    what = f"{escape(found.service)}" + (f" `{found.artifact}`" if found.artifact else "")
    where = f"{what} → {escape(found.environment)}"
    at, asked = found.earliest.at, found.earliest.asked
    if at is not None and at == asked.judged_at:
        return f"*✓ {where}: everything known passes now*"
    if at is not None:
        return f"*◷ {where}: earliest start {escape(voice.deciding(at))} ({ahead(at, found.now)})*"
    if not asked.outcomes:
        return f"*? {where}: no gate was asked, and nothing passes without one*"
    then = found.earliest.readiness
    if (asked.status, then.status) == (Status.WAITING, Status.WAITING) and then.awaits:
        return (
            f"*◷ {where}: nobody knows when, it waits until {escape(listed(list(then.awaits), 3))} is lifted*"
        )
    return f"*✗ {where}: time alone does not get it there*"


def _version(found: When, voice: Voice) -> list[str]:
    """Which version is meant, where nobody named one."""
    if found.found_in is not None and found.found_at is not None:
        where = escape(found.found_in)
        return [f"The newest version in {where}, deployed there {ago(found.found_at, voice.now)}."]
    if found.artifact is not None:
        return []
    place = "The calendar and the environments alone were asked"
    if found.looked_in is not None:
        return [f"Nothing of {escape(found.service)} is known to run in {escape(found.looked_in)}. {place}."]
    return [f"Nothing is promoted to {escape(found.environment)}, and no version was named. {place}."]


def _waiting(readiness: Readiness, voice: Voice) -> list[str]:
    return [_line(outcome, voice) for outcome in readiness.only(Status.WAITING)]


def _line(outcome: GateOutcome, voice: Voice) -> str:
    line = voice.gate(outcome)
    return f"{line.sign} {escape(outcome.gate)}: {escape(line.text, 400)}"


def _cures(found: When, voice: Voice) -> list[str]:
    """What time alone does not cure, now or when time has done its part, with what does."""
    asked, then = found.earliest.asked, found.earliest.readiness
    held = (Status.BLOCKED, Status.UNKNOWN)
    now = worst_first(asked.only(*held))
    gates = {outcome.gate for outcome in now}
    later_on = [o for o in worst_first(then.only(*held)) if o.gate not in gates]
    waits = {o.gate for o in asked.outcomes if o.awaits}
    events = [o for o in asked.outcomes if o.awaits] + [
        o for o in then.outcomes if o.awaits and o.gate not in waits
    ]
    lines = [] if not (now or later_on) else ["*Time alone does not cure:*"]
    for outcome in [*now, *later_on]:
        lines += [_line(outcome, voice), *_unblocks(outcome, voice)]
    if now or later_on:
        at = then.judged_at
        if at > asked.judged_at and not then.awaits:
            lines.append(
                f"With that mended, not before {escape(voice.deciding(at))} ({ahead(at, found.now)})."
            )
    for outcome in events:
        shown = [] if outcome in asked.outcomes else [_line(outcome, voice)]
        lines += [*shown, *_unblocks(outcome, voice)]
    return lines


def _unblocks(outcome: GateOutcome, voice: Voice) -> list[str]:
    cure = voice.gate(outcome).unblocks
    return [f"      → {escape(cure, 400)}"] if cure else []


def _command(found: When) -> list[str]:
    """What to type, to copy."""
    if found.artifact is None:
        return []
    asked = found.earliest.asked
    start = "" if asked.may_start else " at=next"
    typed = f"/deploy request {found.service} {found.artifact} {found.environment}{start}"
    lines = [f"`{escape(typed)}`"]
    if found.wants_ticket:
        lines.append("The policy wants a ticket with it: add ticket=…")
    if found.wants_checklist:
        lines.append("A checklist has to be ticked once it is asked for: `/deploy checklist ID`")
    return lines
