"""Which alerts fire, as it is kept: a fixed number of shards of groups of alerts, and one summary for each monitor."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Self

from pydantic import JsonValue

from bot.domain.environment import Colour
from bot.ports import Place

SHARDS: Final = 256
"""So many places hold the groups; a storm of groups makes them longer, not more."""
MOST_LOST: Final = 40
"""Groups of one shard and one monitor of which it is remembered each for itself that their end was never told."""
_LOST: Final = "(lost)"
_REST: Final = ""
"""In place of a group: those beyond MOST_LOST. Groups are named by hashes, so no payload is of this one."""


@dataclass(frozen=True, slots=True)
class Firing:
    """One alert that fires, and when it was told last: whole seconds since 1970. UNKNOWN: it was not repeated for too
    long, and nobody said that it is over; one of these stands for all such alerts of a group."""

    colour: Colour
    told: int
    name: str

    @property
    def lost(self) -> bool:
        return self.colour is Colour.UNKNOWN


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

    def forget(self, monitor: str) -> None:
        """Drop whatever was told of a monitor."""
        for group in self._telling_of(monitor):
            self.replace(group, monitor, {})

    def lose(self, monitor: str, before: datetime) -> None:
        """Believe nothing any more that was told of a monitor before an instant, and remember of each group that its end
        was not told: however many alerts that were, it is bounded."""
        for group in self._telling_of(monitor):
            alerts = self.groups[group][monitor]
            kept = {
                key: each for key, each in alerts.items() if each.told >= seconds(before) and not each.lost
            }
            if len(kept) < len(alerts):
                lost = [each for key, each in alerts.items() if key not in kept]
                self.replace(group, monitor, kept | {_LOST: _together(lost)})
        self._bound(monitor)

    def end_lost(self, monitor: str) -> None:
        """Forget what is lost: it is over, as somebody knows."""
        for group in self._telling_of(monitor):
            alerts = self.groups[group][monitor]
            self.replace(group, monitor, {key: each for key, each in alerts.items() if not each.lost})

    def _bound(self, monitor: str) -> None:
        lost = {
            group: self.groups[group][monitor][_LOST]
            for group in self._telling_of(monitor)
            if group != _REST and _LOST in self.groups[group][monitor]
        }
        beyond = sorted(lost, key=lambda group: (-lost[group].told, group))[MOST_LOST:]
        if not beyond:
            return
        rest = [*self.groups.get(_REST, {}).get(monitor, {}).values()]
        for group in beyond:
            alerts = self.groups[group][monitor]
            rest.append(alerts[_LOST])
            self.replace(group, monitor, {key: each for key, each in alerts.items() if key != _LOST})
        self.replace(_REST, monitor, {_LOST: _together(rest)})

    def _telling_of(self, monitor: str) -> list[str]:
        return [name for name, monitors in self.groups.items() if monitor in monitors]


def _together(lost: list[Firing]) -> Firing:
    """One for all: with the name of the worst, and told when the last of them was."""
    worst = min(lost, key=lambda each: (-each.colour.rank, -each.told, each.name))
    return Firing(Colour.UNKNOWN, max(each.told for each in lost), worst.name)


@dataclass(frozen=True, slots=True)
class Line:
    """What one shard holds of a monitor; `name` is one of the worst alerts. `oldest` is when an alert that fires was told
    that nobody repeated for longest. `lost`: groups whose end was never told, `lost_at`: the last word of any of them."""

    red: int
    yellow: int
    oldest: int
    name: str
    lost: int = 0
    lost_at: int = 0
    lost_name: str = ""

    @classmethod
    def read(cls, kept: Sequence[JsonValue]) -> Self:
        """The line as it was kept; an older version knew of nothing that is lost."""
        red, yellow, oldest, lost, lost_at = (int(str(each)) for each in (*kept[:3], *(*kept[4:], 0, 0)[:2]))
        return cls(red, yellow, oldest, str(kept[3]), lost, lost_at, str(kept[6]) if kept[6:] else "")

    def place(self) -> list[JsonValue]:
        """The line as it is kept."""
        return [self.red, self.yellow, self.oldest, self.name, self.lost, self.lost_at, self.lost_name]

    @property
    def fires(self) -> bool:
        return self.red + self.yellow > 0


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
                name: Line.read(each)
                for name, each in _mapping(kept.get("shards")).items()
                if isinstance(each, list)
            },
        )

    def place(self) -> Place:
        """The summary as it is kept."""
        return {
            "told_at": None if self.told_at is None else self.told_at.isoformat(),
            "shards": {name: line.place() for name, line in self.lines.items()},
        }

    def take(self, shard: Shard, monitor: str) -> None:
        """Count a shard anew."""
        found = list(shard.of(monitor))
        self.lines.pop(shard.name, None)
        if found:
            fires, lost = [e for e in found if not e.lost], [e for e in found if e.lost]
            red = sum(each.colour is Colour.RED for each in fires)
            self.lines[shard.name] = Line(
                red=red,
                yellow=len(fires) - red,
                oldest=min((each.told for each in fires), default=0),
                name=min(fires, key=lambda each: (-each.colour.rank, each.name)).name if fires else "",
                lost=len(lost),
                lost_at=max((each.told for each in lost), default=0),
                lost_name=max(lost, key=lambda each: (each.told, each.name)).name if lost else "",
            )

    @property
    def red(self) -> int:
        return sum(line.red for line in self.lines.values())

    @property
    def yellow(self) -> int:
        return sum(line.yellow for line in self.lines.values())

    @property
    def oldest(self) -> datetime | None:
        """When the alert was told that nobody repeated for longest."""
        told = min((line.oldest for line in self.lines.values() if line.fires), default=None)
        return None if told is None else datetime.fromtimestamp(told, UTC)

    @property
    def lost_at(self) -> datetime | None:
        """The last word of an alert whose end was never told; None where there is no such alert."""
        told = max((line.lost_at for line in self.lines.values() if line.lost), default=None)
        return None if told is None else datetime.fromtimestamp(told, UTC)

    @property
    def losing(self) -> list[str]:
        """The shards that hold something whose end was never told."""
        return [name for name, line in self.lines.items() if line.lost]

    def names(self, most: int) -> list[str]:
        """The names of some alerts that fire, the worst first."""
        lines = sorted(self.lines.values(), key=lambda line: (line.red == 0, line.name))
        return list(dict.fromkeys(line.name for line in lines if line.fires))[:most]

    def lost_names(self, most: int) -> list[str]:
        """The names of some alerts whose end was never told."""
        return sorted({line.lost_name for line in self.lines.values() if line.lost})[:most]

    def older_than(self, at: datetime) -> list[str]:
        """The shards that hold something told before an instant."""
        return [name for name, line in self.lines.items() if line.fires and line.oldest < seconds(at)]


def _mapping(value: JsonValue) -> dict[str, JsonValue]:
    return value if isinstance(value, dict) else {}
