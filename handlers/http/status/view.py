"""The board as the page shows it: bounded for hundreds of environments, every text ready to be put into the template."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from bot.domain.board import Board, Line, Standing
from bot.domain.environment import Colour, EnvironmentStatus
from bot.domain.uptime import Day
from handlers.wording import board as words
from handlers.wording.board import Audience
from handlers.wording.groups import GROUPS
from handlers.wording.times import When, span

SIGNS: Final = {Colour.GREEN: "✓", Colour.YELLOW: "!", Colour.UNKNOWN: "?", Colour.RED: "✗"}
"""Signs that look different without any colour."""
MOST_STEPS: Final = 20
MOST_IN_FULL: Final = 24
"""Environments with a card of their own; the others stand on a line."""
MOST_LINES: Final = 12
"""Components on one card, unless all of them are few."""
MOST_INCIDENTS: Final = 30
_BADNESS: Final = 24
_HEIGHTS: Final = {Colour.RED: _BADNESS, Colour.UNKNOWN: 17, Colour.YELLOW: 17, Colour.GREEN: 10}
_PITCH, _WIDTH = 4, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Light:
    """A colour with the sign and the word that stand beside it, and since when."""

    colour: str
    sign: str
    since: str | None
    lasts: str | None
    verified: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One component."""

    name: str
    light: Light
    by: str
    detail: str
    owner: str | None


@dataclass(frozen=True, slots=True)
class Figure:
    """One uptime figure; `missed` says what it should have been."""

    window: str
    value: str
    missed: str | None


