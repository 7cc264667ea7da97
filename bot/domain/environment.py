"""Monitors, components and environments: three colours, and a fourth word for what nobody knows (D6, K2)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from pydantic import JsonValue

AHEAD: Final = timedelta(minutes=1)
"""Clocks may differ by so much; a reading from farther ahead was dated by one that was wrong."""


class Colour(StrEnum):
    """D6: all checks passed, warning but operational, critical failure; UNKNOWN when the monitor is blind."""

    GREEN = "GREEN"
    YELLOW = "YELLOW"
    UNKNOWN = "UNKNOWN"
    RED = "RED"

    @property
    def rank(self) -> int:
        """Worse is larger; RED is certain, so it outranks UNKNOWN."""
        return list(Colour).index(self)


def worst(colours: Iterable[Colour]) -> Colour:
    """Worst-of; nothing to look at is UNKNOWN, never silently GREEN."""
    return max(colours, key=lambda c: c.rank, default=Colour.UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One probe's result. `colour` is what this probe alone says, `code` and `facts` why."""

    colour: Colour
    code: str
    at: datetime
    facts: Mapping[str, JsonValue] = field(default_factory=dict)
    decisive: bool = False  # a status file states a colour; it needs no consecutive confirmation


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorState:
    """What is held to be true of one monitor, with the counts that may change it."""

    environment: str
    name: str
    component: str | None
    colour: Colour = Colour.UNKNOWN
    since: datetime
    read_at: datetime | None = None  # the newest reading, good or bad
    good_at: datetime | None = None  # the newest GREEN reading
    code: str = "never-read"
    facts: Mapping[str, JsonValue] = field(default_factory=dict)
    recent: tuple[Reading, ...] = ()  # the last readings, oldest first: as many as a change of colour needs

    @property
    def id(self) -> str:
        return f"{self.environment}/{self.name}"

    def at(self, now: datetime, stale_after: timedelta) -> "MonitorState":
        """The same state as seen at `now`: too old a reading makes the monitor blind, not green, and so does one of the
        future, which would be fresh for as long as a clock was wrong."""
        if self.read_at is None or -AHEAD <= now - self.read_at <= stale_after:
            return self
        return replace(
            self,
            colour=Colour.UNKNOWN,
            since=min(now, max(self.since, self.read_at + stale_after)),
            code="stale",
            facts={
                "read_at": self.read_at.isoformat(),
                "limit_seconds": int(stale_after.total_seconds()),
            },
            recent=(),
        )


def observed(state: MonitorState, reading: Reading, *, fail_after: int, pass_after: int) -> MonitorState:
    """The state after `reading`; age `state` with `at` first, or an old colour would be believed again.

    A worse colour needs `fail_after` worse readings in a row and is then the mildest of them, so that one RED among
    YELLOWs pages nobody; a better one needs `pass_after` and is the worst of them. A monitor that was never read is
    believed at its first GREEN; one that was blind for a while has to pass `pass_after` times like a failed one.
    """
    kept = (*state.recent, reading)[-max(fail_after, pass_after) :]
    never_read = state.read_at is None
    state = replace(
        state,
        recent=kept,
        read_at=reading.at,
        good_at=reading.at if reading.colour is Colour.GREEN else state.good_at,
    )
    if reading.decisive or (never_read and reading.colour is Colour.GREEN):
        believed: Reading | None = reading
    else:
        believed = _believed(state, fail_after, pass_after)
    if believed is None:
        return state
    since = state.since if believed.colour is state.colour else reading.at
    return replace(state, colour=believed.colour, since=since, code=believed.code, facts=believed.facts)


def _believed(state: MonitorState, fail_after: int, pass_after: int) -> Reading | None:
    """The reading that speaks for the monitor now; None where the last ones do not agree on a direction."""
    newest = state.recent[-1]
    if newest.colour is state.colour:
        return newest
    blind = state.colour is Colour.UNKNOWN

    def worse(colour: Colour) -> bool:
        return colour is not Colour.GREEN if blind else colour.rank > state.colour.rank

    needed = fail_after if worse(newest.colour) else pass_after
    run = state.recent[-needed:]
    if len(run) < needed or any(worse(r.colour) is not worse(newest.colour) for r in run):
        return None
    if any(r.colour is state.colour for r in run):
        return None
    choose = min if worse(newest.colour) else max
    colour = choose((r.colour for r in run), key=lambda c: c.rank)
    return next(r for r in reversed(run) if r.colour is colour)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentState:
    """The recorded colour of an environment: what the last change of colour was, and why."""

    name: str
    colour: Colour
    since: datetime
    causes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """From `since` on an environment had this colour, because of these monitors."""

    since: datetime
    colour: Colour
    causes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentStatus:
    """An environment as seen at one instant: worst of its monitors (D2, K2)."""

    name: str
    colour: Colour
    since: datetime | None
    verified_at: datetime | None
    monitors: tuple[MonitorState, ...]
    incident: str | None = None

    @property
    def causes(self) -> tuple[MonitorState, ...]:
        """The monitors that make it the colour it is."""
        return tuple(m for m in self.monitors if m.colour is self.colour)


def status_of(
    name: str, monitors: Iterable[MonitorState], *, incident: str | None = None
) -> EnvironmentStatus:
    """Worst-of over `monitors`, already aged with `MonitorState.at`; none at all is UNKNOWN."""
    seen = tuple(monitors)
    colour = worst(m.colour for m in seen)
    verified = [m.read_at for m in seen]
    return EnvironmentStatus(
        name=name,
        colour=colour,
        # All must be green to be green, one suffices for anything worse.
        since=(max if colour is Colour.GREEN else min)(
            (m.since for m in seen if m.colour is colour), default=None
        ),
        verified_at=min((v for v in verified if v is not None), default=None)
        if all(verified) and verified
        else None,
        monitors=seen,
        incident=incident,
    )
