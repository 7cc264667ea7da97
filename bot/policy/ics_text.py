"""The text of an iCalendar file as components and properties: unfolded, bounded, in one pass over its lines."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

DEEPEST: Final = 16
"""Levels of components within components; an alarm within an event within a calendar is three."""

_READ: Final = frozenset(
    {
        "DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "EXRULE", "RECURRENCE-ID", "STATUS", "SUMMARY",
        "UID", "SEQUENCE", "TZID", "TZOFFSETFROM", "TZOFFSETTO",
    }
)  # fmt: skip
"""The properties that mean something here. Whatever else stands in a file is passed over, well written or not."""
_NAME: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_PARAMETER: Final = re.compile(r';([A-Za-z0-9-]{1,64})=("[^"]*"|[^";:,]*)((?:,(?:"[^"]*"|[^";:,]*))*)')
_ESCAPED: Final = re.compile(r"\\([\\;,nN])")
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


@dataclass(frozen=True, slots=True)
class Property:
    """One line, such as `DTSTART;TZID=Europe/Berlin:20261224T180000`."""

    name: str
    parameters: dict[str, str]
    value: str
    line: int


@dataclass(slots=True)
class Component:
    """What stands between a BEGIN and its END."""

    name: str
    line: int
    properties: dict[str, list[Property]] = field(default_factory=dict)
    parts: "list[Component]" = field(default_factory=list)

    def all(self, name: str) -> list[Property]:
        """Every property of this name, in the file's order."""
        return self.properties.get(name, [])

    def one(self, name: str) -> Property | None:
        """The property of this name. Raises ValueError where it stands more than once."""
        found = self.all(name)
        if len(found) > 1:
            raise ValueError(f"{name} stands twice, in lines {found[0].line} and {found[1].line}")
        return found[0] if found else None

    def text(self, name: str, *, most: int = 200) -> str:
        """The text of a property on one line, unescaped and cut; empty where there is none."""
        found = self.all(name)
        plain = (
            _ESCAPED.sub(lambda m: " " if m[1] in "nN" else m[1], found[0].value[: 2 * most]) if found else ""
        )
        plain = _CONTROLS.sub(" ", plain).strip()
        return plain if len(plain) <= most else plain[: most - 1] + "…"


def calendars(content: bytes, *, strict: bool) -> list[Component]:
    """The VCALENDARs of a file; one may follow the other.

    `strict`: text that is not UTF-8 is an error rather than a replacement character in a title.

    Raises:
        ValueError: with a sentence, for bytes that are no such file, or only a part of one.

    """
    root = Component("", 0)
    open_ones = [root]
    for line, text in _unfolded(content, strict=strict):
        name, found = _head(text), open_ones[-1]
        if name == "BEGIN":
            inner = Component(text[6:].strip().upper(), line)
            found.parts.append(inner)
            open_ones.append(inner)
            if len(open_ones) > DEEPEST:
                raise ValueError(f"line {line}: components stand more than {DEEPEST} deep in each other")
        elif name == "END":
            if len(open_ones) == 1 or text[4:].strip().upper() != found.name:
                raise ValueError(f"line {line}: {text[:40]!r} ends what did not begin")
            open_ones.pop()
        elif len(open_ones) == 1:
            raise ValueError(f"line {line}: it does not begin with BEGIN:VCALENDAR")
        elif name in _READ:
            found.properties.setdefault(name, []).append(_property(name, text, line))
    if len(open_ones) > 1:
        raise ValueError(f"it breaks off: {open_ones[-1].name} of line {open_ones[-1].line} does not end")
    if not root.parts or any(part.name != "VCALENDAR" for part in root.parts):
        raise ValueError("it holds something other than calendars")
    return root.parts


def _head(text: str) -> str:
    match = _NAME.match(text)
    return match[0].upper() if match and text[match.end() : match.end() + 1] in {":", ";"} else ""


def _property(name: str, text: str, line: int) -> Property:
    position = len(name)
    parameters = {}
    while match := _PARAMETER.match(text, position):
        parameters[match[1].upper()] = match[2].strip('"')
        position = match.end()
    if text[position : position + 1] != ":":
        raise ValueError(f"line {line}: {name} cannot be read")
    return Property(name, parameters, text[position + 1 :].strip(), line)


def _unfolded(content: bytes, *, strict: bool) -> Iterator[tuple[int, str]]:
    """Lines with their numbers. Bytes are unfolded before they are decoded: a fold may fall within a character."""
    for number, parts in _folded(content.removeprefix(b"\xef\xbb\xbf").splitlines()):
        try:
            text = b"".join(parts).decode(errors="strict" if strict else "replace")
        except UnicodeDecodeError:
            raise ValueError(f"line {number}: it is not UTF-8 text") from None
        if text.strip():
            yield number, text


def _folded(lines: Iterable[bytes]) -> Iterator[tuple[int, list[bytes]]]:
    gathered: list[bytes] = []
    begun = 1
    for number, line in enumerate(lines, start=1):
        if line[:1] in {b" ", b"\t"} and gathered:
            gathered.append(line[1:])
            continue
        if gathered:
            yield begun, gathered
        gathered, begun = [line], number
    if gathered:
        yield begun, gathered