@dataclass(frozen=True, slots=True)
class Bars:
    """The days as bars, one path a colour; the worse, the taller. `told` is the same in words."""

    width: int
    height: int
    paths: tuple[tuple[str, str], ...]
    told: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One environment."""

    name: str
    light: Light
    detail: str
    owner: str | None
    incidents: tuple[str, ...]
    figures: tuple[Figure, ...]
    notes: tuple[str, ...]
    bars: Bars | None
    groups: tuple[tuple[str, tuple[Row, ...]], ...]
    more: str | None


@dataclass(frozen=True, slots=True)
class Todo:
    """One next step."""

    sign: str
    colour: str
    what: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """One incident of the last months."""

    id: str
    at: str
    environment: str
    severity: str
    about: str
    state: str
    is_open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """All that the template needs."""

    organization: str
    state: str
    at: str
    colour: str
    sign: str
    headline: str
    counted: str
    todos: tuple[Todo, ...]
    more_todos: int
    cards: tuple[Card, ...]
    rest: tuple[Card, ...]
    responses: str
    days: int
    past: tuple[Past, ...]
    more_past: str | None
    public: bool


def page(board: Board, organization: str, audience: Audience, when: When) -> Page:
    """The page for an audience."""
    full, rest = _split(board.standings)
    hidden = len(board.incidents) - MOST_INCIDENTS
    return Page(
        organization=organization,
        state=board.state,
        at=when(board.at),
        colour=board.colour.value,
        sign=SIGNS[board.colour],
        headline=words.headline(board),
        counted=words.counted(board),
        todos=tuple(_todos(board, audience)),
        more_todos=max(0, len(board.steps) - MOST_STEPS),
        cards=tuple(_card(each, board, audience, when) for each in full),
        rest=tuple(_card(each, board, audience, when, brief=True) for each in rest),
        responses=words.responses(board.answered),
        days=board.days,
        past=tuple(_past(board, audience, when)),
        more_past=f"and {hidden}{' or more' if board.more else ''} before these" if hidden > 0 else None,
        public=audience.public,
    )


def _split(standings: Sequence[Standing]) -> tuple[list[Standing], list[Standing]]:
    """Which environments get a card, in their order: what is not GREEN before what is."""
    by_need = sorted(standings, key=lambda each: each.colour is Colour.GREEN)
    chosen = {each.name for each in by_need[:MOST_IN_FULL]}
    return [s for s in standings if s.name in chosen], [s for s in standings if s.name not in chosen]


def _todos(board: Board, audience: Audience) -> Iterator[Todo]:
    for step in board.steps[:MOST_STEPS]:
        yield Todo(
            SIGNS[step.status.colour],
            step.status.colour.value,
            f"{words.told(step, board)}: {step.environment}",
            words.why(step, board, audience),
        )


def _card(standing: Standing, board: Board, audience: Audience, when: When, *, brief: bool = False) -> Card:
    groups, hidden = ((), 0) if brief else _groups(standing, board, audience, when)
    return Card(
        name=standing.name,
        light=_light(standing.status, board, when),
        detail=words.detail(standing.status, audience),
        owner=audience.owner(standing.owner),
        incidents=tuple(f"{i.id} {words.STATES[i.state]}" for i in standing.incidents),
        figures=tuple(
            Figure(words.window(u.days), words.share(u), words.missed(u, board)) for u in standing.figures
        ),
        notes=tuple(_notes(standing, board)),
        bars=None if brief else bars(standing.days, words.history(standing)),
        groups=groups,
        more=f"and {hidden} more, no worse than these" if hidden else None,
    )


def _notes(standing: Standing, board: Board) -> Iterator[str]:
    """What has to be known to read the figures."""
    if not standing.figures:
        yield "no record yet"
        return
    longest = standing.figures[-1]
    if (unknown := words.blind(longest.spent)) is not None:
        yield f"{unknown} in {words.window(longest.days)}: it counts as no uptime"
    if longest.since is not None:
        yield f"known for {span(board.at - longest.since)}"


def _groups(
    standing: Standing, board: Board, audience: Audience, when: When
) -> tuple[tuple[tuple[str, tuple[Row, ...]], ...], int]:
    """The components by group; where they are many, the worst of them, and how many are left out."""
    worst_first = sorted(standing.lines, key=lambda line: -line.colour.rank)
    chosen = {line.name for line in worst_first[:MOST_LINES]}
    found = []
    for group, lines in standing.groups:
        rows = tuple(_row(line, board, audience, when) for line in lines if line.name in chosen)
        if rows:
            found.append((GROUPS[group], rows))
    return tuple(found), len(standing.lines) - len(chosen)


def _row(line: Line, board: Board, audience: Audience, when: When) -> Row:
    return Row(
        name=line.name,
        light=_light(line.status, board, when),
        by=words.by_what(line),
        detail=words.line_detail(line, audience),
        owner=audience.owner(line.owner),
    )


def _light(status: EnvironmentStatus, board: Board, when: When) -> Light:
    since = None if words.never_read(status) else status.since
    return Light(
        colour=status.colour.value,
        sign=SIGNS[status.colour],
        since=when(since) if since else None,
        lasts=span(board.at - since) if since else None,
        verified=_verified(status, when),
    )


def _verified(status: EnvironmentStatus, when: When) -> str:
    if words.never_read(status):
        return "never read yet"
    return f"verified {when(status.verified_at)}" if status.verified_at else "never verified in full"


def _past(board: Board, audience: Audience, when: When) -> Iterator[Past]:
    for incident in board.incidents[:MOST_INCIDENTS]:
        yield Past(
            id=incident.id,
            at=when(incident.opened_at),
            environment=incident.environment,
            severity=incident.severity,
            about=words.incident_about(incident, audience),
            state=words.incident_state(incident, board),
            is_open=incident.is_open,
        )


def bars(days: Sequence[Day], told: str) -> Bars | None:
    """The days as bars; None where there is no history at all."""
    if all(day.colour is None for day in days):
        return None
    drawn: dict[str, list[str]] = {}
    for number, day in enumerate(days):
        height = 2 if day.colour is None else _HEIGHTS[day.colour]
        name = "none" if day.colour is None else day.colour.value
        path = f"M{number * _PITCH} {_BADNESS - height}h{_WIDTH}v{height}h-{_WIDTH}z"
        drawn.setdefault(name, []).append(path)
    paths = tuple((name, "".join(each)) for name, each in drawn.items())
    return Bars(len(days) * _PITCH - (_PITCH - _WIDTH), _BADNESS, paths, told)
