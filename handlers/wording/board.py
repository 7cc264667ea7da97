"""The board in words: what is wrong first, what to do next, uptime and incidents. Plain text: each surface escapes it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from bot.domain.board import Answered, Board, Line, Next, Standing, Step
from bot.domain.environment import Colour, EnvironmentStatus
from bot.domain.incident import Cause, Incident, IncidentState
from bot.domain.uptime import Spent, Uptime
from bot.policy import Policy
from handlers.wording.colours import SIGNS, details
from handlers.wording.facts import listed, one_line, plural
from handlers.wording.said import Names
from handlers.wording.times import ago, span

KINDS: Final[Mapping[str, str]] = {
    "http": "HTTP",
    "tcp": "TCP",
    "file": "status file",
    "command": "command",
    "heartbeat": "heartbeat",
    "alertmanager": "Alertmanager",
    "prometheus": "Prometheus",
}
STATES: Final[Mapping[IncidentState, str]] = {
    IncidentState.OPEN: "open, nobody has it yet",
    IncidentState.ACKNOWLEDGED: "being worked on",
    IncidentState.RESOLVED: "over",
}
_DO: Final[Mapping[Next, str]] = {
    Next.FIX: "Then fix",
    Next.VERIFY: "Verify in full",
    Next.WATCH: "Give it a monitor",
    Next.LOOK: "Look at the warning, then verify in full",
}
LONGEST: Final = 400
"""Characters of one detail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """Who reads. The public is told no name of a person, and nothing that a program or a person wrote."""

    names: Names
    people: frozenset[str]
    public: bool = False

    def owner(self, owner: str | None) -> str | None:
        """An owner's name as this audience may read it; a role is nobody in particular."""
        if owner is None or (self.public and owner in self.people):
            return None
        return self.names(owner)


def audience_of(policy: Policy, *, public: bool) -> Audience:
    """Whoever reads under this policy."""

    def name(person: str) -> str:
        found = policy.people.get(person)
        return one_line((found.name if found is not None else None) or person, LONGEST)

    return Audience(names=name, people=frozenset(policy.people), public=public)


def headline(board: Board) -> str:
    """The one sentence to read: what is to be done first, or that all is well."""
    return headline_of(board.steps)


def headline_of(steps: Sequence[Step]) -> str:
    """The headline over these next steps."""
    if not steps:
        return "All environments are GREEN"
    if steps[0].what is Next.FIX:
        return f"Fix first: {steps[0].environment}"
    places = [step.environment for step in steps if step.what in (Next.VERIFY, Next.WATCH)]
    if places:
        return f"Nothing is RED; nobody knows how {listed(places, 3)} {'is' if len(places) == 1 else 'are'}"
    warned = [step.environment for step in steps]
    return f"All work; {listed(warned, 3)} {'warns' if len(warned) == 1 else 'warn'}"


def counted(board: Board) -> str:
    """How many environments have each colour, the worst first: `1 RED, 4 GREEN`."""
    found = [each.colour for each in board.standings]
    order = sorted(Colour, key=lambda colour: -colour.rank)
    return ", ".join(f"{found.count(colour)} {colour.value}" for colour in order if colour in found)


def told(step: Step, board: Board) -> str:
    """What to do: `Fix first`, `Then fix`, `Verify in full` …"""
    first = next((each for each in board.steps if each.what is Next.FIX), None)
    return "Fix first" if step is first else _DO[step.what]


def why(step: Step, board: Board, audience: Audience) -> str:
    """Since when, why, whose it is, and the incident where one is open."""
    parts = [since(step.status, board.at) if step.since else "never verified", detail(step.status, audience)]
    owner = audience.owner(step.owner)
    parts += [f"owner {owner}" if owner else "nobody is named as its owner"] if not audience.public else []
    if step.incident is not None:
        parts.append(f"{step.incident.id} is {STATES[step.incident.state]}")
    return " · ".join(parts)


def detail(status: EnvironmentStatus, audience: Audience) -> str:
    """K2's detail line. What a check says of itself is not for the public: it may name hosts."""
    if audience.public:
        status = replace(status, monitors=tuple(replace(m, facts={}) for m in status.monitors))
    return one_line(details(status), LONGEST)


def line_detail(line: Line, audience: Audience) -> str:
    """The same of a component. Its name stands before it already, where a monitor has no other one."""
    said = detail(line.status, audience)
    alone = [*line.kinds] == [line.name] and line.status.colour is not Colour.GREEN
    return said.removeprefix(f"{line.name} ") if alone else said


def since(status: EnvironmentStatus, now: datetime) -> str:
    """`GREEN for 3 h`, or the colour alone where nobody knows since when."""
    if never_read(status):
        return f"{status.colour.value}, never read yet"
    if status.since is None:
        return status.colour.value
    return f"{status.colour.value} for {span(now - status.since)}"


