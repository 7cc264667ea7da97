"""The text of a status file (K3): the colour for programs on the first line, the rest for people, one thing a line."""

from datetime import datetime

from bot.domain.environment import Colour
from bot.domain.incident import Incident
from bot.flows.status_files import StatusFile
from handlers.wording.colours import details
from handlers.wording.facts import one_line
from handlers.wording.times import utc

_LONGEST = 500


def status_file(one: StatusFile) -> str:
    """The whole file. `Last Verified` is when the bot last found the colour to hold, by what it read no longer ago than
    the policy allows; a file that nobody renews is stale by it. UNKNOWN is no colour, and was not verified."""
    status = one.status
    lines = [status.colour.value]
    if status.colour is not Colour.UNKNOWN:
        lines.append(f"Last Verified: {utc(one.written_at)}")
    lines += [
        f"Environment: {status.name} of {_line(one.organization)}, which is in {one.state}",
        f"Since: {_at(status.since)}",
        f"Detail: {_line(details(status))}",
        f"Incident: {_incident(one.incident)}",
        f"Owner: {_line(one.owner or 'nobody in particular')}",
        f"Oldest Reading: {_at(status.verified_at)}",
        f"Written: {utc(one.written_at)} by Portcullis",
    ]
    return "\n".join(lines) + "\n"


def _incident(incident: Incident | None) -> str:
    if incident is None:
        return "none"
    who = f"acknowledged by {incident.acknowledged_by}" if incident.acknowledged_by else "not acknowledged"
    return _line(f"{incident.id}, {incident.severity}, open since {utc(incident.opened_at)}, {who}")


def _at(at: datetime | None) -> str:
    return "unknown" if at is None else utc(at)


def _line(text: str) -> str:
    """What others wrote stays on its line: no line of theirs could be taken for one of ours."""
    return one_line("".join(c if c.isprintable() else " " for c in text), _LONGEST)
