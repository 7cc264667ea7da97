"""Rules compiled per scope on demand, in blocks of 400 days, and remembered: what the calendar answers from."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from itertools import product
from typing import Final

from bot.domain.calendar.answers import HORIZON
from bot.domain.calendar.effects import Effect
from bot.domain.calendar.memory import Memory
from bot.domain.calendar.rule_spans import RuleSpans, spans_of
from bot.domain.calendar.rules import Rule, RuleKind
from bot.domain.calendar.timeline import Timeline, compile_timeline, overlay

EARLIEST: Final = datetime(1972, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2097, 1, 1, tzinfo=UTC)
"""Instants outside [EARLIEST, LATEST) are refused: the lists of holidays and the rules of the zones end there."""

TIMELINES_KEPT: Final = 64
"""How many combinations of scope and block are kept compiled."""
BLOCKS_KEPT: Final = 4
ADDED_RULES_KEPT: Final = 256

ScopeKey = tuple[int, ...]
"""The places of the rules that apply somewhere."""


class Compiled:
    """The compiled rules. Threads share it: what it remembers follows from the rules, and is made once."""

    def __init__(self, rules: tuple[Rule, ...], outside: Effect, base: "Compiled | None" = None) -> None:
        """Compile the rules; with a base, after its rules, sharing what it has compiled."""
        self._base = base
        self._known = len(base.rules) if base else 0
        self.rules: Final[tuple[Rule, ...]] = (*base.rules, *rules) if base else rules
        self.outside: Final = outside
        rules = self.rules
        self._environments = _named(rule.scope.environments for rule in rules)
        self._services = _named(rule.scope.services for rule in rules)
        kept = BLOCKS_KEPT * len(rules) + ADDED_RULES_KEPT
        self.kept_spans: Final[Memory[tuple[int, Rule], RuleSpans]] = (
            base.kept_spans if base else Memory(kept)
        )
        scopes = (len(self._environments) + 1) * (len(self._services) + 1)
        self._scopes: Memory[tuple[str | None, str | None], ScopeKey] = Memory(scopes)
        self._timelines: Memory[tuple[int, ScopeKey], Timeline] = Memory(TIMELINES_KEPT)

    def timeline(self, block: int, environment: str, service: str | None) -> Timeline:
        """What holds for a service in an environment during a block; the verdict is known 400 days beyond it."""
        # Names that no rule mentions all share one scope, so strange names cannot fill the memory.
        return self.of_scope(
            block,
            self._scope(
                environment if environment in self._environments else None,
                service if service in self._services else None,
            ),
        )

    def of_scope(self, block: int, scope: ScopeKey) -> Timeline:
        """The same, for the rules at these places."""
        return self._timelines.get((block, scope), partial(self._compile, block, scope))

    def spans(self, block: int, rule: Rule) -> RuleSpans:
        """When one rule is in force during a block and the 400 days beyond it."""
        low = EARLIEST + block * HORIZON
        return self.kept_spans.get((block, rule), partial(spans_of, rule, low, low + 2 * HORIZON))

    def warm(self, block: int) -> None:
        """Compile every scope that the rules tell apart; where those are more than are kept, only the first."""
        warmed = set[ScopeKey]()
        for environment, service in product(
            (*sorted(self._environments), None), (None, *sorted(self._services))
        ):
            scope = self._scope(environment, service)
            if scope not in warmed:
                self.of_scope(block, scope)
                warmed.add(scope)
            if len(warmed) == TIMELINES_KEPT:
                return

    def _scope(self, environment: str | None, service: str | None) -> ScopeKey:
        """The places of the rules that apply; None stands for every name that no rule mentions."""
        return self._scopes.get(
            (environment, service),
            lambda: tuple(
                place
                for place, rule in enumerate(self.rules)
                if (rule.scope.environments is None or environment in rule.scope.environments)
                and (rule.scope.services is None or service in rule.scope.services)
            ),
        )

    def _compile(self, block: int, scope: ScopeKey) -> Timeline:
        low = EARLIEST + block * HORIZON
        middle, high = low + HORIZON, low + 2 * HORIZON
        added = [self.rules[place] for place in scope if place >= self._known]
        if self._base is None or any(rule.kind is RuleKind.WINDOW for rule in added):
            spans = [self.spans(block, self.rules[place]) for place in scope]
            return compile_timeline(spans, self.outside, low, middle, high)
        under = self._base.of_scope(block, tuple(place for place in scope if place < self._known))
        return overlay(under, [self.spans(block, rule) for rule in added], middle, high) if added else under


def block_of(at: datetime) -> int:
    """The block that holds an instant."""
    return (at - EARLIEST) // HORIZON


def pieces(low: datetime, high: datetime) -> Iterator[tuple[int, datetime, datetime]]:
    """The range by blocks: the block, and the part of the range in it."""
    while low < high:
        block = block_of(low)
        last = min(EARLIEST + (block + 1) * HORIZON, high)
        yield block, low, last
        low = last


def _named(names: Iterable[frozenset[str] | None]) -> frozenset[str]:
    return frozenset[str]().union(*(each for each in names if each is not None))
