"""Thread lines, announcements and notices as messages."""

from bot.domain.owed import Delivery
from bot.flows.inquire import RequestView
from bot.policy import Policy
from handlers.slack.blocks import Message, escape, message
from handlers.slack.request_card import title
from handlers.slack.voice import Voice
from handlers.wording import rollouts
from handlers.wording.break_glass import GLASS_NOTES
from handlers.wording.facts import Facts, listed
from handlers.wording.notes import INCIDENT_NOTES, POLICY_NOTICES, REQUEST_NOTES, SECURITY_EVENTS, note
from handlers.wording.times import span

NOTES = {
    "request-note": {**REQUEST_NOTES, **GLASS_NOTES},
    "incident-note": INCIDENT_NOTES,
    "policy-notice": POLICY_NOTICES,
    "security-event": SECURITY_EVENTS,
}


def render(delivery: Delivery, voice: Voice, *, alone: bool = False) -> Message:
    """One line about what happened; `alone`: outside its thread, so it names its subject."""
    facts = Facts(delivery.facts)
    timed = rollouts.NOTES.get(facts.text("code")) if delivery.kind == "request-note" else None
    said = (
        timed(facts, voice.name, voice.deciding)
        if timed is not None
        else note(NOTES[delivery.kind], delivery.facts, voice.name)
    )
    text = escape(said, 2500)
    about = f"*{escape(delivery.subject)}*: " if alone else ""
    return message([f"{about}{text}"])


def security(delivery: Delivery, view: RequestView, policy: Policy) -> Message:
    """A security event, with the request that brought it to light."""
    voice = Voice(policy, view.now)
    text = escape(note(SECURITY_EVENTS, delivery.facts, voice.name), 2500)
    who = voice.who(view.request.requester.person)
    return message([f"*✗ {text}*", f"{view.request.id} {title(view.request)}, asked by {who}"])


def announcement(delivery: Delivery, view: RequestView, policy: Policy) -> Message:
    """What went live, for everybody."""
    request, voice = view.request, Voice(policy, view.now)
    approvers = [voice.name(seat.person) for seat in view.quorum.seats if seat.person]
    seconds = Facts(delivery.facts).number("seconds")
    at = request.closing.at if request.closing else None
    took = span(at - (request.approved_at or request.requested_at)) if at else f"{seconds} s"
    by = f", approved by {escape(listed(approvers))}" if approvers else ""
    return message(
        [
            f"✓ *Live: {title(request)}*  {request.id}",
            f"Asked by {voice.who(request.requester.person)}{by} · {took} after the approval",
        ]
    )
