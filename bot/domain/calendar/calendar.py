"""The compiled calendar: may this be deployed at this instant, and if not, when (P6, P12)."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

from bot.domain.calendar.answers import ActiveRule, CalendarVerdict, Occurrence, Stretch, within
from bot.domain.calendar.compiled import EARLIEST, LATEST, Compiled, block_of, pieces
from bot.domain.calendar.effects import Effect, Verdict
from bot.domain.calendar.memory import Memory
from bot.domain.calendar.rules import Rule, RuleKind
from bot.domain.calendar.spans import utc
from bot.domain.calendar.stretches import cuts, joined, worst_first
from bot.domain.calendar.timeline import Segments

_EXTENDED_KEPT: Final = 4


class Calendar:
    """The rules of a policy. One calendar serves all threads at once."""

    def __init__(
        self, rules: Iterable[Rule], outside_windows: Effect, *, base: Compiled | None = None
    ) -> None:
        """Take the rules in the order of the policy; `outside_windows` holds where windows exist and none is open.

        With a base, they come after its rules.
        """
        if outside_windows is Effect.PREFER:
            raise ValueError("being outside the windows cannot be preferred")
        self._compiled = Compiled(tuple(rules), outside_windows, base)
        self._extended: Memory[tuple[Rule, ...], Calendar] = Memory(_EXTENDED_KEPT)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules, in the order of the policy."""
        return self._compiled.rules

    @property
    def outside(self) -> Effect:
        """What holds where windows exist and none is open."""
        return self._compiled.outside

    @property
    def compiled(self) -> Compiled:
        """The rules in their compiled form, for the lint."""
        return self._compiled

    def with_rules(self, extra: Iterable[Rule]) -> "Calendar":
        """The same calendar with more rules, such as freezes that people declared while the bot runs.

        It shares what this one has compiled; asked again for equal rules, it is the same object.
        """
        added = tuple(extra)
        if not added:
            return self
        return self._extended.get(added, lambda: Calendar(added, self.outside, base=self._compiled))

    def at(self, instant: datetime, *, environment: str, service: str | None = None) -> CalendarVerdict:
        """What holds for a service in an environment at an aware instant.

        Raises:
            ValueError: for a naive instant, or one outside [EARLIEST, LATEST).

        """
        at = _in_range(instant)
        timeline = self._compiled.timeline(block_of(at), environment, service)
        segments = timeline.segments
        index = segments.index(at)
        active = timeline.active(at)
        rules = [rule for _, rule in active]
        if timeline.has_windows and not any(rule.kind is RuleKind.WINDOW for rule in rules):
            rules.append(self._outside_rule(timeline.opening(at)))
        following = segments.starts[index + 1] if index + 1 < len(segments.starts) else None
        return CalendarVerdict(
            at=at,
            environment=environment,
            service=service,
            verdict=Verdict.of(segments.effect(index)),
            break_glass=all(passes for passes, rule in active if rule.effect is Effect.PROHIBIT),
            rules=worst_first(rules, at),
            next_change=within(following, at),
            next_allowed=_first(segments, segments.next_allowed(index), at),
            next_preferred=_first(segments, segments.next_preferred(index), at),
        )

    def stretches(
        self, start: datetime, end: datetime, *, environment: str, service: str | None = None
    ) -> list[Stretch]:
        """The range [start, end) cut into stretches: ascending, without gaps, clipped to the range.

        A new one begins whenever the verdict changes, or which rules are in force, or what one of them says.

        Raises:
            ValueError: for naive instants, ones outside [EARLIEST, LATEST), or a range that ends before it starts.

        """
        low, high = _range(start, end)
        if low == high:
            return []
        closed = self._outside_rule(None)
        found = (
            cut
            for block, first, last in pieces(low, high)
            for cut in cuts(self._compiled.timeline(block, environment, service), closed, first, last)
        )
        return joined(found, high)

    def verdicts(
        self, start: datetime, end: datetime, *, environment: str, service: str | None = None
    ) -> Iterator[tuple[datetime, datetime, Verdict]]:
        """The range [start, end) as (start, end, verdict), ascending and without gaps; two in a row may be alike.

        Raises:
            ValueError: as `stretches`.

        """
        low, high = _range(start, end)
        for block, first, last in pieces(low, high):
            segments = self._compiled.timeline(block, environment, service).segments
            for index in range(segments.index(first), len(segments.starts)):
                begin = max(segments.starts[index], first)
                if begin >= last:
                    break
                following = segments.starts[index + 1] if index + 1 < len(segments.starts) else last
                yield begin, min(following, last), Verdict.of(segments.effect(index))

    def occurrences(
        self, start: datetime, end: datetime, *, environment: str | None = None, service: str | None = None
    ) -> list[Occurrence]:
        """Every stretch during which a rule is in force that overlaps [start, end), ascending, unclipped.

        With an environment, only the rules that apply to it (and to the service, if one is given). An end in
        the year 9999 stands for "until further notice".

        Raises:
            ValueError: as `stretches`.

        """
        low, high = _range(start, end)
        found = [
            Occurrence(rule=rule, start=span.start, end=span.end, label=span.label)
            for rule in self.rules
            if environment is None or rule.scope.covers(environment, service)
            for span in rule.source.spans(low, high)
        ]
        return sorted(found, key=lambda each: (each.start, each.end))

    def warm(self, instant: datetime, *, ahead: bool = False) -> None:
        """Compile every scope that the rules tell apart for the block of 400 days around an instant.

        For a thread in the background, so that whoever asks first does not wait. Where the rules tell more
        scopes apart than are kept, those with the names that come first. `ahead`: for an instant that nobody asks
        about yet, so only while it pushes out nothing that is kept.

        Raises:
            ValueError: for a naive instant, or one outside [EARLIEST, LATEST).

        """
        self._compiled.warm(block_of(_in_range(instant)), gently=ahead)

    def is_compiled(self, instant: datetime, *, environment: str, service: str | None = None) -> bool:
        """Whether `at` would answer at once. Raises ValueError as `at`."""
        return self._compiled.is_compiled(block_of(_in_range(instant)), environment, service)

    def warm_rule(self, rule: Rule, instant: datetime) -> None:
        """Work out when one more rule is in force, before `with_rules` is given it; for a thread in the background.

        Raises:
            ValueError: as `warm`.

        """
        self._compiled.spans(block_of(_in_range(instant)), rule)

    def _outside_rule(self, until: datetime | None) -> ActiveRule:
        return ActiveRule(
            name="outside-windows",
            kind=RuleKind.OUTSIDE_WINDOWS,
            effect=self.outside,
            until=until,
            reason="no deployment window is open",
        )


def _first(segments: Segments, index: int | None, at: datetime) -> datetime | None:
    return None if index is None else within(max(segments.starts[index], at), at)


def _in_range(instant: datetime) -> datetime:
    at = utc(instant)
    if not EARLIEST <= at < LATEST:
        raise ValueError(
            f"{at.isoformat()} lies outside the years {EARLIEST.year} to {LATEST.year - 1} of the calendar"
        )
    return at


def _range(start: datetime, end: datetime) -> tuple[datetime, datetime]:
    low, high = _in_range(start), _in_range(end)
    if low > high:
        raise ValueError("the range ends before it starts")
    return low, high
