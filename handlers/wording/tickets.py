"""The ticket of an incident in words: for an issue tracker, whose readers may know nothing of this bot (P21)."""

from typing import Final

from bot.domain.environment import Colour
from bot.domain.incident import Cause
from bot.flows.inquire import IncidentView
from handlers.wording.colours import causes
from handlers.wording.facts import listed, one_line
from handlers.wording.markdown import md
from handlers.wording.postmortem import Names
from handlers.wording.times import When
from handlers.wording.visible import visible

TITLE: Final = 200
"""Characters of a title."""


def title(view: IncidentView) -> str:
    """What is wrong where: `INC-7: production is RED (P0)`."""
    incident = view.incident
    match incident.cause:
        case Cause.DECLARED:
            what = f"{incident.title or 'an incident'} ({incident.environment})"
        case Cause.DEPLOYMENT:
            what = f"a deployment to {incident.environment} went wrong"
        case Cause.BLINDNESS:
            what = f"monitoring is blind, {incident.environment} included"
        case Cause.MONITORS:
            what = f"{incident.environment} is RED"
    # Plain text, but a name in it must call nobody.
    said = visible(f"{incident.id}: {what} ({incident.severity})")
    return one_line(said, TITLE).replace("@", "@\u2060")


def body(view: IncidentView, names: Names, when: When) -> str:
    """What is known of it when the ticket is opened; the thread in Slack knows the rest."""
    incident, suspect, status = view.incident, view.suspect, view.status
    red = () if status is None or status.colour is not Colour.RED else status.causes
    seen = causes(red) or listed(list(incident.causes)) or "no monitor says why"
    lines = [
        f"- Environment: {md(incident.environment)}",
        f"- Severity: {md(incident.severity)}",
        f"- Since: {when(incident.opened_at)}",
        f"- Seen: {md(seen)}",
        f"- On call: {md(names(incident.on_call)) if incident.on_call else 'nobody'}",
    ]
    if suspect is not None:
        what = f"{suspect.id} ({suspect.service} {suspect.artifact.tag})"
        by = names(suspect.requester.person or "somebody")
        lines.append(
            f"- Went live shortly before: {md(f'{what} by {by}')}. That is no claim that it was this."
        )
    lines += [
        "",
        f"Its timeline is the thread of {incident.id} in Slack. Resolving it there does not close this.",
    ]
    return "\n".join(lines) + "\n"
