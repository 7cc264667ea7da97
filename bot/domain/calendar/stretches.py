"""A range of time cut into stretches throughout which the same rules are in force."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bot.domain.calendar.answers import ActiveRule, Stretch, within
from bot.domain.calendar.effects import Verdict
from bot.domain.calendar.rule_spans import RuleSpans
from bot.domain.calendar.rules import RuleKind
from bot.domain.calendar.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Cut:
    """The instant at which a stretch begins, and what tells it from the one before."""

    start: datetime
    verdict: Verdict
    rules: tuple[ActiveRule, ...]
    in_force: tuple[tuple[int, str | None], ...]
    """The places of the rules in force, and what each says."""

    def same_as(self, other: "Cut") -> bool:
        """Whether nothing changes from one to the other; the ends told may differ, being seen from elsewhere."""
        return self.verdict is other.verdict and self.in_force == other.in_force


def cuts(timeline: Timeline, outside: ActiveRule, low: datetime, high: datetime) -> Iterator[Cut]:
    """The instants in [low, high) at which something changes, and `low`; `outside` stands for closed windows."""
    rules = timeline.all_rules()
    changes: dict[datetime, set[int]] = {low: set(range(len(rules)))}
    for index, each in enumerate(rules):
        for edge in _edges(each, low, high):
            changes.setdefault(edge, set()).add(index)
    for segment in _between(timeline.segments.starts, low, high):
        changes.setdefault(segment, set())
    active: dict[int, ActiveRule] = {}
    for instant in sorted(changes):
        for index in changes[instant]:
            found = rules[index].active(instant)
            if found is None:
                active.pop(index, None)
            else:
                active[index] = found
        yield _cut(timeline, outside, instant, active)


def _cut(timeline: Timeline, outside: ActiveRule, at: datetime, active: dict[int, ActiveRule]) -> Cut:
    in_order = sorted(active.items())
    found = [rule for _, rule in in_order]
    if timeline.has_windows and not any(rule.kind is RuleKind.WINDOW for rule in found):
        found.append(replace(outside, until=timeline.opening(at)))
    return Cut(
        start=at,
        verdict=Verdict.of(timeline.segments.effect(timeline.segments.index(at))),
        rules=worst_first(found, at),
        in_force=tuple((index, rule.reason) for index, rule in in_order),
    )


def worst_first(rules: list[ActiveRule], at: datetime) -> tuple[ActiveRule, ...]:
    """The rules as one who asks at an instant is told: the worst first, without ends beyond the horizon."""
    rules.sort(key=lambda each: -each.effect)
    return tuple(
        each if within(each.until, at) is each.until else replace(each, until=None) for each in rules
    )


def joined(found: Iterator[Cut], end: datetime) -> list[Stretch]:
    """The stretches between cuts that tell something apart, the last of which ends at `end`."""
    kept: list[Cut] = []
    for cut in found:
        if not kept or not kept[-1].same_as(cut):
            kept.append(cut)
    ends = [*(cut.start for cut in kept[1:]), end]
    return [Stretch(cut.start, until, cut.verdict, cut.rules) for cut, until in zip(kept, ends, strict=True)]


def _edges(each: RuleSpans, low: datetime, high: datetime) -> Iterator[datetime]:
    yield from _between(each.edges, low, high)
    yield from _between(each.label_edges, low, high)


def _between(instants: Sequence[datetime], low: datetime, high: datetime) -> Sequence[datetime]:
    return instants[bisect_right(instants, low) : bisect_left(instants, high)]
