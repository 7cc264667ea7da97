"""Every gate with its evidence, its age, its cause and what unblocks it: the *Details* button and `/deploy why`."""

from datetime import datetime

from bot.domain.change_request import RequestState
from bot.domain.fingerprint import short
from bot.domain.outcome import GateOutcome, worst_first
from bot.flows.inquire import RequestView, Why, why
from bot.gates import Earliest
from bot.policy import Policy
from handlers.slack.blocks import Message, escape, message
from handlers.slack.context import SlackContext
from handlers.slack.listeners import later
from handlers.slack.payloads import Press
from handlers.slack.readers import reader
from handlers.slack.request_card import title
from handlers.slack.voice import Voice
from handlers.wording.authority import THEM, did_not_answer, why_uncounted
from handlers.wording.facts import Facts, short_digest
from handlers.wording.requests import stands
from handlers.wording.times import ago, ahead

MOST_CITED = 4
MOST_ABLE = 10


async def pressed(context: SlackContext, press: Press) -> None:
    """Details: the gates are asked anew after the ack, and the answer is for this person alone."""
    work = _read(context, press)
    context.background.start(later(context, press.response_url, work), name=f"details-{press.value}")


async def _read(context: SlackContext, press: Press) -> Message:
    await reader(context, press.asker).request(press.value)
    return await answer(context, press.value)


async def answer(context: SlackContext, request_id: str) -> Message:
    """Ask the gates and tell. Raises Refusal."""
    policy = context.policy
    found = await why(context.ledger, policy, context.collector, context.clock, request_id)
    return render(found, policy)


def render(found: Why, policy: Policy) -> Message:
    """All of it, in as many sections as it takes."""
    view = found.view
    request, voice = view.request, Voice(policy, view.now)
    lines = [f"*{request.id} {stands(request)}: {title(request)}*", _when(found, voice)]
    under_way = request.state is RequestState.STARTING
    earliest = None if under_way else found.earliest
    if under_way:
        lines.append(
            f"It has started, so no gate stops it any more. How far it is: `/deploy status {request.id}`"
        )
    if earliest is not None:
        lines += earliest_lines(earliest, voice)
    for outcome in worst_first(found.outcomes):
        lines += _gate(outcome, voice, None if earliest is None else earliest.at, cure=not under_way)
    if not found.outcomes:
        lines.append("No gate was asked: without any, nothing passes.")
    lines += _people(view, voice)
    if request.fingerprint:
        lines.append(
            f"Fingerprint `{short(request.fingerprint)}` = `{escape(request.fingerprint)}`, revision {request.revision}"
        )
    if request.readiness is not None:
        lines.append(f"Policy `{short_digest(request.readiness.policy_digest)}`")
    return message(lines)


def _people(view: RequestView, voice: Voice) -> list[str]:
    """Seat by seat who could fill it, whose click did not count, and which sources of roles were silent."""
    if not view.request.is_open:
        return []
    fill = zip(view.quorum.seats, view.could_fill, strict=False)
    lines = [
        f"○ *empty* · {escape(' or '.join(seat.roles), 90)}: {_able(able, voice)}"
        for seat, able in fill
        if seat.person is None
    ]
    lines += [
        f"✗ *not counted* · {voice.who(u.person)}: {escape(why_uncounted(u.code, Facts(u.facts)), 300)}"
        for u in view.uncounted
    ]
    return lines + [
        f"? *unknown* · {escape(did_not_answer(source, code, THEM), 300)}" for source, code in view.silent
    ]


def _able(able: tuple[str, ...], voice: Voice) -> str:
    named = ", ".join(voice.who(person) for person in able[:MOST_ABLE])
    if not able:
        return "nobody is known who could fill it"
    return f"{named} could" if len(able) <= MOST_ABLE else f"{named} and {len(able) - MOST_ABLE} more could"


def _when(found: Why, voice: Voice) -> str:
    if found.fresh:
        return "Asked just now:"
    readiness = found.view.request.readiness
    if readiness is None:
        return "It ended before any gate was asked."
    return f"It is over; the gates said this {ago(readiness.judged_at, voice.now)}:"


def earliest_lines(earliest: Earliest, voice: Voice) -> list[str]:
    """The instant at which everything known passes, where it is another than the one asked about; and what will be
    too old by then."""
    if earliest.at is None or earliest.at == earliest.asked.judged_at:
        return []
    lines = [f"*Earliest start {escape(voice.deciding(earliest.at))} ({ahead(earliest.at, voice.now)})*"]
    lines += [f"⚠ by then too old: {escape(voice.gate(old).text, 200)}" for old in earliest.ages]
    return lines


def _gate(outcome: GateOutcome, voice: Voice, earliest: datetime | None, *, cure: bool) -> list[str]:
    line = voice.gate(outcome, earliest)
    lines = [f"{line.sign} *{line.word}* · {escape(outcome.gate)}: {escape(line.text)}"]
    if line.unblocks and cure:
        lines.append(f"      → {escape(line.unblocks)}")
    cited = [
        escape(c.source, 80) + (f", {ago(c.at, voice.now)}" if c.at is not None else "")
        for c in outcome.cites[:MOST_CITED]
    ]
    if cited:
        lines.append(f"      _stated by {'; '.join(cited)}_")
    return lines
