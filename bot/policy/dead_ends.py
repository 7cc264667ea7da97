"""What a policy says that loads and leads nowhere: approval that nobody can give, a restart that nothing is told of.

A policy that is only asked about its calendar may leave both open, so they keep nothing from loading.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from ipaddress import ip_address
from pathlib import Path as File
from typing import Final
from urllib.parse import urlsplit

from bot.domain.durations import parse, render
from bot.policy.checks import Finding
from bot.policy.document import Path, Plain, items_at, mapping_at, read, value_at
from bot.policy.monitors import KINDS, Polled
from bot.policy.problems import Problem
from bot.policy.states import in_all_states

_NOBODY: Final = (
    "without seats nobody could ever approve; name who sits, such as `seats: [{role: …}]`, or write "
    "`approval: {seats: [], minimum: 0}` where nobody has to"
)
_NAMELESS: Final = "it names no component and there are several services, so restarts_for does not hold for it: its RED pages at once"
_OURS: Final = "is in a private network, where a monitor reads nothing without `allow_private: true`: it can only be UNKNOWN"
_UNHEARD: Final = "it tells nobody but a channel, which wakes nobody"
_BEFORE_NEXT: Final = ": people are paged only when its time is over"
_WAYLESS: Final = (
    "has neither slack nor email under `people`: no page reaches them, and the next step is told at once"
)
_WAYS: Final = ("slack", "email")
_ALIKE: Final = 0.8
"""So close to a declared name, another one is rather a slip than a name of its own."""


@dataclass(frozen=True, slots=True)
class DeadEnds:
    """`problems` have to be mended before anybody deploys; `hints` may be meant so."""

    problems: tuple[Problem, ...]
    hints: tuple[Problem, ...]


def dead_ends(path: File) -> DeadEnds:
    """Those of a policy file that loads, each with its place. Raises OSError, and PolicyError where it is no YAML."""
    document = read(path.read_text(encoding="utf-8-sig"), str(path))

    def problem(finding: Finding) -> Problem:
        location, message = finding
        where = ".".join(str(part) for part in document.present(location))
        return Problem(str(path), document.line(location), f"{where}: {message}")

    nobody = in_all_states(document.plain, _nobody_may_approve)

    def hinted(plain: Plain) -> Iterator[Finding]:
        yield from _nameless_monitors(plain)
        yield from _unreadable_monitors(plain)
        yield from _undeclared_components(plain)
        yield from _missing_programs(plain, path.parent)
        yield from _wakes_nobody(plain)
        yield from _out_of_reach(plain)
        yield from _never_slow(plain)
        yield from _longer_than_every(plain)

    hints = in_all_states(document.plain, hinted)
    return DeadEnds(tuple(map(problem, nobody)), tuple(map(problem, hints)))


def _nobody_may_approve(plain: Plain) -> Iterator[Finding]:
    """Without a seat there is nobody to sign, so a number of people above 0 waits for ever. Unsaid it is 1, so that a
    forgotten section opens nothing; without a service or a gate nothing gets so far."""
    if not mapping_at(plain, "services"):
        return
    for name in mapping_at(plain, "environments"):
        here: Path = ("environments", name, "approval")
        minimum = value_at(plain, *here, "minimum")
        gates = mapping_at(plain, "environments", name, "gates")
        if not gates or minimum == 0 or list(items_at(plain, *here, "seats")):
            continue
        yield here if minimum is None else (*here, "minimum"), _NOBODY


def _nameless_monitors(plain: Plain) -> Iterator[Finding]:
    """Where there are several services, a monitor that names no component is nobody's: no restart explains its RED."""
    if len(mapping_at(plain, "services")) < 2:  # noqa: PLR2004 -- several
        return
    for name in mapping_at(plain, "environments"):
        here: Path = ("environments", name)
        if value_at(plain, *here, "rollout", "restarts_for") is None:
            continue
        for index, monitor in items_at(plain, *here, "monitors"):
            if value_at(monitor, "component") is None:
                yield (*here, "monitors", index), _NAMELESS


def _monitors(plain: Plain) -> Iterator[tuple[Path, Plain]]:
    for name in mapping_at(plain, "environments"):
        for index, monitor in items_at(plain, "environments", name, "monitors"):
            yield ("environments", name, "monitors", index), monitor


def _unreadable_monitors(plain: Plain) -> Iterator[Finding]:
    """An address of our own network, written as such, is refused before it is asked."""
    for here, monitor in _monitors(plain):
        for kind, key in (("http", "url"), ("tcp", "host")):
            said = value_at(monitor, kind, key)
            if not isinstance(said, str) or value_at(monitor, kind, "allow_private") is True:
                continue
            host = _host(said) if kind == "http" else said
            if _is_private(host):
                yield (*here, kind, key), f"{host} {_OURS}"


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:  # the field itself reports it
        return ""


