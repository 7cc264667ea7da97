"""All the rules of one scope compiled to a line of segments, read by bisection."""

import operator
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import compress
from typing import Final

from bot.domain.calendar.answers import ActiveRule
from bot.domain.calendar.effects import Effect
from bot.domain.calendar.rule_spans import RuleSpans
from bot.domain.calendar.rules import RuleKind

_ZERO_AND_ONE: Final = bytes.maketrans(b"01", b"\x00\x01")
_EFFECTS: Final = tuple(Effect)
_ALLOWED: Final = re.compile(bytes((0x5B, Effect.PREFER, Effect.ALLOW, 0x5D)))  # [..]: one of the two
_AT_LEAST: Final = {worst: bytes(max(each, worst) for each in range(256)) for worst in Effect}
_SORTED_AT_ONCE: Final = 4096
"""So many changes are sorted at once: sorting lets no other thread run, and the event loop is one."""


@dataclass(frozen=True, slots=True, eq=False)
class Segments:
    """The verdict's effect between two instants: `effects[i]` holds from `starts[i]` to the next start, and differs
    from its neighbours."""

    starts: Sequence[datetime]
    effects: bytes
    """The numbers of the effects: they take little room, and are searched and cut as one."""

    def index(self, instant: datetime) -> int:
        """The index of the segment that holds the instant, which must not lie before the first start."""
        return bisect_right(self.starts, instant) - 1

    def effect(self, index: int) -> Effect:
        """What holds in a segment."""
        return _EFFECTS[self.effects[index]]

    def next_allowed(self, index: int) -> int | None:
        """The first segment from this one on that is allowed or preferred."""
        found = _ALLOWED.search(self.effects, index)
        return None if found is None else found.start()

    def next_preferred(self, index: int) -> int | None:
        """The first segment from this one on that is preferred."""
        found = self.effects.find(Effect.PREFER, index)
        return None if found < 0 else found


@dataclass(frozen=True, slots=True, eq=False)
class Timeline:
    """The rules of a scope between two instants, and what follows from them.

    Which rules are in force is known only for the first part, in which instants are asked about: `masks[i]` holds
    from `cells[i]` to the next cell, and its bit n stands for `rules[n]`. Behind it only the verdict counts.
    """

    rules: Sequence[RuleSpans]
    places: Sequence[int]
    """The places of `rules` in the policy."""
    segments: Segments
    cells: Sequence[datetime]
    masks: Sequence[int]
    openings: Sequence[datetime]
    """The instants at which a window opens while none is open."""
    has_windows: bool
    under: "Timeline | None" = None
    """A timeline whose rules hold as well; these here then only restrict."""

    @property
    def weight(self) -> int:
        """How many entries it keeps of its own: each takes about eight bytes."""
        return len(self.segments.starts) + len(self.cells) + len(self.masks)

    def all_rules(self) -> list[RuleSpans]:
        """Its rules and those of the timeline under it, in the order of the policy."""
        return [rule for _, rule in sorted(self.placed(), key=operator.itemgetter(0))]

    def placed(self) -> Iterator[tuple[int, RuleSpans]]:
        """The same with their places, in no order."""
        if self.under is not None:
            yield from self.under.placed()
        yield from zip(self.places, self.rules, strict=True)

    def active(self, at: datetime) -> list[tuple[bool, ActiveRule]]:
        """The rules in force at the instant, in the order of the policy, and whether break-glass passes each."""
        found = list(self.in_force(at))
        if self.under is not None:
            found.sort(key=operator.itemgetter(0))
        return [(passes, rule) for _, passes, rule in found]

    def in_force(self, at: datetime) -> Iterator[tuple[int, bool, ActiveRule]]:
        """What `active` says with the places of the rules, in no order."""
        if self.under is not None:
            yield from self.under.in_force(at)
        mask = self.masks[bisect_right(self.cells, at) - 1]
        if mask:
            chosen = f"{mask:b}"[::-1].encode().translate(_ZERO_AND_ONE)
            for place, each in compress(zip(self.places, self.rules, strict=True), chosen):
                found = each.active(at)
                if found is not None:
                    yield place, each.rule.break_glass, found

    def opening(self, at: datetime) -> datetime | None:
        """The first opening after an instant at which no window is open."""
        place = bisect_right(self.openings, at)
        return self.openings[place] if place < len(self.openings) else None


@dataclass(frozen=True, slots=True)
class Frame:
    """The instants between which a timeline is compiled; which rules are in force is kept up to `middle`."""

    low: datetime
    middle: datetime
    high: datetime


