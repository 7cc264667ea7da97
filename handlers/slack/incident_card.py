"""The incident's message: what is RED, who answers for it and by when, what was seen, what changed shortly before."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from bot.domain.change_request import ChangeRequest
from bot.domain.environment import Colour, EnvironmentStatus
from bot.domain.incident import Cause, Incident, IncidentState
from bot.domain.owed import Delivery
from bot.flows.inquire import IncidentView
from bot.policy import Policy
from handlers.slack.blocks import Block, Message, actions, button, escape, message
from handlers.slack.voice import Voice
from handlers.wording.colours import SIGNS, causes
from handlers.wording.facts import Facts, listed, plural
from handlers.wording.incidents import ENDED, place
from handlers.wording.times import span

ACKNOWLEDGE, RESOLVE, ESCALATE = "incident_acknowledge", "incident_resolve", "incident_escalate"
ROLL_BACK, NOT_THIS, WAS_THIS = "incident_roll_back", "incident_not_this", "incident_was_this"
"""The action_ids of its buttons."""
MOST_OTHERS: Final = 8
_CALLED: Final = {"told": "people", "still-red": "people", "suspect": "person"}


def render(view: IncidentView, policy: Policy) -> Message:
    """The message for the incident as it stands."""
    return message(lines(view, policy), *actions(*_buttons(view)))


def lines(view: IncidentView, policy: Policy) -> list[str]:
    """What the message says, for the card and for a page."""
    incident, voice = view.incident, Voice(policy, view.now)
    said: list[str | None] = [
        _first(view, voice),
        _who(view, voice),
        _seen(view, voice),
        _before(view, voice),
    ]
    said += [_alike(view), _others(view), _going_back(incident)]
    found = [line for line in said if line]
    if incident.is_open:
        found.append(f"Only a fix may go now: `/deploy request … fixes={escape(incident.environment)}`")
    return found


def _first(view: IncidentView, voice: Voice) -> str:
    incident = view.incident
    where = escape(incident.environment)
    if not incident.is_open:
        lasted = span((incident.resolved_at or voice.now) - incident.opened_at)
        return f"*✓ RESOLVED · {where}* · {incident.id} · lasted {lasted}"
    since = escape(voice.when(incident.opened_at))
    severity = escape(incident.severity)
    match incident.cause:
        case Cause.DECLARED:
            head = f"‼ {escape(incident.title or 'Incident', 160)} · {where} · {severity}"
        case Cause.DEPLOYMENT:
            head = f"‼ DEPLOYMENT WENT WRONG · {where} · {severity}"
        case Cause.BLINDNESS:
            head = f"‼ MONITORING IS BLIND · {where} · {severity}"
        case Cause.MONITORS:
            colour = view.status.colour if view.status is not None else Colour.UNKNOWN
            head = f"{SIGNS[colour]} {colour.value} · {where} · {severity}"
    return f"*{head}* · {incident.id} since {since}"


def _who(view: IncidentView, voice: Voice) -> str:
    """Who has it. The person on call is called only while nobody has."""
    incident = view.incident
    match incident.state:
        case IncidentState.RESOLVED:
            closer = voice.who(incident.resolved_by, "")
            at = escape(voice.when(incident.resolved_at)) if incident.resolved_at else "at an unknown time"
            itself = "Monitoring sees" if incident.cause is Cause.BLINDNESS else "It turned GREEN"
            return f"{f'Resolved by {closer}' if closer else f'{itself} again'} {at}"
        case IncidentState.ACKNOWLEDGED:
            took = span((incident.answered_at or voice.now) - incident.opened_at)
            first = "answered" if incident.first_answered_at is None else "first answered"
            return f"{voice.who(incident.acknowledged_by)} has it ({first} after {took})"
        case IncidentState.OPEN:
            return _nobody_yet(view, voice)


def _nobody_yet(view: IncidentView, voice: Voice) -> str:
    incident, chain = view.incident, view.incident.escalation
    if incident.muted_by is not None:
        first = escape(incident.muted_by)
        return f"Nobody is paged for this: {first} comes first, and is in trouble as well"
    if incident.group is not None and not incident.leads:
        return f"Nobody has it yet; the page of {incident.group} tells of it as well"
    if chain is not None and chain.exhausted and chain.next_at is None:
        return "Nobody answered, and nobody else is paged: whoever reads this, press *Acknowledge*"
    until = deadline(view, voice)
    step = f" · step {chain.level} of {len(chain.steps)} told" if chain is not None and chain.told > 1 else ""
    more = len(view.waiting) - 1
    also = (
        f" · its page tells of {plural(more, 'other')}, and *Acknowledge* takes them all" if more > 0 else ""
    )
    return f"{_asked(view, voice, until)}{step}{also}"


def _asked(view: IncidentView, voice: Voice, until: str) -> str:
    """Who is asked now: the step that was told last says so, which need not be whoever was on call at first."""
    on_call = view.incident.on_call
    people = [each for each in view.asked if ":" not in each]
    places = [each for each in view.asked if ":" in each]
    called = listed([voice.call(each) for each in people if each != on_call], MOST_OTHERS)
    if people and on_call not in people:
        return f"{called} you are asked now: {until}"
    if places and not people:
        told = escape(listed([place(each) for each in places], MOST_OTHERS))
        return f"{told} heard of it last: {until}, whoever reads this"
    if on_call is None:
        return f"Nobody is on call by the policy: {until}, whoever reads this"
    also = f", {called} you are asked as well" if called else ""
    return f"{voice.call(on_call)} you are on call{also}: {until}"


def deadline(view: IncidentView, voice: Voice) -> str:
    """By when somebody has to answer, as the thread says it; and since when that is late by the severity."""
    by, late = view.answer_by, view.late_since
    overdue = "" if late is None else f"an answer is overdue since {escape(voice.when(late))}"
    if by is None:
        return "answer as soon as you can"
    if by > voice.now:
        return f"answer by {escape(voice.when(by))}" + (f" ({overdue})" if overdue else "")
    return overdue or f"an answer is overdue since {escape(voice.when(by))}"


def _seen(view: IncidentView, voice: Voice) -> str:
    status = view.status
    if status is None:
        return "The policy has no such environment any more"
    # of what is named here alone, and what never passed was never good
    passed = [m.good_at for m in status.causes]
    good = min((at for at in passed if at is not None), default=None) if all(passed) else None
    last = f" · last good {escape(voice.when(good))}" if good and status.colour is not Colour.GREEN else ""
    if status.colour is Colour.GREEN:
        return "All its monitors pass now"
    return f"{escape(causes(status.causes) or listed(list(view.incident.causes)), 500)}{last}"


def _before(view: IncidentView, voice: Voice) -> str:
    """What changed in the hour before: a fact, and no claim that it is the cause. What people said of it stands
    beside it."""
    changed = list(view.changed)
    if view.suspect is not None and all(request.id != view.suspect.id for request in changed):
        changed.insert(0, view.suspect)
    if not changed:
        return "Nothing changed there through me in the hour before"
    told = [_change(request, view.incident, voice) for request in changed]
    return f"Changed shortly before: {'; '.join(told)}"


def _change(request: ChangeRequest, incident: Incident, voice: Voice) -> str:
    what = f"{request.id} {escape(request.service)} `{escape(request.artifact.tag)}`"
    how = ENDED.get(request.state, request.state.value)
    if request.closing is not None and (passed := incident.opened_at - request.closing.at) >= timedelta(0):
        how = f"{how} {span(passed)} before" if passed else how.rstrip(",")
    word = next((j for j in reversed(incident.judged) if j.request == request.id), None)
    judged = ""
    if word is not None:
        judged = f" ({voice.who(word.by)}: {'it was this' if word.related else 'it was not this'})"
    return f"{what} by {voice.who(request.requester.person)}, {how}{judged}"


def _alike(view: IncidentView) -> str | None:
    """Where else the suspect's version runs, and how it does there: it speaks for it or against it, and proves nothing."""
    if view.suspect is None or not view.incident.is_open:
        return None
    if not view.alike:
        return f"No other environment runs {view.suspect.id}'s version"
    told = [f"{SIGNS[each.colour]} {escape(each.environment)} {each.colour.value}" for each in view.alike]
    return f"The same version elsewhere: {' · '.join(told[:MOST_OTHERS])}"