def _is_private(host: str) -> bool:
    try:
        return not ip_address(host).is_global
    except ValueError:  # a name, whose address is known only when it is asked for
        return host.rstrip(".").casefold() == "localhost"


def _undeclared_components(plain: Plain) -> Iterator[Finding]:
    """A component may be named by its monitors alone; one that is nearly a declared one is shown beside it."""
    declared = mapping_at(plain, "components")
    for here, monitor in _monitors(plain):
        name = value_at(monitor, "component")
        if not isinstance(name, str) or name in declared:
            continue
        for near in get_close_matches(name, declared, n=1, cutoff=_ALIKE):
            said = f"there is no component {name!r} under `components`, and so it is one of its own"
            yield (*here, "component"), f"{said}; did you mean {near!r}?"


def _wakes_nobody(plain: Plain) -> Iterator[Finding]:
    """A message in a channel calls nobody, and the first step waits for its answer all the same."""
    steps = list(items_at(plain, "escalation"))
    if not steps:
        return
    index, first = steps[0]
    targets = [target for _, target in items_at(first, "notify")]
    if targets and all(value_at(target, "channel") is not None for target in targets):
        yield ("escalation", index, "notify"), _UNHEARD if len(steps) == 1 else f"{_UNHEARD}{_BEFORE_NEXT}"


def _out_of_reach(plain: Plain) -> Iterator[Finding]:
    """Who takes a turn and has neither Slack nor e-mail is passed over when they are to be paged (`flows.pages`)."""
    for name in mapping_at(plain, "on_call"):
        duty: Path = ("on_call", name)
        turns = [(*duty, "rotation")]
        turns += [(*duty, "layers", index, "rotation") for index, _ in items_at(plain, *duty, "layers")]
        for turn in turns:
            for index, person in items_at(plain, *turn, "people"):
                if not isinstance(person, str) or person not in mapping_at(plain, "people"):
                    continue  # told as an unknown name
                if not any(value_at(plain, "people", person, way) for way in _WAYS):
                    yield (*turn, "people", index), f"{person} {_WAYLESS}"


def _never_slow(plain: Plain) -> Iterator[Finding]:
    """What takes as long as the time limit is given up, so that it is never told as slow."""
    for here, monitor in _monitors(plain):
        limit = _duration(value_at(monitor, "timeout")) or Polled.model_fields["timeout"].default
        for kind in ("http", "tcp"):
            slow = _duration(value_at(monitor, kind, "slower_than"))
            if slow is not None and slow >= limit:
                said = (
                    f"timeout is {render(limit)}, and what takes so long has failed: it is never merely slow"
                )
                yield (*here, kind, "slower_than"), said


def _longer_than_every(plain: Plain) -> Iterator[Finding]:
    """A reading that may take as long as the interval comes later than the policy says."""
    for here, monitor in _monitors(plain):
        if not any(value_at(monitor, kind.kind) is not None for kind in KINDS if issubclass(kind, Polled)):
            continue  # others report, and nothing is read
        said_limit = _duration(value_at(monitor, "timeout"))
        limit = said_limit or Polled.model_fields["timeout"].default
        every = _duration(value_at(monitor, "every")) or Polled.model_fields["every"].default
        if limit > every or said_limit == every:  # unsaid and as long as the interval, nobody chose it
            key = "every" if said_limit is None else "timeout"
            said = f"one reading may take {render(limit)} (timeout), and every {render(every)} one is due: the next comes late"
            yield (*here, key), said


def _duration(said: Plain) -> timedelta | None:
    try:
        return parse(said) if isinstance(said, str) else None
    except ValueError:  # the field itself reports it
        return None


def _missing_programs(plain: Plain, beside: File) -> Iterator[Finding]:
    """A program that is named by its path is sought from the folder of the policy file."""
    called = [(*here, "command") for here, _ in _monitors(plain)]
    for name in mapping_at(plain, "services"):
        here: Path = ("services", name, "deployer", "command")
        called += [(*here, verb) for verb in ("start", "shift", "status", "rollback")]
    for place in called:
        for index, word in items_at(plain, *place):
            if index == 0 and isinstance(word, str) and _is_missing(word, beside):
                yield (*place, index), f"there is no file {word} beside the policy: it cannot be run"


def _is_missing(word: str, beside: File) -> bool:
    if "/" not in word or word.startswith("/") or "{" in word:
        return False
    try:
        return not (beside / word).exists()
    except (OSError, ValueError):  # too long, or a NUL in it
        return True