def compile_timeline(
    rules: Sequence[RuleSpans], places: Sequence[int], outside: Effect, frame: Frame
) -> Timeline:
    """Sweep over every start and end in the frame and keep the instants at which something changes."""
    lattice = _Lattice.of(rules, outside)
    mask = sum(1 << index for index, each in enumerate(rules) if bisect_right(each.edges, frame.low) & 1)
    starts, effects = [frame.low], bytearray((lattice.worst(mask),))
    cells, masks, same = [frame.low], [mask], {mask: mask}
    openings = []
    for instant, changed in _changes(rules, frame):
        opened = not mask & lattice.windows
        mask ^= changed
        mask = same.setdefault(mask, mask)  # weeks look alike, so one number serves many cells
        if opened and mask & lattice.windows:
            openings.append(instant)
        if instant < frame.middle:
            cells.append(instant)
            masks.append(mask)
        worst = lattice.worst(mask)
        if worst != effects[-1]:
            starts.append(instant)
            effects.append(worst)
    segments = Segments(starts, bytes(effects))
    return Timeline(rules, places, segments, cells, masks, openings, has_windows=bool(lattice.windows))


def overlay(under: Timeline, extra: Sequence[RuleSpans], places: Sequence[int], frame: Frame) -> Timeline:
    """The timeline with more restrictions on top. What they leave alone is taken over as it is."""
    own = compile_timeline(extra, places, Effect.ALLOW, frame)
    segments = _restricted(under.segments, own.segments)
    return Timeline(extra, places, segments, own.cells, own.masks, under.openings, under.has_windows, under)


def _restricted(under: Segments, own: Segments) -> Segments:
    """The worse of the two everywhere. Where nothing restricts, `own` says `allow`, and `under` may say `prefer`."""
    starts: list[datetime] = []
    effects = bytearray()
    for index, (begin, worst) in enumerate(zip(own.starts, own.effects, strict=True)):
        last = index + 1 == len(own.starts)
        first = under.index(begin)
        end = len(under.starts) if last else bisect_left(under.starts, own.starts[index + 1], first)
        instants = [begin, *under.starts[first + 1 : end]]
        found = under.effects[first:end]
        if worst > Effect.ALLOW:
            found = found.translate(_AT_LEAST[_EFFECTS[worst]])
            differs = [True, *map(operator.ne, found[1:], found)]
            instants, found = list(compress(instants, differs)), bytes(compress(found, differs))
        same = bool(effects) and effects[-1] == found[0]
        starts += instants[same:]
        effects += found[same:]
    return Segments(starts, bytes(effects))


def _changes(rules: Sequence[RuleSpans], frame: Frame) -> Iterator[tuple[datetime, int]]:
    """The instants after `low` at which rules begin or end, ascending, and those rules as bits."""
    count = 1 + sum(len(each.edges) for each in rules) // _SORTED_AT_ONCE
    seen = [bisect_right(each.edges, frame.low) for each in rules]
    for number in range(1, count + 1):
        end = frame.low + (frame.high - frame.low) * number / count
        changes = dict[datetime, int]()
        for index, each in enumerate(rules):
            bit, first = 1 << index, seen[index]
            seen[index] = bisect_left(each.edges, end, first)
            for edge in each.edges[first : seen[index]]:
                changes[edge] = changes.get(edge, 0) ^ bit
        for edge in sorted(changes):
            yield edge, changes[edge]


@dataclass(frozen=True, slots=True)
class _Lattice:
    """The effects as bits of the rules that have them (P12)."""

    prohibit: int
    discourage: int
    prefer: int
    windows: int
    outside: Effect

    @classmethod
    def of(cls, rules: Sequence[RuleSpans], outside: Effect) -> "_Lattice":
        return cls(
            _bits(each.rule.effect is Effect.PROHIBIT for each in rules),
            _bits(each.rule.effect is Effect.DISCOURAGE for each in rules),
            _bits(each.rule.effect is Effect.PREFER for each in rules),
            _bits(each.rule.kind is RuleKind.WINDOW for each in rules),
            outside,
        )

    def worst(self, mask: int) -> Effect:
        """The verdict's effect while these rules are in force."""
        if mask & self.prohibit:
            return Effect.PROHIBIT
        closed = self.outside if self.windows and not mask & self.windows else Effect.PREFER
        if mask & self.discourage:
            return max(Effect.DISCOURAGE, closed)
        return max(Effect.PREFER if mask & self.prefer else Effect.ALLOW, closed)


def _bits(chosen: Iterable[bool]) -> int:
    return sum(1 << index for index, each in enumerate(chosen) if each)
