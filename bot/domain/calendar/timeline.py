"""All the rules of one scope compiled to a line of segments, read by bisection."""

from bisect import bisect_right
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


@dataclass(frozen=True, slots=True, eq=False)
class Segments:
    """The verdict's effect between two instants: `effects[i]` holds from `starts[i]` to the next start."""

    starts: Sequence[datetime]
    effects: Sequence[Effect]
    next_allowed: Sequence[int | None]
    """For each segment the first one from it on that is allowed or preferred."""
    next_preferred: Sequence[int | None]

    @classmethod
    def of(cls, starts: Sequence[datetime], effects: Sequence[Effect]) -> "Segments":
        """With the places of the next ones worked out."""
        return cls(starts, effects, _next(effects, Effect.ALLOW), _next(effects, Effect.PREFER))

    def index(self, instant: datetime) -> int:
        """The index of the segment that holds the instant, which must not lie before the first start."""
        return bisect_right(self.starts, instant) - 1


@dataclass(frozen=True, slots=True, eq=False)
class Timeline:
    """The rules of a scope between two instants, and what follows from them.

    Which rules are in force is known only for the first part, in which instants are asked about: `masks[i]` holds
    from `cells[i]` to the next cell, and its bit n stands for `rules[n]`. Behind it only the verdict counts.
    """

    rules: Sequence[RuleSpans]
    segments: Segments
    cells: Sequence[datetime]
    masks: Sequence[int]
    openings: Sequence[datetime]
    """The instants at which a window opens while none is open."""
    has_windows: bool
    under: "Timeline | None" = None
    """A timeline whose rules hold as well; these here, which come after, then only restrict."""

    def all_rules(self) -> list[RuleSpans]:
        """Its rules and those of the timeline under it, in the order of the policy."""
        return [*(self.under.all_rules() if self.under else ()), *self.rules]

    def active(self, at: datetime) -> Iterator[tuple[bool, ActiveRule]]:
        """The rules in force at the instant, in the order of the policy, and whether break-glass passes each."""
        if self.under is not None:
            yield from self.under.active(at)
        mask = self.masks[bisect_right(self.cells, at) - 1]
        if mask:
            chosen = f"{mask:b}"[::-1].encode().translate(_ZERO_AND_ONE)
            for each in compress(self.rules, chosen):
                found = each.active(at)
                if found is not None:
                    yield each.rule.break_glass, found

    def opening(self, at: datetime) -> datetime | None:
        """The first opening after an instant at which no window is open."""
        place = bisect_right(self.openings, at)
        return self.openings[place] if place < len(self.openings) else None


def compile_timeline(
    rules: Sequence[RuleSpans], outside: Effect, low: datetime, middle: datetime, high: datetime
) -> Timeline:
    """Sweep over every start and end in [low, high) and keep the instants at which something changes.

    Which rules are in force is kept up to `middle`.
    """
    lattice = _Lattice.of(rules, outside)
    mask, changes = _changes(rules, low, high)
    starts, effects = [low], [lattice.worst(mask)]
    cells, masks, same = [low], [mask], {mask: mask}
    openings = []
    for instant in sorted(changes):
        opened = not mask & lattice.windows
        mask ^= changes[instant]
        mask = same.setdefault(mask, mask)  # weeks look alike, so one number serves many cells
        if opened and mask & lattice.windows:
            openings.append(instant)
        if instant < middle:
            cells.append(instant)
            masks.append(mask)
        worst = lattice.worst(mask)
        if worst is not effects[-1]:
            starts.append(instant)
            effects.append(worst)
    segments = Segments.of(starts, effects)
    return Timeline(rules, segments, cells, masks, openings, has_windows=bool(lattice.windows))


def overlay(under: Timeline, extra: Sequence[RuleSpans], middle: datetime, high: datetime) -> Timeline:
    """The timeline with more restrictions on top, which takes no look at the rules under them."""
    low = under.segments.starts[0]
    own = compile_timeline(extra, Effect.ALLOW, low, middle, high)
    starts: list[datetime] = []
    effects: list[Effect] = []
    for instant in sorted({*under.segments.starts, *own.segments.starts}):
        below, above = (line.effects[line.index(instant)] for line in (under.segments, own.segments))
        # Where nothing restricts, the line on top says `allow`, and what lies under it may say `prefer`.
        worst = max(below, above) if above > Effect.ALLOW else below
        if not effects or worst is not effects[-1]:
            starts.append(instant)
            effects.append(worst)
    segments = Segments.of(starts, effects)
    return Timeline(extra, segments, own.cells, own.masks, under.openings, under.has_windows, under)


def _changes(rules: Sequence[RuleSpans], low: datetime, high: datetime) -> tuple[int, dict[datetime, int]]:
    """The rules in force at `low`, and for each later instant those that begin or end there, as bits."""
    mask, changes = 0, dict[datetime, int]()
    for index, each in enumerate(rules):
        bit = 1 << index
        for edge in each.edges:
            if edge <= low:
                mask ^= bit
            elif edge < high:
                changes[edge] = changes.get(edge, 0) ^ bit
    return mask, changes


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


def _next(effects: Sequence[Effect], at_worst: Effect) -> list[int | None]:
    """For each segment the index of the first one from it on whose effect is no worse."""
    found: list[int | None] = [None] * len(effects)
    following: int | None = None
    for index in range(len(effects) - 1, -1, -1):
        if effects[index] <= at_worst:
            following = index
        found[index] = following
    return found
