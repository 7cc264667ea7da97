"""The incident's message: what is RED, who answers for it and by when, what was seen, what changed shortly before."""

from typing import Final

from bot.domain.change_request import ChangeRequest
from bot.domain.environment import Colour, EnvironmentStatus
from bot.domain.incident import Incident, IncidentState
from bot.flows.inquire import IncidentView
from bot.policy import Policy
from handlers.slack.blocks import Block, Message, actions, button, escape, message
from handlers.slack.voice import Voice
from handlers.wording.colours import SIGNS, causes
from handlers.wording.facts import listed
from handlers.wording.times import span

ACKNOWLEDGE, RESOLVE = "incident_acknowledge", "incident_resolve"
"""The action_ids of its buttons."""
MOST_OTHERS: Final = 8


def render(view: IncidentView, policy: Policy) -> Message:
    """The message for the incident as it stands."""
    incident, voice = view.incident, Voice(policy, view.now)
    lines = [_first(view, voice), _who(incident, voice), _seen(view, voice)]
    lines += [line for line in (_before(view, voice), _others(view.others)) if line]
    if incident.is_open:
        lines.append(f"Only a fix may go now: `/deploy request … fixes={escape(incident.environment)}`")
    return message(lines, *actions(*_buttons(incident)))


def _first(view: IncidentView, voice: Voice) -> str:
    incident = view.incident
    where = escape(incident.environment)
    if not incident.is_open:
        lasted = span((incident.resolved_at or voice.now) - incident.opened_at)
        return f"*✓ RESOLVED · {where}* · {incident.id} · lasted {lasted}"
    colour = view.status.colour if view.status is not None else Colour.UNKNOWN
    since = escape(voice.when(incident.opened_at))
    return f"*{SIGNS[colour]} {colour.value} · {where} · {escape(incident.severity)}* · {incident.id} since {since}"


def _who(incident: Incident, voice: Voice) -> str:
    """Who has it. The person on call is called only while nobody has."""
    match incident.state:
        case IncidentState.RESOLVED:
            closer = voice.who(incident.resolved_by, "")
            at = escape(voice.when(incident.resolved_at)) if incident.resolved_at else "at an unknown time"
            return f"{f'Resolved by {closer}' if closer else 'It turned GREEN again'} {at}"
        case IncidentState.ACKNOWLEDGED:
            took = span((incident.acknowledged_at or voice.now) - incident.opened_at)
            return f"{voice.who(incident.acknowledged_by)} has it (answered after {took})"
    by = incident.respond_by
    if by is None:
        deadline = "answer as soon as you can"
    elif by > voice.now:
        deadline = f"answer by {escape(voice.when(by))}"
    else:
        deadline = f"an answer is overdue since {escape(voice.when(by))}"
    if incident.on_call is None:
        return f"Nobody is on call by the policy: {deadline}, whoever reads this"
    return f"{voice.call(incident.on_call)} you are on call: {deadline}"


def _seen(view: IncidentView, voice: Voice) -> str:
    status = view.status
    if status is None:
        return "The policy has no such environment any more"
    good = max((m.good_at for m in status.monitors if m.good_at is not None), default=None)
    last = f" · last good {escape(voice.when(good))}" if good and status.colour is not Colour.GREEN else ""
    if status.colour is Colour.GREEN:
        return "All its monitors pass now"
    return f"{escape(causes(status.causes) or listed(list(view.incident.causes)), 500)}{last}"


def _before(view: IncidentView, voice: Voice) -> str | None:
    """What went live in the hour before: a fact, and no claim that it is the cause."""
    if not view.changed:
        return "Nothing went live there through me in the hour before"
    told = [_change(request, view.incident, voice) for request in view.changed]
    return f"Changed shortly before: {'; '.join(told)}"


def _change(request: ChangeRequest, incident: Incident, voice: Voice) -> str:
    at = request.closing.at if request.closing else request.requested_at
    what = f"{request.id} {escape(request.service)} `{request.artifact.tag}`"
    return f"{what} by {voice.who(request.requester.person)}, live {span(incident.opened_at - at)} before"


def _others(others: tuple[EnvironmentStatus, ...]) -> str | None:
    if not others:
        return None
    told = [f"{SIGNS[s.colour]} {escape(s.name)} {s.colour.value}" for s in others[:MOST_OTHERS]]
    more = f" · and {len(others) - MOST_OTHERS} more" if len(others) > MOST_OTHERS else ""
    return "Elsewhere: " + " · ".join(told) + more


def _buttons(incident: Incident) -> list[Block]:
    resolve = button(RESOLVE, "Resolve", incident.id)
    match incident.state:
        case IncidentState.OPEN:
            return [button(ACKNOWLEDGE, "Acknowledge", incident.id, "primary"), resolve]
        case IncidentState.ACKNOWLEDGED:
            return [resolve]
        case _:
            return []
