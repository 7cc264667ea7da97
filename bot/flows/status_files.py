"""What the status files say that the bot writes (K3): read from the ledger, one for each environment that has one."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from bot.domain.environment import Colour, EnvironmentStatus
from bot.domain.incident import Incident
from bot.flows.colours import statuses
from bot.policy import Policy
from bot.ports import Ledger, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusFile:
    """One environment as its file tells of it; `incident` is the oldest that is open."""

    path: str
    organization: str
    state: str
    status: EnvironmentStatus
    incident: Incident | None
    owner: str | None
    written_at: datetime


@dataclass(frozen=True, slots=True)
class Gist:
    """What of an environment makes its file a new one before it has to be renewed anyway."""

    colour: Colour | None
    since: datetime | None
    causes: tuple[str, ...]
    incidents: tuple[tuple[str, str], ...]


def written(policy: Policy) -> dict[str, str]:
    """The environments whose status file the bot writes, and its path below the policy's folder."""
    return {name: section.writes for name, section in policy.environments.items() if section.writes}


async def gists(ledger: Ledger, policy: Policy) -> tuple[datetime, Mapping[str, Gist]]:
    """What is recorded of each environment that has a file, and when that was so. Cheap: it is asked all the time."""
    names = written(policy)

    def query(tx: Transaction) -> tuple[datetime, Mapping[str, Gist]]:
        return tx.now, {name: _gist(tx, name) for name in names}

    return await ledger.read(query)


def _gist(tx: Transaction, name: str) -> Gist:
    recorded = tx.environments.get(name)
    incidents = tuple((i.id, i.state.value) for i in tx.incidents.open(name))
    if recorded is None:
        return Gist(None, None, (), incidents)
    return Gist(recorded.colour, recorded.since, recorded.causes, incidents)


async def status_files(ledger: Ledger, policy: Policy, names: Collection[str]) -> tuple[StatusFile, ...]:
    """What the files of these environments say now."""
    paths = written(policy)

    def query(tx: Transaction) -> tuple[StatusFile, ...]:
        return tuple(
            StatusFile(
                path=paths[status.name],
                organization=policy.organization,
                state=policy.state,
                status=status,
                incident=next(iter(tx.incidents.open(status.name)), None),
                owner=policy.environments[status.name].owner,
                written_at=tx.now,
            )
            for status in statuses(tx, policy, tx.now)
            if status.name in paths and status.name in names
        )

    return await ledger.read(query)
