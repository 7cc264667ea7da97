"""The state of everything as one value: environments in their order, components in groups, history, what is next."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from bot.domain.environment import Colour, EnvironmentStatus, Turn, worst
from bot.domain.incident import Incident
from bot.domain.uptime import Day, Uptime


class Group(StrEnum):
    """With whom a component is shown (D2); OTHER: the policy does not say."""

    FRONTEND = "frontend"
    BACKEND = "backend"
    DATABASE = "database"
    WEBSOCKET = "websocket"
    INTEGRATION = "integration"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One component of one environment: worst of its monitors. `kinds` says of each monitor what it does."""

    group: Group
    status: EnvironmentStatus
    kinds: Mapping[str, str]
    owner: str | None = None

    @property
    def name(self) -> str:
        return self.status.name

    @property
    def colour(self) -> Colour:
        return self.status.colour


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One environment: how it stands, of what, whose it is, and how it went."""

    kind: str
    status: EnvironmentStatus
    lines: tuple[Line, ...]
    owner: str | None = None
    incidents: tuple[Incident, ...] = ()  # open ones, oldest first
    turns: tuple[Turn, ...] = ()  # oldest first, the first one as long before the history as it began
    uptime: tuple[Uptime, ...] = ()
    days: tuple[Day, ...] = ()

    @property
    def name(self) -> str:
        return self.status.name

    @property
    def colour(self) -> Colour:
        return self.status.colour

    @property
    def figures(self) -> tuple[Uptime, ...]:
        """The uptimes that say something: up to the first stretch that is longer than the record; none without one."""
        found: list[Uptime] = []
        for each in self.uptime:
            if each.spent.share is None:
                break
            found.append(each)
            if each.since is not None:  # a longer stretch knows no more
                break
        return tuple(found)

    @property
    def groups(self) -> tuple[tuple[Group, tuple[Line, ...]], ...]:
        """Its components by group, in the groups' order, the worst of each first; groups without any are left out."""
        lines = sorted(self.lines, key=lambda line: -line.colour.rank)  # stable: alike, they keep their order
        found = ((group, tuple(line for line in lines if line.group is group)) for group in Group)
        return tuple((group, lines) for group, lines in found if lines)


class Next(StrEnum):
    """What there is to do about an environment (K6)."""

    FIX = "fix"  # it is RED
    VERIFY = "verify"  # something of it was not verified, or not lately
    WATCH = "watch"  # the policy names no monitor for it
    LOOK = "look"  # it is YELLOW


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing to do next: where, who looks after it, and how long it has been so."""

    what: Next
    environment: str
    owner: str | None
    since: datetime | None
    status: EnvironmentStatus
    incident: Incident | None = None


def next_steps(standings: Iterable[Standing]) -> tuple[Step, ...]:
    """K5, K6: what is RED first, in the order of the environments; then what still needs full verification; then what
    warns. Nothing where all are GREEN."""
    found = [_step(each) for each in standings if each.colour is not Colour.GREEN]
    order = list(Next)
    return tuple(
        sorted(found, key=lambda step: order.index(step.what))
    )  # stable: environments keep their order


def _step(standing: Standing) -> Step:
    if standing.colour is Colour.RED:
        what = Next.FIX
    elif standing.colour is Colour.YELLOW:
        what = Next.LOOK
    else:
        what = Next.VERIFY if standing.status.monitors else Next.WATCH
    worst_lines = [line for line in standing.lines if line.colour is standing.colour]
    owners = dict.fromkeys(line.owner for line in worst_lines if line.owner is not None)
    return Step(
        what=what,
        environment=standing.name,
        # Several components with several owners are their environment's business.
        owner=next(iter(owners)) if len(owners) == 1 else standing.owner,
        since=standing.status.since,
        status=standing.status,
        incident=next(iter(standing.incidents), None),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """How incidents were answered (F7, F12): means over those that were; None where none was."""

    incidents: int
    acknowledged: int
    resolved: int
    to_acknowledge: timedelta | None
    to_resolve: timedelta | None
    in_time: int  # acknowledged within the response time of their severity
    timed: int  # incidents that have one, and whose response time is over or that were answered


def answered(incidents: Sequence[Incident], now: datetime) -> Answered:
    """MTTA and MTTR. An incident that resolved unacknowledged was acknowledged by nobody; it counts for MTTR alone."""
    answers = [i.answered_at - i.opened_at for i in incidents if i.answered_at is not None]
    over = [i.resolved_at - i.opened_at for i in incidents if i.resolved_at is not None]
    timed = [
        i
        for i in incidents
        if i.respond_by is not None
        and i.muted_by is None
        and (i.answered_at is not None or (i.resolved_at or now) >= i.respond_by)
    ]
    return Answered(
        incidents=len(incidents),
        acknowledged=len(answers),
        resolved=len(over),
        to_acknowledge=_mean(answers),
        to_resolve=_mean(over),
        in_time=len([i for i in timed if i.answered_at is not None and _in_time(i)]),
        timed=len(timed),
    )


def _in_time(incident: Incident) -> bool:
    return (
        incident.answered_at is not None
        and incident.respond_by is not None
        and incident.answered_at <= incident.respond_by
    )


def _mean(lengths: Sequence[timedelta]) -> timedelta | None:
    return sum(lengths, timedelta(0)) / len(lengths) if lengths else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """Everything at one instant, from one transaction. `incidents` are those of the last `days`, newest first; `more`:
    there were more than are kept here, and `answered` is about those that are."""

    at: datetime
    state: str  # of the project (K1)
    days: int
    standings: tuple[Standing, ...]
    steps: tuple[Step, ...]
    incidents: tuple[Incident, ...]
    answered: Answered
    more: bool = False
    target: float | None = None  # uptime in per cent (F12)
    resolution: Mapping[str, timedelta] = field(default_factory=dict)

    @property
    def colour(self) -> Colour:
        return worst(each.colour for each in self.standings)

    def standing(self, environment: str) -> Standing | None:
        """One environment of it."""
        return next((each for each in self.standings if each.name == environment), None)

    def missed(self, uptime: Uptime) -> bool:
        """Whether an uptime is below the target."""
        share = uptime.spent.share
        return self.target is not None and share is not None and share * 100 < self.target

    def overdue(self, incident: Incident) -> bool:
        """Whether an incident took, or takes, longer than its severity's target (F12)."""
        within = self.resolution.get(incident.severity)
        return within is not None and (incident.resolved_at or self.at) - incident.opened_at > within
