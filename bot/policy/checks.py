"""What no single section can see: names used twice, circles, and lists that point across sections.

These checks read the plain document, so that they speak even where another part of it is malformed.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from posixpath import normpath
from typing import Final, TypeAlias

from bot.policy.document import Path, Plain, items_at, mapping_at, value_at
from bot.policy.policy import NEVER_BYPASSED
from bot.policy.suggestions import meant

Finding: TypeAlias = tuple[Path, str]
_IDENTITIES: Final = ("slack", "github", "email", "oidc")
_PHASE_CHECKS: Final = ("health", "rollout")
_CHANNEL_ID_LENGTH: Final = 9
_PLAN, _PLAN_GATE = (
    "rollback-plan",
    "rollback-target",
)  # what break-glass demands, and the gate that proves it
_CHECKLIST: Final = "checklist"  # the gate that asks for one
_MOST_ITEMS: Final = 40


def findings(plain: Plain) -> Iterator[Finding]:
    """Everything that is wrong across sections, each with the path at which it stands."""
    for check in _CHECKS:
        yield from check(plain)


def _names_twice(plain: Plain) -> Iterator[Finding]:
    """Two rules, monitors, phases or analyses of one name could not be told apart."""
    kinds = ("windows", "restrictions", "holidays", "freezes")
    yield from _twice(plain, [("calendar", kind) for kind in kinds], "calendar rule")
    for name in mapping_at(plain, "environments"):
        here: Path = ("environments", name)
        yield from _twice(plain, [(*here, "monitors")], "monitor")
        yield from _twice(plain, [(*here, "verification")], "phase")
        yield from _twice(plain, [(*here, "rollout", "analysis")], "analysis")


def _twice(plain: Plain, lists: Iterable[Path], noun: str) -> Iterator[Finding]:
    seen: set[str] = set()
    for path in lists:
        for index, item in items_at(plain, *path):
            name = value_at(item, "name")
            if isinstance(name, str) and name in seen:
                yield (*path, index, "name"), f"there is another {noun} named {name!r}"
            elif isinstance(name, str):
                seen.add(name)


def _identities_twice(plain: Plain) -> Iterator[Finding]:
    """One Slack, GitHub or e-mail identity belongs to one person, or one human could fill two seats."""
    owners: dict[tuple[str, str], str] = {}
    for person in mapping_at(plain, "people"):
        for kind in _IDENTITIES:
            identity = value_at(plain, "people", person, kind)
            if not isinstance(identity, str):
                continue
            owner = owners.setdefault((kind, identity.casefold()), person)
            if owner != person:
                yield ("people", person, kind), f"{kind} {identity!r} is already {owner}'s"


def _promotion_circles(plain: Plain) -> Iterator[Finding]:
    environments = mapping_at(plain, "environments")
    for name in environments:
        path = [name]
        while isinstance(before := value_at(plain, "environments", path[-1], "promotes_from"), str):
            if before in path:
                if before == name:  # told once, at the environment where the walk began
                    circle = " from ".join([*path, name])
                    yield ("environments", name, "promotes_from"), f"promotion runs in a circle: {circle}"
                break
            path.append(before)


def _bypasses(plain: Plain) -> Iterator[Finding]:
    for name in mapping_at(plain, "environments"):
        here: Path = ("environments", name)
        gates = mapping_at(plain, *here, "gates")
        for index, gate in items_at(plain, *here, "break_glass", "bypasses"):
            path: Path = (*here, "break_glass", "bypasses", index)
            if not isinstance(gate, str):
                continue
            if gate in NEVER_BYPASSED:
                yield path, f"break-glass never bypasses {gate!r}"
            elif gate not in gates:
                yield path, f"{name} has no gate {gate!r} to bypass{meant(gate, gates)}"


def _rollback_plans(plain: Plain) -> Iterator[Finding]:
    """A rollback plan is proved by the gate that looks for one (P13): where that gate is missing, nothing would."""
    for name in mapping_at(plain, "environments"):
        here: Path = ("environments", name)
        section = value_at(plain, *here, "break_glass")
        if not isinstance(section, Mapping) or _PLAN_GATE in mapping_at(plain, *here, "gates"):
            continue
        words = (
            f"a rollback plan is what the gate {_PLAN_GATE!r} proves, and {name} does not have it; add that gate, or "
            "write `requires: [incident-ticket]`"
        )
        if "requires" not in section:
            yield (*here, "break_glass"), words
        for index, demand in items_at(plain, *here, "break_glass", "requires"):
            if demand == _PLAN:
                yield (*here, "break_glass", "requires", index), words


def _phase_checks(plain: Plain) -> Iterator[Finding]:
    for name in mapping_at(plain, "environments"):
        here: Path = ("environments", name)
        known = {
            *_PHASE_CHECKS,
            *_names(plain, (*here, "monitors")),
            *_names(plain, (*here, "rollout", "analysis")),
        }
        for phase, _ in items_at(plain, *here, "verification"):
            for index, check in items_at(plain, *here, "verification", phase, "checks"):
                if isinstance(check, str) and check not in known:
                    hint = meant(check, known) or f"; known here: {', '.join(sorted(known))}"
                    yield (
                        (*here, "verification", phase, "checks", index),
                        f"there is no check {check!r}{hint}",
                    )


def _names(plain: Plain, path: Path) -> Iterator[str]:
    for _, item in items_at(plain, *path):
        name = value_at(item, "name")
        if isinstance(name, str):
            yield name


def _channels(plain: Plain) -> Iterator[Finding]:
    channels = mapping_at(plain, "slack", "channels")
    known = {
        "approvals",
        "incidents",
        "announcements",
        *(each for each in channels.values() if isinstance(each, str)),
    }
    for step, _ in items_at(plain, "escalation"):
        for index, target in items_at(plain, "escalation", step, "notify"):
            channel = value_at(target, "channel")
            if not isinstance(channel, str) or channel in known or channel.startswith("#") or _is_id(channel):
                continue
            hint = meant(channel, known) or f"; write one of {', '.join(sorted(known))}, or #{channel}"
            yield ("escalation", step, "notify", index, "channel"), f"there is no channel {channel!r}{hint}"


def _is_id(channel: str) -> bool:
    return (
        len(channel) >= _CHANNEL_ID_LENGTH and channel[0] in "CG" and channel.isalnum() and channel.isupper()
    )


def _checklists(plain: Plain) -> Iterator[Finding]:
    """A list that says something, each thing once (P18, F3)."""
    for name in mapping_at(plain, "checklists"):
        items = list(items_at(plain, "checklists", name))
        if value_at(plain, "checklists", name) == ():
            yield ("checklists", name), "a checklist needs at least one item: ticking nothing proves nothing"
        if len(items) > _MOST_ITEMS:
            yield (
                ("checklists", name, _MOST_ITEMS),
                f"a checklist has {_MOST_ITEMS} items at most, so that one message shows it",
            )
        seen: set[str] = set()
        for index, entry in items:
            item = value_at(entry, "item")
            if isinstance(item, str) and (alike := " ".join(item.split()).casefold()) in seen:
                yield ("checklists", name, index, "item"), f"there is another item {item!r} in this checklist"
            elif isinstance(item, str):
                seen.add(alike)


def _ticking_gates(plain: Plain) -> Iterator[Finding]:
    """An item that a gate ticks could never be ticked where the environment does not have that gate."""
    for environment in mapping_at(plain, "environments"):
        gates = mapping_at(plain, "environments", environment, "gates")
        name = value_at(plain, "environments", environment, "gates", _CHECKLIST, "name")
        if not isinstance(name, str):
            continue
        for index, entry in items_at(plain, "checklists", name):
            gate = value_at(entry, "gate")
            path: Path = ("checklists", name, index, "gate")
            if gate == _CHECKLIST:
                yield path, "a checklist cannot tick its own item"
            elif isinstance(gate, str) and gate not in gates:
                yield path, f"{environment} has no gate {gate!r} to tick this item{meant(gate, gates)}"


def _status_files(plain: Plain) -> Iterator[Finding]:
    """A file that the bot writes is no source of its own (K3), or it would believe its own word for ever; and two
    environments do not share one."""
    written: dict[str, str] = {}
    for name in mapping_at(plain, "environments"):
        path = value_at(plain, "environments", name, "writes")
        if isinstance(path, str) and (other := written.setdefault(_alike(path), name)) != name:
            yield ("environments", name, "writes"), f"{other} writes {path!r} already"
    for name in mapping_at(plain, "environments"):
        for index, monitor in items_at(plain, "environments", name, "monitors"):
            path = value_at(monitor, "file")
            if isinstance(path, str) and (writer := written.get(_alike(path))) is not None:
                yield (
                    ("environments", name, "monitors", index, "file"),
                    f"the bot itself writes {path!r} (writes of {writer}): it would believe its own word",
                )


def _alike(path: str) -> str:
    """One spelling of a path: some file systems take upper and lower case for the same."""
    return normpath(path).casefold()


_CHECKS: Final[tuple[Callable[[Plain], Iterator[Finding]], ...]] = (
    _names_twice,
    _identities_twice,
    _promotion_circles,
    _bypasses,
    _rollback_plans,
    _phase_checks,
    _channels,
    _checklists,
    _ticking_gates,
    _status_files,
)
