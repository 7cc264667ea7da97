"""The text of a policy as plain values with line numbers: YAML 1.2, bounded, without surprises.

Built from ruamel.yaml's events and not by its constructors: plain scalars follow the YAML 1.2 core schema (so
`14:00`, `yes` and `2026-11-23` are text), duplicate keys are errors, tags are refused, and aliases count in full
against a limit, so a small file cannot unfold into a large one.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from pydantic import JsonValue
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from bot.policy.problems import PolicyError, Problem

Plain: TypeAlias = "str | int | float | bool | Sequence[Plain] | Mapping[str, Plain] | None"
Path: TypeAlias = tuple[str | int, ...]

LARGEST: Final = 1024 * 1024
"""Bytes of any file that a policy names."""
LARGEST_POLICY: Final = 4 * 1024 * 1024
"""Bytes of a policy file: room for 10,000 monitors with all that can be said of each."""
DEEPEST: Final = 32
"""Levels of nesting."""
MOST_VALUES: Final = 400_000
"""Values in the whole document, each alias counted with all that it stands for."""
MOST_ALIASED: Final = 50_000
"""So many of them may come from aliases: what is written out costs whoever wrote it a byte or more, an alias does not."""
_LARGEST_NUMBER: Final = 2**53  # beyond it a number has no exact JSON form, hence no digest

_INTEGER: Final = re.compile(r"[-+]?[0-9]{1,20}|0o[0-7]{1,20}|0x[0-9a-fA-F]{1,16}", re.ASCII)
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]{1,3})?", re.ASCII)
_NULLS: Final = {"", "~", "null", "Null", "NULL"}
_BOOLEANS: Final = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NOT_NUMBERS: Final = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Document:
    """What the file says, and on which line (from 1) it says it."""

    plain: Plain
    lines: Mapping[Path, int]

    def line(self, location: Sequence[str | int]) -> int:
        """The line of the deepest part of the location that stands in the file."""
        return self.lines.get(self.present(location), 1)

    def present(self, location: Sequence[str | int]) -> Path:
        """The location without the parts that are not in the file, such as the tags of a union."""
        path: Path = ()
        for part in location:
            if (*path, part) in self.lines:
                path = (*path, part)
        return path


@dataclass(slots=True)
class _Node:
    """A value in the making. `entries` holds (key, line of the key, value)."""

    line: int
    scalar: str | int | float | bool | None = None
    items: "list[_Node] | None" = None
    entries: "dict[str, tuple[int, _Node]] | None" = None
    key: tuple[str, int] | None = None
    size: int = 1


@dataclass(slots=True)
class _Builder:
    file: str
    problems: list[Problem] = field(default_factory=list)
    anchors: dict[str, _Node] = field(default_factory=dict)
    stack: list[_Node] = field(default_factory=list)
    roots: list[_Node] = field(default_factory=list)
    values: int = 0
    aliased: int = 0

    def problem(self, line: int, message: str) -> None:
        self.problems.append(Problem(self.file, line, message))

    def stop(self, line: int, message: str) -> PolicyError:
        self.problem(line, message)
        return PolicyError(self.problems)

    def take(self, event: Event) -> None:
        """Take the next event of the parser."""
        match event:
            case ScalarEvent():
                self._scalar(event)
            case SequenceStartEvent():
                self._open(event, _Node(_line(event), items=[]))
            case MappingStartEvent():
                self._open(event, _Node(_line(event), entries={}))
            case SequenceEndEvent() | MappingEndEvent():
                self._add(self.stack.pop())
            case AliasEvent():
                self._alias(event)
            case DocumentStartEvent() if self.roots:
                raise self.stop(_line(event), "a second document starts here; a policy is one document")
            case _:
                pass

    def _count(self, line: int, values: int) -> None:
        self.values += values
        if self.values > MOST_VALUES:
            raise self.stop(line, f"more than {MOST_VALUES} values, aliases counted in full")

    def _open(self, event: SequenceStartEvent | MappingStartEvent, node: _Node) -> None:
        self._count(node.line, 1)
        if len(self.stack) >= DEEPEST:
            raise self.stop(node.line, f"nested more than {DEEPEST} levels deep")
        if event.tag is not None:
            self.problem(node.line, f"the tag {event.tag} is not understood here")
        if self._awaits_key():
            raise self.stop(node.line, "a key must be plain text")
        self._anchor(event, node)
        self.stack.append(node)

    def _anchor(self, event: NodeEvent, node: _Node) -> None:
        if event.anchor is not None:
            self.anchors[event.anchor] = node

    def _awaits_key(self) -> bool:
        return bool(self.stack) and self.stack[-1].entries is not None and self.stack[-1].key is None

    def _scalar(self, event: ScalarEvent) -> None:
        line = _line(event)
        self._count(line, 1)
        if event.tag is not None:
            self.problem(line, f"the tag {event.tag} is not understood here")
        if self._awaits_key():
            self.stack[-1].key = (event.value, line)
            return
        node = _Node(line)
        if event.style is not None:
            node.scalar = event.value
        else:
            node.scalar = self._resolve(event.value, line)
        self._anchor(event, node)
        self._add(node)

    def _alias(self, event: AliasEvent) -> None:
        line = _line(event)
        if self._awaits_key():
            raise self.stop(line, "a key must be plain text")
        node = self.anchors.get(event.anchor)
        if node is None or any(node is open_ for open_ in self.stack):
            raise self.stop(line, f"*{event.anchor} stands for nothing that is complete before it")
        self.aliased += node.size
        if self.aliased > MOST_ALIASED:
            raise self.stop(line, f"aliases stand for more than {MOST_ALIASED} values")
        self._count(line, node.size)
        self._add(node)

    def _add(self, node: _Node) -> None:
        if not self.stack:
            self.roots.append(node)
            return
        parent = self.stack[-1]
        parent.size += node.size
        if parent.items is not None:
            parent.items.append(node)
        elif parent.entries is not None and parent.key is not None:
            (key, line), parent.key = parent.key, None
            if key in parent.entries:
                self.problem(line, f"the key {key!r} stands twice, first on line {parent.entries[key][0]}")
            else:
                parent.entries[key] = (line, node)

    def _resolve(self, text: str, line: int) -> str | int | float | bool | None:
        if text in _NULLS:
            return None
        if text in _BOOLEANS:
            return _BOOLEANS[text]
        if _INTEGER.fullmatch(text):
            number = int(text, 0) if text[:2] in {"0o", "0x"} else int(text)
            if abs(number) > _LARGEST_NUMBER:
                self.problem(line, f"the number {text} is too large; put it in quotes if it is text")
            return number
        if _NOT_NUMBERS.fullmatch(text):
            self.problem(line, f"{text} is not a usable number")
            return None
        return float(text) if _FLOAT.fullmatch(text) else text


def read(text: str, file: str) -> Document:
    """Parse the text of a policy.

    Raises:
        PolicyError: for text that is not YAML, is too large, nested too deep or says a thing twice.

    """
    builder = _Builder(file)
    if len(text.encode()) > LARGEST_POLICY:
        raise builder.stop(1, f"the file has more than {LARGEST_POLICY} bytes")
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            builder.take(event)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = ", ".join(part for part in (error.context, error.problem) if part)
        raise builder.stop(mark.line + 1 if mark else 1, f"not YAML: {reason}") from error
    except (YAMLError, ValueError, RecursionError) as error:
        raise builder.stop(1, f"not YAML: {' '.join(str(error).split())}") from error
    if builder.problems:
        raise PolicyError(builder.problems)
    if not builder.roots:
        raise builder.stop(1, "the file is empty")
    return _document(builder.roots[0])


def _document(root: _Node) -> Document:
    lines: dict[Path, int] = {(): root.line}

    def plain(node: _Node, path: Path) -> Plain:
        if node.items is not None:
            lines.update({(*path, index): item.line for index, item in enumerate(node.items)})
            return tuple(plain(item, (*path, index)) for index, item in enumerate(node.items))
        if node.entries is not None:
            lines.update({(*path, key): line for key, (line, _) in node.entries.items()})
            return {key: plain(value, (*path, key)) for key, (_, value) in node.entries.items()}
        return node.scalar

    return Document(plain(root, ()), lines)


def _line(event: Event) -> int:
    return int(event.start_mark.line) + 1


def mapping_at(plain: Plain, *path: str | int) -> Mapping[str, Plain]:
    """The mapping at a path, empty where something else or nothing stands there."""
    found = value_at(plain, *path)
    return found if isinstance(found, Mapping) else {}


def items_at(plain: Plain, *path: str | int) -> Iterator[tuple[int, Plain]]:
    """The items of the list at a path with their indices, none where something else or nothing stands there."""
    found = value_at(plain, *path)
    return iter(enumerate(found if isinstance(found, tuple) else ()))


def value_at(plain: Plain, *path: str | int) -> Plain:
    """What stands at a path; None where nothing does."""
    for part in path:
        if isinstance(plain, Mapping) and isinstance(part, str):
            plain = plain.get(part)
        elif isinstance(plain, tuple) and isinstance(part, int) and part < len(plain):
            plain = plain[part]
        else:
            return None
    return plain


def as_json(plain: Plain) -> JsonValue:
    """The same values with lists where the document holds tuples."""
    if isinstance(plain, Mapping):
        return {key: as_json(value) for key, value in plain.items()}
    if isinstance(plain, Sequence) and not isinstance(plain, str):
        return [as_json(value) for value in plain]
    return plain