def _others(view: IncidentView) -> str | None:
    alike = {each.environment for each in view.alike} if view.incident.is_open else set()
    others: Sequence[EnvironmentStatus] = [s for s in view.others if s.name not in alike]
    if not others:
        return None
    told = [f"{SIGNS[s.colour]} {escape(s.name)} {s.colour.value}" for s in others[:MOST_OTHERS]]
    more = f" · and {len(others) - MOST_OTHERS} more" if len(others) > MOST_OTHERS else ""
    return "Elsewhere: " + " · ".join(told) + more


def _going_back(incident: Incident) -> str | None:
    back, ticket = incident.rolled_back_by, incident.ticket
    said = [f"Rollback: {escape(back)}"] if back else []
    said += [f"Ticket: {escape(ticket)}"] if ticket else []
    return " · ".join(said) or None


def _buttons(view: IncidentView) -> list[Block]:
    incident = view.incident
    if not incident.is_open:
        return []
    resolve = button(RESOLVE, "Resolve", incident.id)
    escalate = [] if _exhausted(incident) else [button(ESCALATE, "Escalate", incident.id)]
    if incident.state is IncidentState.ACKNOWLEDGED:
        return [*_suspect_buttons(view), *escalate, resolve]
    first = button(ACKNOWLEDGE, "Acknowledge", incident.id, "primary")
    return [first, *_suspect_buttons(view), *escalate, resolve]


def _exhausted(incident: Incident) -> bool:
    return incident.escalation is not None and incident.escalation.exhausted


def _suspect_buttons(view: IncidentView) -> list[Block]:
    """*Roll back* while there is something to take back, and the word on the suspect that nobody has said yet."""
    incident, suspect = view.incident, view.suspect
    if suspect is None:
        return []
    pair = f"{incident.id} {suspect.id}"
    said = {judged.request for judged in incident.judged}
    cleared = suspect.id in incident.cleared
    found = []
    if view.reached and incident.rolled_back_by is None and not cleared:
        found.append(button(ROLL_BACK, "Roll back", pair))
    if not cleared:
        found.append(button(NOT_THIS, "Not this deployment", pair))
    if cleared or suspect.id not in said:
        found.append(button(WAS_THIS, "It was this", pair))
    return found


def called(delivery: Delivery, voice: Voice) -> str:
    """The mentions that a line of the thread begins with: whoever is told by it, and nobody who cannot act."""
    facts = Facts(delivery.facts)
    code = facts.text("code")
    key = _CALLED.get(code)
    if delivery.kind != "incident-note" or key is None:
        return ""
    people = facts.texts(key) or [facts.text(key, "")]
    found = "".join(f"{voice.call(person)} " for person in people if person and person in voice.policy.people)
    if code == "suspect":  # the line speaks to them, by whatever name
        return f"{found.strip() or voice.who(facts.text('person', ''), '')}, ".removeprefix(", ")
    return found
