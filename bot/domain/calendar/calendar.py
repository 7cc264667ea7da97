"""The compiled calendar: may this be deployed at this instant, and if not, when (P6, P12)."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final, TypeVar

from bot.domain.calendar.effects import Effect, Verdict
from bot.domain.calendar.rules import Rule, RuleKind
from bot.domain.calendar.spans import utc
from bot.domain.calendar.timeline import RuleSpans, Timeline, compile_timeline, spans_of

HORIZON: Final = timedelta(days=400)
"""How far ahead the calendar looks for the next change and the next opening."""

EARLIEST: Final = datetime(1972, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2097, 1, 1, tzinfo=UTC)
"""Instants outside [EARLIEST, LATEST) are refused: the lists of holidays and the rules of the zones end there."""

_TIMELINES_KEPT: Final = 64
_BLOCKS_KEPT: Final = 4
_EXTENDED_KEPT: Final = 4
_Key = TypeVar("_Key")
_Made = TypeVar("_Made")


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveRule:
    """A rule in force at the instant asked about."""

    name: str
    kind: RuleKind
    effect: Effect
    until: datetime | None
    """When it stops being in force (UTC); None where that is more than 400 days away."""
    reason: str | None = None
    holds: bool = False
    """Whether it holds the next step of a rollout under way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarVerdict:
    """What the calendar says about one instant. Instants are UTC, None where there is none within 400 days."""

    at: datetime
    environment: str
    service: str | None
    verdict: Verdict
    break_glass: bool
    """Whether no active prohibition stands in the way of break-glass; being outside the windows never does."""
    rules: tuple[ActiveRule, ...]
    """Every rule in force, the worst first."""
    next_change: datetime | None
    """The first instant after `at` with another verdict."""
    next_allowed: datetime | None
    """The first instant from `at` on that is allowed or preferred."""
    next_preferred: datetime | None
    """The first instant from `at` on that is preferred."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """One stretch [start, end) during which a rule is in force."""

    rule: Rule
    start: datetime
    end: datetime
    label: str | None


class Calendar:
    """The rules of a policy, compiled per scope on demand in blocks of 400 days, and remembered."""

    def __init__(self, rules: Iterable[Rule], outside_windows: Effect) -> None:
        """Take the rules in the order of the policy; `outside_windows` holds where windows exist and none is open."""
        if outside_windows is Effect.PREFER:
            raise ValueError("being outside the windows cannot be preferred")
        self._rules = tuple(rules)
        self._outside = outside_windows
        self._spans: dict[tuple[int, int], RuleSpans] = {}
        self._extended: dict[tuple[Rule, ...], Calendar] = {}
        self._timelines: dict[tuple[int, tuple[int, ...]], Timeline] = {}
        self._scopes: dict[tuple[str | None, str | None], tuple[int, ...]] = {}
        self._environments = _named(rule.scope.environments for rule in self._rules)
        self._services = _named(rule.scope.services for rule in self._rules)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules, in the order of the policy."""
        return self._rules

    def with_rules(self, extra: Iterable[Rule]) -> "Calendar":
        """The same calendar with more rules, such as freezes that people declared while the bot runs."""
        added = tuple(extra)
        if not added:
            return self
        return _remember(
            self._extended, added, lambda: Calendar((*self._rules, *added), self._outside), _EXTENDED_KEPT
        )

    def at(self, instant: datetime, *, environment: str, service: str | None = None) -> CalendarVerdict:
        """What holds for a service in an environment at an aware instant.

        Raises:
            ValueError: for a naive instant, or one outside [EARLIEST, LATEST).

        """
        at = _in_range(instant)
        timeline = self._timeline(at, environment, service)
        index = timeline.segment(at)
        active = [rule for each in timeline.rules if (rule := _active(each, at))]
        if timeline.has_windows and not any(rule.kind is RuleKind.WINDOW for _, rule in active):
            active.append((True, self._outside_rule(timeline, at)))
        active.sort(key=lambda each: -each[1].effect)
        following = timeline.starts[index + 1] if index + 1 < len(timeline.starts) else None
        return CalendarVerdict(
            at=at,
            environment=environment,
            service=service,
            verdict=Verdict.of(timeline.effects[index]),
            break_glass=all(passes for passes, rule in active if rule.effect is Effect.PROHIBIT),
            rules=tuple(rule for _, rule in active),
            next_change=_within(following, at),
            next_allowed=_first(timeline, timeline.next_allowed[index], at),
            next_preferred=_first(timeline, timeline.next_preferred[index], at),
        )

    def occurrences(
        self, start: datetime, end: datetime, *, environment: str | None = None, service: str | None = None
    ) -> list[Occurrence]:
        """Every stretch during which a rule is in force that overlaps [start, end), ascending, unclipped.

        With an environment, only the rules that apply to it (and to the service, if one is given). An end in
        the year 9999 stands for "until further notice".

        Raises:
            ValueError: for naive instants, or ones outside [EARLIEST, LATEST).

        """
        low, high = _in_range(start), _in_range(end)
        if low > high:
            raise ValueError("the range ends before it starts")
        found = [
            Occurrence(rule=rule, start=span.start, end=span.end, label=span.label)
            for rule in self._rules
            if environment is None or rule.scope.covers(environment, service)
            for span in rule.source.spans(low, high)
        ]
        return sorted(found, key=lambda each: (each.start, each.end))

    def _outside_rule(self, timeline: Timeline, at: datetime) -> ActiveRule:
        openings = (each.next_start(at) for each in timeline.rules if each.rule.kind is RuleKind.WINDOW)
        return ActiveRule(
            name="outside-windows",
            kind=RuleKind.OUTSIDE_WINDOWS,
            effect=self._outside,
            until=_within(min((opening for opening in openings if opening), default=None), at),
            reason="no deployment window is open",
        )

    def _timeline(self, at: datetime, environment: str, service: str | None) -> Timeline:
        """The timeline of the block of 400 days that holds the instant; it reaches 400 days beyond the block."""
        block = (at - EARLIEST) // HORIZON
        scope = self._scope(environment, service)
        return _remember(
            self._timelines, (block, scope), lambda: self._compile(block, scope), _TIMELINES_KEPT
        )

    def _scope(self, environment: str, service: str | None) -> tuple[int, ...]:
        # Names that no rule mentions all share one scope, so strange names cannot fill the memory.
        known = environment if environment in self._environments else None
        known_service = service if service in self._services else None
        key = (known, known_service)
        return _remember(
            self._scopes,
            key,
            lambda: tuple(i for i, r in enumerate(self._rules) if r.scope.covers(environment, service)),
            (len(self._environments) + 1) * (len(self._services) + 1),
        )

    def _compile(self, block: int, scope: Sequence[int]) -> Timeline:
        low = EARLIEST + block * HORIZON
        high = low + 2 * HORIZON
        spans = [
            _remember(
                self._spans,
                (block, index),
                partial(spans_of, self._rules[index], low, high),
                _BLOCKS_KEPT * len(self._rules),
            )
            for index in scope
        ]
        return compile_timeline(spans, self._outside, low, high)


