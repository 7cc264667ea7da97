"""Which alerts fire, as it is kept: a fixed number of shards of groups of alerts, and one summary for each monitor."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Self

from pydantic import JsonValue

from bot.domain.environment import Colour
from bot.ports import Place

SHARDS: Final = 256
"""So many places hold the groups; a storm of groups makes them longer, not more."""


@dataclass(frozen=True, slots=True)
class Firing:
    """One alert that fires, and when it was told last: whole seconds since 1970."""

    colour: Colour
    told: int
    name: str


def seconds(at: datetime) -> int:
    """An instant as it is kept here."""
    return int(at.timestamp())


def shard_of(group: str) -> str:
    """The shard in which a group stands; the group is named by a hash in hex."""
    return f"{int(group[:8], 16) % SHARDS:02x}"


@dataclass(slots=True)
class Shard:
    """Groups, in each the monitors that it tells of, for each of them the alerts that fire, by fingerprint."""

    name: str
    groups: dict[str, dict[str, dict[str, Firing]]] = field(default_factory=dict)

    @classmethod
    def read(cls, name: str, place: Place | None) -> Self:
        """The shard as it was kept."""
        shard = cls(name)
        for group, monitors in _mapping((place or {}).get("groups")).items():
            for monitor, alerts in _mapping(monitors).items():
                found = {
                    fingerprint: Firing(Colour(str(each[0])), int(str(each[1])), str(each[2]))
                    for fingerprint, each in _mapping(alerts).items()
                    if isinstance(each, list)
                }
                shard.replace(group, monitor, found)
        return shard

    def place(self) -> Place:
        """The shard as it is kept."""
        groups: dict[str, JsonValue] = {
            group: {
                monitor: {key: [each.colour.value, each.told, each.name] for key, each in alerts.items()}
                for monitor, alerts in monitors.items()
            }
            for group, monitors in self.groups.items()
        }
        return {"groups": groups}

    def replace(self, group: str, monitor: str, alerts: dict[str, Firing]) -> None:
        """The alerts of a group that fire for a monitor; what was there before is gone."""
        monitors = self.groups.setdefault(group, {})
        monitors.pop(monitor, None)
        if alerts:
            monitors[monitor] = alerts
        if not monitors:
            del self.groups[group]

    def of(self, monitor: str) -> Iterator[Firing]:
        """What fires for a monitor in all groups of the shard."""
        for monitors in self.groups.values():
            yield from monitors.get(monitor, {}).values()

    def forget(self, monitor: str, before: datetime | None) -> None:
        """Drop what was told of a monitor before an instant; None: everything."""
        for group in [name for name, monitors in self.groups.items() if monitor in monitors]:
            kept = {
                key: each
                for key, each in self.groups[group][monitor].items()
                if before is not None and each.told >= seconds(before)
            }
            self.replace(group, monitor, kept)


@dataclass(frozen=True, slots=True)
class Line:
    """What one shard holds of a monitor; `name` is one of the worst alerts."""

    red: int
    yellow: int
    oldest: int
    name: str


@dataclass(slots=True)
class Summary:
    """What fires for one monitor, shard by shard, and when Alertmanager last told anything of it."""

    told_at: datetime | None = None
    lines: dict[str, Line] = field(default_factory=dict)

    @classmethod
    def read(cls, place: Place | None) -> Self:
        """The summary as it was kept."""
        kept = place or {}
        told_at = kept.get("told_at")
        return cls(
            datetime.fromisoformat(told_at) if isinstance(told_at, str) else None,
            {
                name: Line(int(str(each[0])), int(str(each[1])), int(str(each[2])), str(each[3]))
                for name, each in _mapping(kept.get("shards")).items()
                if isinstance(each, list)
            },
        )

    def place(self) -> Place:
        """The summary as it is kept."""
        return {
            "told_at": None if self.told_at is None else self.told_at.isoformat(),
            "shards": {
                name: [line.red, line.yellow, line.oldest, line.name] for name, line in self.lines.items()
            },
        }

    def take(self, shard: Shard, monitor: str) -> None:
        """Count a shard anew."""
        found = list(shard.of(monitor))
        self.lines.pop(shard.name, None)
        if found:
            red = sum(each.colour is Colour.RED for each in found)
            worst = min(found, key=lambda each: (-each.colour.rank, each.name))
            oldest = min(each.told for each in found)
            self.lines[shard.name] = Line(red, len(found) - red, oldest, worst.name)

    @property
    def red(self) -> int:
        return sum(line.red for line in self.lines.values())

    @property
    def yellow(self) -> int:
        return sum(line.yellow for line in self.lines.values())

    @property
    def oldest(self) -> datetime | None:
        """When the alert was told that nobody repeated for longest."""
        told = min((line.oldest for line in self.lines.values()), default=None)
        return None if told is None else datetime.fromtimestamp(told, UTC)

    def names(self, most: int) -> list[str]:
        """The names of some alerts, the worst first."""
        lines = sorted(self.lines.values(), key=lambda line: (line.red == 0, line.name))
        return list(dict.fromkeys(line.name for line in lines))[:most]

    def older_than(self, at: datetime) -> list[str]:
        """The shards that hold something told before an instant."""
        return [name for name, line in self.lines.items() if line.oldest < seconds(at)]


def _mapping(value: JsonValue) -> dict[str, JsonValue]:
    return value if isinstance(value, dict) else {}
