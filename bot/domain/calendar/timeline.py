"""All the rules of one scope compiled to a line of segments, one verdict each, read by bisection."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Final

from bot.domain.calendar.effects import Effect
from bot.domain.calendar.rules import Rule, RuleKind
from bot.domain.calendar.spans import Span, merge

_ENDS, _STARTS = -1, 1
_EFFECTS: Final = tuple(Effect)


@dataclass(frozen=True, slots=True)
class RuleSpans:
    """When one rule is in force between two instants: the spans that have a name, and the union of all of them."""

    rule: Rule
    labelled: Sequence[Span]
    starts: Sequence[datetime]
    ends: Sequence[datetime]

    def until(self, instant: datetime) -> datetime | None:
        """The end of the union around the instant, None where the rule is not in force then."""
        index = bisect_right(self.starts, instant) - 1
        return self.ends[index] if index >= 0 and instant < self.ends[index] else None

    def next_start(self, instant: datetime) -> datetime | None:
        """The first start of the union after the instant."""
        index = bisect_right(self.starts, instant)
        return self.starts[index] if index < len(self.starts) else None

    def label(self, instant: datetime) -> str | None:
        """What the span around the instant is called."""
        return next((span.label for span in self.labelled if span.start <= instant < span.end), None)


@dataclass(frozen=True, slots=True)
class Timeline:
    """Segments between two instants: `effects[i]` holds from `starts[i]` to the next start."""

    starts: Sequence[datetime]
    effects: Sequence[Effect]
    next_allowed: Sequence[int | None]
    """For each segment the first one from it on that is allowed or preferred."""
    next_preferred: Sequence[int | None]
    rules: Sequence[RuleSpans]
    has_windows: bool

    def segment(self, instant: datetime) -> int:
        """The index of the segment that holds the instant, which must not lie before the first start."""
        return bisect_right(self.starts, instant) - 1


def spans_of(rule: Rule, low: datetime, high: datetime) -> RuleSpans:
    """When the rule is in force in [low, high)."""
    spans = rule.source.spans(low, high)
    return RuleSpans(rule, [span for span in spans if span.label], *merge(spans, high))


def compile_timeline(rules: Sequence[RuleSpans], outside: Effect, low: datetime, high: datetime) -> Timeline:
    """Sweep over every start and end in [low, high) and keep the instants at which the verdict changes."""
    has_windows = any(each.rule.kind is RuleKind.WINDOW for each in rules)
    active = [0] * len(_EFFECTS)
    starts, effects = [low], [_worst(active, outside, has_windows=has_windows)]
    for instant, edges in groupby(_edges(rules, low, high), key=itemgetter(0)):
        for _, effect, step in edges:
            active[effect] += step
        worst = _worst(active, outside, has_windows=has_windows)
        if instant == low:
            effects[-1] = worst
        elif worst is not effects[-1]:
            starts.append(instant)
            effects.append(worst)
    return Timeline(
        starts, effects, _next(effects, Effect.ALLOW), _next(effects, Effect.PREFER), rules, has_windows
    )


def _edges(rules: Sequence[RuleSpans], low: datetime, high: datetime) -> list[tuple[datetime, Effect, int]]:
    edges = []
    for each in rules:
        effect = each.rule.effect
        edges += [(max(start, low), effect, _STARTS) for start in each.starts]
        edges += [(end, effect, _ENDS) for end in each.ends if end < high]
    edges.sort(key=itemgetter(0))
    return edges


def _worst(active: Sequence[int], outside: Effect, *, has_windows: bool) -> Effect:
    """The verdict's effect, from how many rules of each effect are in force (the lattice of P12)."""
    if active[Effect.PROHIBIT]:
        return Effect.PROHIBIT
    in_window = active[Effect.PREFER] or active[Effect.ALLOW]
    closed = outside if has_windows and not in_window else Effect.PREFER
    if active[Effect.DISCOURAGE]:
        return max(Effect.DISCOURAGE, closed)
    return max(Effect.PREFER if active[Effect.PREFER] else Effect.ALLOW, closed)


def _next(effects: Sequence[Effect], at_worst: Effect) -> list[int | None]:
    """For each segment the index of the first one from it on whose effect is no worse."""
    found: list[int | None] = [None] * len(effects)
    following: int | None = None
    for index in range(len(effects) - 1, -1, -1):
        if effects[index] <= at_worst:
            following = index
        found[index] = following
    return found
