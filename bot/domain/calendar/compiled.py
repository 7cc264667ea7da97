"""Rules compiled per scope on demand, in blocks of 400 days, and remembered: what the calendar answers from."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from itertools import product
from typing import Final

from bot.domain.calendar.answers import HORIZON
from bot.domain.calendar.effects import Effect
from bot.domain.calendar.memory import Memory
from bot.domain.calendar.rule_spans import RuleSpans, spans_of
from bot.domain.calendar.rules import Rule, RuleKind
from bot.domain.calendar.timeline import Frame, Timeline, compile_timeline, overlay

EARLIEST: Final = datetime(1972, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2097, 1, 1, tzinfo=UTC)
"""Instants outside [EARLIEST, LATEST) are refused: the lists of holidays and the rules of the zones end there."""

TIMELINES_KEPT: Final = 64
"""So many combinations of scope and block are kept compiled at least, and of each scope that the rules tell apart:"""
BLOCKS_OF_A_SCOPE: Final = 3
"""today's block, the next one, and one more that somebody asks about."""
MOST_TIMELINES: Final = 4096
HEAVIEST: Final = 1 << 24
"""Entries of about eight bytes that all timelines of a calendar may have. A thousand rules that recur daily have
350,000 in a block of what all services share, and 20,000 in one of a service's own."""
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
        self._timelines: Memory[tuple[int, ScopeKey], Timeline] = Memory(
            min(max(TIMELINES_KEPT, BLOCKS_OF_A_SCOPE * scopes), MOST_TIMELINES),
            weigh=lambda timeline: timeline.weight,
            heaviest=HEAVIEST,
        )

    def timeline(self, block: int, environment: str, service: str | None) -> Timeline:
        """What holds for a service in an environment during a block; the verdict is known 400 days beyond it."""
        return self.of_scope(block, self._scope_of(environment, service))

    def is_compiled(self, block: int, environment: str, service: str | None) -> bool:
        """Whether `timeline` would answer at once."""
        return self._timelines.knows((block, self._scope_of(environment, service)))

    def of_scope(self, block: int, scope: ScopeKey) -> Timeline:
        """The same, for the rules at these places."""
        return self._timelines.get((block, scope), partial(self._compile, block, scope))

    def spans(self, block: int, rule: Rule) -> RuleSpans:
        """When one rule is in force during a block and the 400 days beyond it."""
        low = EARLIEST + block * HORIZON
        return self.kept_spans.get((block, rule), partial(spans_of, rule, low, low + 2 * HORIZON))

    def warm(self, block: int, *, gently: bool = False) -> None:
        """Compile every scope that the rules tell apart; gently, only while that pushes out nothing that is kept."""
        warmed, weight = set[ScopeKey](), 0
        for environment, service in product(
            (*sorted(self._environments), None), (None, *sorted(self._services))
        ):
            scope = self._scope(environment, service)
            if scope in warmed:
                continue
            if gently and not (self._timelines.knows((block, scope)) or self._timelines.has_room(2)):
                return
            warmed.add(scope)
            weight += self.of_scope(block, scope).weight
            if len(warmed) == MOST_TIMELINES or weight > HEAVIEST:
                return

    def _scope_of(self, environment: str, service: str | None) -> ScopeKey:
        # Names that no rule mentions all share one scope, so strange names cannot fill the memory.
        return self._scope(
            environment if environment in self._environments else None,
            service if service in self._services else None,
        )

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
        frame = Frame(low, low + HORIZON, low + 2 * HORIZON)
        under, more = self._under(block, scope)
        spans = [self.spans(block, self.rules[place]) for place in more]
        if under is None:
            return compile_timeline(spans, more, self.outside, frame)
        return overlay(under, spans, more, frame) if more else under

    def _under(self, block: int, scope: ScopeKey) -> tuple[Timeline | None, ScopeKey]:
        """A timeline that holds a part of the scope's rules, and the other ones, which only restrict.

        What is declared and fetched lies on top of the policy's rules, and a service's own rules on top of those
        that all services share: of a thousand rules, those are swept over once.
        """
        if self._base is not None:
            known, more = self._split(scope, lambda place: place < self._known)
            return (self._base.of_scope(block, known), more) if self._restrict(more) else (None, scope)
        shared, more = self._split(scope, lambda place: self.rules[place].scope.services is None)
        if not (shared and more and self._restrict(more)):
            return None, scope
        return self.of_scope(block, shared), more

    def _restrict(self, places: ScopeKey) -> bool:
        return all(self.rules[place].kind is not RuleKind.WINDOW for place in places)

    @staticmethod
    def _split(scope: ScopeKey, chosen: Callable[[int], bool]) -> tuple[ScopeKey, ScopeKey]:
        return tuple(filter(chosen, scope)), tuple(p for p in scope if not chosen(p))


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
