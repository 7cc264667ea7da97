"""The board: every environment with its components, history and incidents, read in one transaction (K2, K6, K7)."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bot.domain.board import Board, Group, Line, Standing, answered, next_steps
from bot.domain.environment import EnvironmentStatus, MonitorState, Turn, status_of
from bot.domain.incident import Incident
from bot.domain.uptime import by_day, uptime
from bot.flows.colours import statuses
from bot.policy import Policy
from bot.ports import Ledger, Transaction

DAYS: Final = 90
"""How far back a board looks."""
WINDOWS: Final = (1, 7, 30, 90)
"""Days of the stretches whose uptime is told."""
MOST_INCIDENTS: Final = 500
"""So many are counted; whoever had more in the time has other worries than the mean."""
_BY_NAME: Final[Mapping[str, Group]] = {group.value: group for group in Group}
"""A component that is called like a group belongs to it, unless the policy says otherwise."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """What the ledger knows, as of one instant."""

    at: datetime
    statuses: tuple[EnvironmentStatus, ...]
    turns: Mapping[str, Sequence[Turn]]
    open_incidents: Sequence[Incident]
    recent: Sequence[Incident]


async def board(ledger: Ledger, policy: Policy, *, days: int = DAYS) -> Board:
    """Everything as it stands now, with the history of so many days; read at once, and worked out in a thread."""
    gathered = await ledger.read(lambda tx: gather(tx, policy, days=days))
    return await asyncio.to_thread(board_of, gathered, policy, days=days)


def gather(tx: Transaction, policy: Policy, *, days: int = DAYS) -> Gathered:
    """What a board is made of, from this transaction."""
    since = tx.now - timedelta(days=days)
    return Gathered(
        at=tx.now,
        statuses=statuses(tx, policy, tx.now),
        # A day more: the first calendar day of the history began before the last so many times 24 hours.
        turns={
            name: tx.environments.turns(name, since=since - timedelta(days=1)) for name in policy.environments
        },
        open_incidents=tx.incidents.open(),
        recent=tx.incidents.newest(limit=MOST_INCIDENTS + 1, since=since),
    )


def board_of(found: Gathered, policy: Policy, *, days: int = DAYS) -> Board:
    """The board of what was gathered. Pure."""
    kept = tuple(found.recent[:MOST_INCIDENTS])
    open_ones = _by_environment(found.open_incidents)
    groups = groups_of(policy)
    standings = tuple(
        _standing(found, policy, status, groups, tuple(open_ones.get(status.name, ())), days)
        for status in found.statuses
    )
    return Board(
        at=found.at,
        state=policy.state,
        days=days,
        standings=standings,
        steps=next_steps(standings),
        incidents=kept,
        answered=answered(kept, found.at),
        more=len(found.recent) > MOST_INCIDENTS,
        target=policy.targets.uptime,
        resolution=policy.targets.resolution,
    )


def groups_of(policy: Policy) -> dict[str, Group]:
    """The group of every component that the policy names, its services' own ones included."""
    found: dict[str, Group] = {}
    for service in policy.services.values():
        found |= {name: Group(group) for name, group in service.components.items()}
    return found | {name: Group(component.group) for name, component in policy.components.items()}


def lines_of(policy: Policy, status: EnvironmentStatus) -> tuple[Line, ...]:
    """The components of one environment, each in its group."""
    return _lines(policy, status, groups_of(policy))


def _by_environment(incidents: Sequence[Incident]) -> dict[str, list[Incident]]:
    found: dict[str, list[Incident]] = {}
    for incident in incidents:
        found.setdefault(incident.environment, []).append(incident)
    return found


def _standing(
    found: Gathered,
    policy: Policy,
    status: EnvironmentStatus,
    groups: Mapping[str, Group],
    incidents: tuple[Incident, ...],
    days: int,
) -> Standing:
    section = policy.environments[status.name]
    turns = found.turns[status.name]
    return Standing(
        kind=section.kind,
        status=status,
        lines=_lines(policy, status, groups),
        owner=section.owner,
        incidents=incidents,
        turns=tuple(turns),
        uptime=tuple(uptime(turns, found.at, window) for window in WINDOWS if window <= days),
        days=by_day(turns, found.at, days, policy.zone),
    )


def _lines(policy: Policy, status: EnvironmentStatus, groups: Mapping[str, Group]) -> tuple[Line, ...]:
    """Its components in the order in which the policy's monitors name them; a monitor of none is one by itself."""
    section = policy.environments[status.name]
    kinds = {monitor.name: monitor.kind for monitor in section.monitors}
    # What the ledger kept may be of before a reload: the component is the one that the policy names now.
    component = {monitor.name: monitor.component or monitor.name for monitor in section.monitors}
    parts: dict[str, list[MonitorState]] = {}
    for monitor in status.monitors:
        parts.setdefault(component[monitor.name], []).append(monitor)
    return tuple(
        Line(
            group=groups.get(name, _BY_NAME.get(name, Group.OTHER)),
            status=status_of(name, monitors),
            kinds={monitor.name: kinds[monitor.name] for monitor in monitors},
            owner=_owner(policy, name) or section.owner,
        )
        for name, monitors in parts.items()
    )


def _owner(policy: Policy, component: str) -> str | None:
    found = policy.components.get(component)
    return None if found is None else found.owner