def never_read(status: EnvironmentStatus) -> bool:
    """Whether nothing of what makes it UNKNOWN was ever read: that lasts for no time that anybody measured."""
    found = status.causes
    return status.colour is Colour.UNKNOWN and bool(found) and all(m.read_at is None for m in found)


def verified(status: EnvironmentStatus, now: datetime) -> str:
    """When all of it was last read, good or bad."""
    return f"verified {ago(status.verified_at, now)}" if status.verified_at else "never verified in full"


def by_what(line: Line) -> str:
    """Which monitors say so, and of what kind they are: `api (HTTP) and db (TCP)`."""
    return listed([f"{name} ({KINDS.get(kind, kind)})" for name, kind in line.kinds.items()], 3)


def percent(share: float) -> str:
    """A share of the time, never rounded up: 100 % is said of nothing that failed for a second."""
    hundredths = int(share * 10_000 + 1e-6)
    if hundredths == 10_000 and share < 1:  # noqa: PLR2004 -- all of them
        hundredths -= 1
    return f"{hundredths / 100:.2f}".rstrip("0").rstrip(".") + " %"


def window(days: int) -> str:
    """`24 h`, `7 d`."""
    return "24 h" if days == 1 else f"{days} d"


def share(uptime: Uptime) -> str:
    """The uptime of one stretch; a dash where nothing is known of it."""
    found = uptime.spent.share
    return "–" if found is None else percent(found)


def blind(spent: Spent) -> str | None:
    """How much of the time nobody knew; None where somebody always did."""
    return f"{percent(spent.blind)} unknown" if spent.unknown else None


def uptimes(standing: Standing, board: Board) -> str:
    """`uptime 24 h 100 %, 7 d 99.98 % (below 99.9 %)`, and how much of the longest was unknown."""
    figures = standing.figures
    if not figures:
        return "no record yet"
    parts = []
    for each in figures:
        below = missed(each, board)
        parts.append(f"{window(each.days)} {share(each)}{f' (✗ {below})' if below else ''}")
    longest = figures[-1]
    parts += [unknown] if (unknown := blind(longest.spent)) else []
    if longest.since is not None:
        parts.append(f"known for {span(board.at - longest.since)}")
    return "uptime " + ", ".join(parts)


def _target(board: Board) -> str:
    return percent((board.target or 0) / 100)


def target(board: Board) -> str | None:
    """The uptime that the policy wants; None where it names none."""
    return None if board.target is None else f"the target is {_target(board)}"


def missed(uptime: Uptime, board: Board) -> str | None:
    """`below 99.9 %`, where it is."""
    return f"below {_target(board)}" if board.missed(uptime) else None


def history(standing: Standing) -> str:
    """The days in words, for whoever does not see them: `90 days: 2 with RED, 1 unknown, 80 GREEN, 7 not known`."""
    colours = [day.colour for day in standing.days]
    words = {Colour.RED: "with RED", Colour.UNKNOWN: "partly unknown", Colour.YELLOW: "with YELLOW"}
    parts = [f"{colours.count(c)} {word}" for c, word in words.items() if c in colours]
    parts += [f"{colours.count(Colour.GREEN)} GREEN"] if Colour.GREEN in colours else []
    parts += [f"{colours.count(None)} without a record"] if None in colours else []
    return f"{plural(len(colours), 'day')}: {', '.join(parts)}"


def responses(found: Answered) -> str:
    """MTTA and MTTR in words."""
    if not found.incidents:
        return "No incident."
    parts = [plural(found.incidents, "incident")]
    if found.to_acknowledge is not None:
        mean = span(found.to_acknowledge)
        parts.append(f"acknowledged after {mean} on average (MTTA of {found.acknowledged})")
    if found.to_resolve is not None:
        parts.append(f"over after {span(found.to_resolve)} (MTTR of {found.resolved})")
    if found.timed:
        parts.append(f"{found.in_time} of {found.timed} answered within their time")
    return ", ".join(parts) + "."


def incident_about(incident: Incident, audience: Audience) -> str:
    """What it is about, on one line: what a person called it, or what began it."""
    if incident.cause is Cause.DECLARED:
        return "declared by a person" if audience.public or not incident.title else f"“{incident.title}”"
    if incident.cause is Cause.DEPLOYMENT:
        suspect = f" {incident.suspect}" if incident.suspect else ""
        return f"after a deployment{'' if audience.public else suspect}"
    if incident.cause is Cause.BLINDNESS:
        return "monitoring is blind"
    return f"RED: {listed(list(incident.causes), 3)}" if incident.causes else "RED"


def incident_state(incident: Incident, board: Board) -> str:
    """How long it took, or takes, and whether that is longer than it should."""
    late = ", longer than its target" if board.overdue(incident) else ""
    if incident.resolved_at is not None:
        return f"over after {span(incident.resolved_at - incident.opened_at)}{late}"
    return f"{STATES[incident.state]}, for {span(board.at - incident.opened_at)}{late}"


def sign(colour: Colour | None) -> str:
    """The sign of a colour; a dot where nothing is known."""
    return "·" if colour is None else SIGNS[colour]
