"""Who and what a workspace holds: its team, the app's bot, people, channels and user groups, read from YAML."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

T = TypeVar("T")


class WorkspaceError(ValueError):
    """A workspace file that cannot be used; the text names the place and what is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """The workspace's own names."""

    id: str = "T0SANDBOX"
    name: str = "Sandbox"
    domain: str = "sandbox"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bot:
    """The app as a member of the workspace."""

    user_id: str = "U0BOT"
    bot_id: str = "B0BOT"
    app_id: str = "A0BOT"
    name: str = "app"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One human being; `tz` is an IANA zone."""

    id: str
    name: str
    real_name: str
    tz: str = "UTC"
    title: str = ""
    email: str = ""

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.tz)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise WorkspaceError(f"people: {self.name}: {self.tz!r} is no IANA time zone") from error

    @property
    def direct(self) -> str:
        """The id of this person's direct conversation with the app."""
        return f"D{self.id[1:]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A public channel, or (`direct_with` a user id) the app's conversation with one person."""

    id: str
    name: str
    members: frozenset[str]
    topic: str = ""
    direct_with: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Usergroup:
    """A mentionable group of people."""

    id: str
    handle: str
    name: str
    users: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """The whole cast. References are ids or names, with or without their `@` or `#`."""

    people: tuple[Person, ...]
    channels: tuple[Channel, ...]
    team: Team = field(default_factory=Team)
    bot: Bot = field(default_factory=Bot)
    usergroups: tuple[Usergroup, ...] = ()

    def __post_init__(self) -> None:
        ids = [self.bot.user_id, *(p.id for p in self.people), *(c.id for c in self.channels)]
        names = [self.bot.name, *(p.name for p in self.people)]
        for seen in (ids, names, [c.name for c in self.channels]):
            twice = {one for one in seen if seen.count(one) > 1}
            if twice:
                raise WorkspaceError(f"given twice: {', '.join(sorted(twice))}")

    def person(self, reference: str) -> Person | None:
        """The person with this id or name, or None."""
        wanted = reference.removeprefix("@")
        return next((p for p in self.people if wanted in {p.id, p.name}), None)

    def channel(self, reference: str) -> Channel | None:
        """The channel with this id or name, or the direct conversation with this id; else None."""
        wanted = reference.removeprefix("#")
        found = next((c for c in self.channels if wanted in {c.id, c.name}), None)
        return found or next((self.direct(p) for p in self.people if p.direct == wanted), None)

    def direct(self, person: Person) -> Channel:
        """The app's conversation with this person."""
        members = frozenset({person.id, self.bot.user_id})
        return Channel(id=person.direct, name="directmessage", members=members, direct_with=person.id)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a workspace file; raises WorkspaceError with the place of what is wrong."""
        try:
            content = YAML(typ="safe", pure=True).load(Path(path))
        except OSError as error:
            raise WorkspaceError(f"{path}: {error.strerror or error}") from error
        except YAMLError as error:
            raise WorkspaceError(f"{path}: not YAML: {error}") from error
        try:
            return cls.from_mapping(content)
        except WorkspaceError as error:
            raise WorkspaceError(f"{path}: {error}") from error

    @classmethod
    def from_mapping(cls, content: Any) -> Self:
        """Build a workspace from what the YAML says."""
        if not isinstance(content, Mapping):
            raise WorkspaceError("a workspace is a mapping with team, bot, people and channels")
        unknown = set(content) - {"team", "bot", "people", "channels", "usergroups"}
        if unknown:
            raise WorkspaceError(f"unknown: {', '.join(sorted(map(str, unknown)))}")
        people = tuple(_build(Person, one, "people") for one in content.get("people") or ())
        bot = _build(Bot, content.get("bot") or {}, "bot")
        ids = {p.name: p.id for p in people} | {p.id: p.id for p in people}
        ids |= {bot.name: bot.user_id, bot.user_id: bot.user_id}
        return cls(
            team=_build(Team, content.get("team") or {}, "team"),
            bot=bot,
            people=people,
            channels=tuple(_channel(one, ids) for one in content.get("channels") or ()),
            usergroups=tuple(_usergroup(one, ids) for one in content.get("usergroups") or ()),
        )


def _build(kind: type[T], content: Any, where: str) -> T:
    if not isinstance(content, Mapping):
        raise WorkspaceError(f"{where}: expected a mapping, got {content!r}")
    try:
        return kind(**{str(key): str(value) for key, value in content.items()})
    except TypeError as error:
        raise WorkspaceError(f"{where}: {str(error).replace('__init__() ', '')}") from error


def _members(wanted: Iterable[object] | None, ids: Mapping[str, str], where: str) -> list[str]:
    found = []
    for one in wanted or ():
        name = str(one).removeprefix("@")
        if name not in ids:
            raise WorkspaceError(f"{where}: nobody is called {name}")
        found.append(ids[name])
    return found


def _channel(content: Any, ids: Mapping[str, str]) -> Channel:
    if not isinstance(content, Mapping) or not {"id", "name"} <= set(content):
        raise WorkspaceError(f"channels: each needs an id and a name, got {content!r}")
    where = f"channels: {content['name']}"
    if set(content) - {"id", "name", "members", "topic"}:
        raise WorkspaceError(
            f"{where}: knows id, name, members and topic, got {', '.join(map(str, content))}"
        )
    named = content.get("members")
    members = set(ids.values()) if named is None else _members(named, ids, where)
    topic = str(content.get("topic", ""))
    return Channel(id=str(content["id"]), name=str(content["name"]), members=frozenset(members), topic=topic)


def _usergroup(content: Any, ids: Mapping[str, str]) -> Usergroup:
    if not isinstance(content, Mapping) or not {"id", "handle"} <= set(content):
        raise WorkspaceError(f"usergroups: each needs an id and a handle, got {content!r}")
    where = f"usergroups: {content['handle']}"
    if set(content) - {"id", "handle", "name", "users"}:
        raise WorkspaceError(f"{where}: knows id, handle, name and users, got {', '.join(map(str, content))}")
    handle = str(content["handle"])
    users = tuple(_members(content.get("users"), ids, where))
    return Usergroup(id=str(content["id"]), handle=handle, name=str(content.get("name", handle)), users=users)