def _active(each: RuleSpans, at: datetime) -> tuple[bool, ActiveRule] | None:
    until = each.until(at)
    if until is None:
        return None
    rule = each.rule
    return rule.break_glass, ActiveRule(
        name=rule.name,
        kind=rule.kind,
        effect=rule.effect,
        until=_within(until, at),
        reason=each.label(at) or rule.reason,
        holds=rule.holds,
    )


def _first(timeline: Timeline, index: int | None, at: datetime) -> datetime | None:
    return None if index is None else _within(max(timeline.starts[index], at), at)


def _within(instant: datetime | None, at: datetime) -> datetime | None:
    return instant if instant is not None and instant - at <= HORIZON else None


def _in_range(instant: datetime) -> datetime:
    at = utc(instant)
    if not EARLIEST <= at < LATEST:
        raise ValueError(
            f"{at.isoformat()} lies outside the years {EARLIEST.year} to {LATEST.year - 1} of the calendar"
        )
    return at


def _named(names: Iterable[frozenset[str] | None]) -> frozenset[str]:
    return frozenset[str]().union(*(each for each in names if each is not None))


def _remember(kept: dict[_Key, _Made], key: _Key, make: Callable[[], _Made], most: int) -> _Made:
    """Look up or make, and forget the oldest once there are more than `most`."""
    if (found := kept.get(key)) is not None:
        return found
    made = kept[key] = make()
    while len(kept) > most:
        kept.pop(next(iter(kept)), None)
    return made
