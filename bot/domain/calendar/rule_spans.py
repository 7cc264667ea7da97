"""One rule compiled for a range: the union of its spans, and what is said about it at each instant."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from heapq import heappop, heappush

from bot.domain.calendar.answers import ActiveRule
from bot.domain.calendar.rules import Rule
from bot.domain.calendar.spans import Span


@dataclass(frozen=True, slots=True, eq=False)
class RuleSpans:
    """When one rule is in force between two instants."""

    rule: Rule
    edges: Sequence[datetime]
    """The union of its spans: start, end, start, end …, strictly ascending."""
    label_edges: Sequence[datetime]
    """The instants from which on `labels` hold."""
    labels: Sequence[str | None]
    _made: dict[tuple[int, int], ActiveRule] = field(default_factory=dict, repr=False)
    """What was answered before. It follows from the rest, so threads may overwrite each other's."""

    def active(self, at: datetime) -> ActiveRule | None:
        """The rule as it is in force at the instant, until the end of the union around it; None where it is not."""
        place = bisect_right(self.edges, at)
        if not place & 1:
            return None
        label = bisect_right(self.label_edges, at) if self.label_edges else 0
        found = self._made.get((place, label))
        if found is None:
            found = self._made[place, label] = ActiveRule(
                name=self.rule.name,
                kind=self.rule.kind,
                effect=self.rule.effect,
                until=self.edges[place],
                reason=(self.labels[label - 1] if label else None) or self.rule.reason,
                holds=self.rule.holds,
            )
        return found


def spans_of(rule: Rule, low: datetime, high: datetime) -> RuleSpans:
    """When the rule is in force in [low, high).

    An end beyond `high` is cut there, since what lies beyond it was not asked for.
    """
    spans = rule.source.spans(low, high)
    return RuleSpans(rule, union((span.start, min(span.end, high)) for span in spans), *_labels(spans))


def union(spans: Iterable[tuple[datetime, datetime]]) -> list[datetime]:
    """The union of spans that ascend by start, as start, end, start, end …; what touches becomes one."""
    edges: list[datetime] = []
    for start, end in spans:
        if edges and start <= edges[-1]:
            edges[-1] = max(edges[-1], end)
        else:
            edges += (start, end)
    return edges


def _labels(spans: Sequence[Span]) -> tuple[list[datetime], list[str | None]]:
    """When which label holds. Where spans overlap, the one that began first gives it."""
    named = [span for span in spans if span.label]
    edges: list[datetime] = []
    labels: list[str | None] = []
    begun: list[tuple[int, datetime, str | None]] = []  # by the order of their starts
    ahead = 0
    for edge in sorted({each for span in named for each in span[:2]}):
        while ahead < len(named) and named[ahead].start <= edge:
            heappush(begun, (ahead, named[ahead].end, named[ahead].label))
            ahead += 1
        while begun and begun[0][1] <= edge:
            heappop(begun)
        label = begun[0][2] if begun else None
        if not labels or labels[-1] != label:
            edges.append(edge)
            labels.append(label)
    return edges, labels
