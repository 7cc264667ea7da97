"""Thread lines, announcements and notices as messages."""

from collections.abc import Mapping

from bot.domain.owed import Delivery
from bot.flows.inquire import RequestView
from bot.policy import Policy
from handlers.slack.blocks import Message, escape, message
from handlers.slack.incident_card import called
from handlers.slack.request_card import title
from handlers.slack.voice import Voice
from handlers.wording import incidents, rollouts
from handlers.wording.blindness import WATCH_NOTICES
from handlers.wording.break_glass import GLASS_NOTES
from handlers.wording.facts import Facts, listed
from handlers.wording.notes import POLICY_NOTICES, REQUEST_NOTES, SECURITY_EVENTS, Word, note
from handlers.wording.times import span

TIMED = {"request-note": rollouts.NOTES, "incident-note": incidents.NOTES}
"""Lines that name an instant."""
NOTES: Mapping[str, Mapping[str, Word]] = {
    "request-note": {**REQUEST_NOTES, **GLASS_NOTES},
    "incident-note": {},
    "policy-notice": POLICY_NOTICES,
    "watch-notice": WATCH_NOTICES,
    "security-event": SECURITY_EVENTS,
}


def render(delivery: Delivery, voice: Voice, *, alone: bool = False) -> Message:
    """One line about what happened; `alone`: outside its thread, so it names its subject."""
    facts = Facts(delivery.facts)
    timed = TIMED.get(delivery.kind, {}).get(facts.text("code"))
    said = (
        # An incident's deadlines are durations: the reader's own time says all of it, and the policy's nothing more.
        timed(facts, voice.name, voice.when if delivery.kind == "incident-note" else voice.deciding)
        if timed is not None
        else note(NOTES[delivery.kind], delivery.facts, voice.name)
    )
    text = escape(said, 2500)
    about = f"*{escape(delivery.subject)}*: " if alone else ""
    return message([f"{about}{called(delivery, voice)}{text}"])


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
