"""What the app's manifest allows it: commands, shortcuts, scopes, events and its Home tab."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from sandbox.shapes import Json

_EVENT_SCOPES: dict[str, tuple[str, ...]] = {
    "app_mention": ("app_mentions:read",),
    "message.channels": ("channels:history",),
    "message.im": ("im:history",),
}


class ManifestError(ValueError):
    """A manifest that cannot be used; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One slash command."""

    name: str
    description: str = ""
    usage_hint: str = ""
    should_escape: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortcut:
    """One shortcut, `global` or on a `message`."""

    callback_id: str
    name: str
    type: str
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """The app as its manifest states it. None for scopes or events: no manifest was given, everything is allowed."""

    commands: Mapping[str, Command]
    shortcuts: Mapping[str, Shortcut]
    scopes: frozenset[str] | None = None
    events: frozenset[str] | None = None
    home_enabled: bool = True
    messages_enabled: bool = True
    interactive: bool = True
    socket_mode: bool = True
    known: bool = False

    @classmethod
    def from_manifest(cls, manifest: Mapping[str, Any] | None) -> Self:
        """Read the parts that matter; a part that is not there allows nothing."""
        if manifest is None:
            return cls(commands={}, shortcuts={})
        features, settings = _part(manifest, "features"), _part(manifest, "settings")
        commands = [_command(one) for one in features.get("slash_commands") or ()]
        shortcuts = [_shortcut(one) for one in features.get("shortcuts") or ()]
        interactivity = _part(settings, "interactivity")
        return cls(
            commands={one.name: one for one in commands},
            shortcuts={one.callback_id: one for one in shortcuts},
            scopes=frozenset(_part(_part(manifest, "oauth_config"), "scopes").get("bot") or ()),
            events=frozenset(_part(settings, "event_subscriptions").get("bot_events") or ()),
            home_enabled=bool(_part(features, "app_home").get("home_tab_enabled", False)),
            messages_enabled=bool(_part(features, "app_home").get("messages_tab_enabled", False)),
            interactive=bool(interactivity.get("is_enabled", False)),
            socket_mode=bool(settings.get("socket_mode_enabled", False)),
            known=True,
        )

    def command(self, name: str) -> Command | None:
        """The command of this name; without a manifest every name is one."""
        if not self.known:
            return Command(name=name, should_escape=True)
        return self.commands.get(name)

    def hears(self, event: str) -> bool:
        """Whether the app is subscribed to this event and has the scope that goes with it."""
        if self.events is None:
            return True
        return event in self.events and self.missing_scope(_EVENT_SCOPES.get(event, ())) is None

    def missing_scope(self, any_of: tuple[str, ...]) -> str | None:
        """The scope that is needed and not granted, or None."""
        if self.scopes is None or not any_of or self.scopes & set(any_of):
            return None
        return any_of[0]


def read_manifest(path: str | Path) -> Json:
    """Load a manifest from YAML or JSON; raises ManifestError."""
    try:
        content = YAML(typ="safe", pure=True).load(Path(path))
    except OSError as error:
        raise ManifestError(f"{path}: {error.strerror or error}") from error
    except YAMLError as error:
        raise ManifestError(f"{path}: not YAML: {error}") from error
    if not isinstance(content, dict):
        raise ManifestError(f"{path}: a manifest is a mapping")
    return content


def _part(content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = content.get(name) or {}
    if not isinstance(part, Mapping):
        raise ManifestError(f"{name}: expected a mapping, got {part!r}")
    return part


def _command(one: Mapping[str, Any]) -> Command:
    name = str(one.get("command", ""))
    if not name.startswith("/"):
        raise ManifestError(f"slash_commands: {name!r} does not start with a slash")
    return Command(
        name=name,
        description=str(one.get("description", "")),
        usage_hint=str(one.get("usage_hint", "")),
        should_escape=bool(one.get("should_escape", False)),
    )


def _shortcut(one: Mapping[str, Any]) -> Shortcut:
    kind = str(one.get("type", ""))
    if kind not in {"global", "message"}:
        raise ManifestError(f"shortcuts: the type is global or message, not {kind!r}")
    return Shortcut(
        callback_id=str(one.get("callback_id", "")),
        name=str(one.get("name", "")),
        type=kind,
        description=str(one.get("description", "")),
    )
