"""Whether a rule changes anything: covered by others that do as much, or a window that prohibitions shadow."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain

from pydantic import JsonValue

from bot.domain.calendar.calendar import Calendar
from bot.domain.calendar.compiled import block_of
from bot.domain.calendar.effects import Effect
from bot.domain.calendar.finding import NAMES_SHOWN, Finding, names
from bot.domain.calendar.rule_spans import RuleSpans, union
from bot.domain.calendar.rules import Rule, RuleKind, Scope

LOOKS = 1_500_000
"""How often a lint holds one rule against another, unless told otherwise: a second or two."""


@dataclass(slots=True)
class Budget:
    """How many looks are left."""

    left: int


@dataclass(frozen=True, slots=True)
class Walk:
    """Time to be covered, walked from left to right by whatever covers it, within a budget."""

    budget: Budget
    order: list[RuleSpans]
    used: dict[str, None] = field(default_factory=dict)

    def covers(self, spans: Iterable[tuple[datetime, datetime]]) -> bool:
        """Whether the union of the rules covers all the spans; `used` then holds the names of those it took.

        Without budget it covers nothing.
        """
        return all(self.budget.left > 0 and self._covers(start, end) for start, end in spans)

    def _covers(self, at: datetime, end: datetime) -> bool:
        while at < end:
            reached = self._furthest(at)
            if reached is None:
                return False
            at = reached
        return True

    def _furthest(self, at: datetime) -> datetime | None:
        """The end of a rule's union around the instant: of one used before, else the furthest there is."""
        best: tuple[datetime, int] | None = None
        for place, each in enumerate(self.order):
            self.budget.left -= 1
            edge = bisect_right(each.edges, at)
            if edge & 1 and (best is None or each.edges[edge] > best[0]):
                best = each.edges[edge], place
                if each.rule.name in self.used:
                    break
        if best is None:
            return None
        # What covered one occurrence mostly covers the next: it is asked first.
        chosen = self.order.pop(best[1])
        self.order.insert(0, chosen)
        self.used[chosen.rule.name] = None
        return best[0]


def covered(calendar: Calendar, now: datetime, end: datetime, budget: Budget) -> Iterator[Finding]:
    """Rules all of whose time in [now, end) belongs to others that do as much. All of them could go at once."""
    block = block_of(now)
    rules = list(dict.fromkeys(calendar.rules))
    gone: set[Rule] = set()
    for rule, count in Counter(calendar.rules).items():
        if count > 1:
            yield _covered(rule, [rule.name])
    compiled = {rule: calendar.compiled.spans(block, rule) for rule in rules}
    alike: dict[object, list[Rule]] = {}
    for rule in reversed(rules):  # of two that cover each other, the later is the one too many
        key = (rule.scope, rule.effect, rule.kind is RuleKind.WINDOW, rule.break_glass, rule.holds)
        if key not in alike:
            alike[key] = [other for other in rules if other not in gone and does_as_much(other, rule)]
        spans = list(clipped(compiled[rule], now, end))
        walk = Walk(budget, [compiled[each] for each in alike[key] if each is not rule])
        if spans and walk.covers(spans):
            for others in alike.values():  # what is too many covers nothing any more
                others[:] = [each for each in others if each is not rule]
            gone.add(rule)
            yield _covered(rule, walk.used)


def _covered(rule: Rule, by: Iterable[str]) -> Finding:
    facts: dict[str, JsonValue] = {"by": names(by), "kind": rule.kind.value, "effect": rule.effect.word}
    return Finding("covered", rule.name, None, facts, grave=False)


def does_as_much(other: Rule, rule: Rule) -> bool:
    """Whether `other`, while in force, leaves nothing for `rule` to do: as wide, and at least as strong."""
    if not _as_wide(other.scope, rule.scope):
        return False
    if rule.kind is RuleKind.WINDOW:
        return other.kind is RuleKind.WINDOW and other.effect <= rule.effect
    return (
        other.kind is not RuleKind.WINDOW
        and other.effect >= rule.effect
        and (rule.effect is not Effect.PROHIBIT or rule.break_glass or not other.break_glass)
        and (other.holds or not rule.holds)
    )


def _as_wide(wide: Scope, narrow: Scope) -> bool:
    return _holds(wide.environments, narrow.environments) and _holds(wide.services, narrow.services)


def _holds(wide: frozenset[str] | None, narrow: frozenset[str] | None) -> bool:
    return wide is None or (narrow is not None and narrow <= wide)


def clipped(spans: RuleSpans, now: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The union of a rule's spans within [now, end)."""
    for place in range(bisect_right(spans.edges, now) & ~1, len(spans.edges), 2):
        if spans.edges[place] >= end:
            return
        yield max(spans.edges[place], now), min(spans.edges[place + 1], end)


def shadowed(
    calendar: Calendar,
    environments: Sequence[str],
    services: Sequence[str],
    now: datetime,
    end: datetime,
    budget: Budget,
) -> Iterator[Finding]:
    """Windows that open nothing in an environment, since prohibitions hold during all of their time."""
    prohibiting = [rule for rule in calendar.rules if rule.effect is Effect.PROHIBIT]
    shadows = _Shadows(calendar, block_of(now), budget, prohibiting)
    for rule in calendar.rules:
        if rule.kind is not RuleKind.WINDOW:
            continue
        spans = list(clipped(calendar.compiled.spans(shadows.block, rule), now, end))
        for environment in environments if spans else ():
            if rule.scope.environments is not None and environment not in rule.scope.environments:
                continue
            among = (None, *services) if rule.scope.services is None else sorted(rule.scope.services)
            if all(shadows.hides(spans, environment, service) for service in among):
                by = shadows.names(spans, environment, among[0])
                yield Finding("window-shadowed", rule.name, environment, {"by": by}, grave=True)


@dataclass(frozen=True, slots=True)
class _Shadows:
    """What prohibits in each scope during a block, as one union."""

    calendar: Calendar
    block: int
    budget: Budget
    prohibiting: list[Rule]
    _unions: dict[tuple[str, str | None], list[datetime]] = field(default_factory=dict)

    def hides(
        self, spans: Sequence[tuple[datetime, datetime]], environment: str, service: str | None
    ) -> bool:
        """Whether prohibitions hold there during all of the spans."""
        place = (environment, service)
        if place not in self._unions:
            there = self._there(environment, service)
            edges = (zip(each.edges[::2], each.edges[1::2], strict=True) for each in there)
            self._unions[place] = union(sorted(chain.from_iterable(edges)))
        edges_of = self._unions[place]
        indices = ((bisect_right(edges_of, start), stop) for start, stop in spans)
        return all(index & 1 and edges_of[index] >= stop for index, stop in indices)

    def names(
        self, spans: Sequence[tuple[datetime, datetime]], environment: str, service: str | None
    ) -> list[JsonValue]:
        """Of what prohibits then: enough to explain, where it is much."""
        walk = Walk(self.budget, self._there(environment, service))
        for span in spans:
            if len(walk.used) >= NAMES_SHOWN or not walk.covers([span]):
                break
        return names(walk.used)

    def _there(self, environment: str, service: str | None) -> list[RuleSpans]:
        applying = (rule for rule in self.prohibiting if rule.scope.covers(environment, service))
        return [self.calendar.compiled.spans(self.block, rule) for rule in applying]
