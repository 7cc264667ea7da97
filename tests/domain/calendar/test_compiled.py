"""What is compiled is compiled once, shared with the calendars that extend it, and safe in any number of threads."""

import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Barrier, Lock
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.calendar import (
    HORIZON,
    Calendar,
    Effect,
    Fixed,
    Rule,
    RuleKind,
    Scope,
    Span,
    Verdict,
    compiled,
    timeline,
)
from bot.domain.calendar.compiled import EARLIEST, TIMELINES_KEPT
from bot.domain.calendar.memory import Memory
from bot.domain.calendar.rule_spans import RuleSpans

NOW = datetime(2026, 7, 7, 11, tzinfo=UTC)
HOUR = timedelta(hours=1)
EFFECTS = tuple(Effect)


@dataclass(frozen=True)
class Counted:
    """A daily hour that counts how often it is expanded."""

    hour: int
    asked: Counter[int] = field(default_factory=Counter, compare=False)
    lock: Lock = field(default_factory=Lock, compare=False)

    def spans(self, low: datetime, high: datetime) -> list[Span]:
        with self.lock:
            self.asked[self.hour] += 1
        day = low.replace(hour=self.hour) - timedelta(days=1)
        found = []
        while day < high:
            if day + HOUR > low:
                found.append(Span(day, day + HOUR))
            day += timedelta(days=1)
        return found


def restriction(name: str, source: Counted | Fixed, scope: Scope | None = None) -> Rule:
    return Rule(
        name=name,
        kind=RuleKind.RESTRICTION,
        effect=Effect.PROHIBIT,
        source=source,
        scope=scope or Scope(),
    )


def freeze(name: str, start: datetime, end: datetime, **more: object) -> Rule:
    source = Fixed((Span(start, end),))
    return Rule(name=name, kind=RuleKind.FREEZE, effect=Effect.PROHIBIT, source=source, **more)  # type: ignore[arg-type]


def many(count: int) -> tuple[list[Rule], Counter[int]]:
    asked: Counter[int] = Counter()
    return [
        restriction(f"r{index}", Counted(index % 24, asked), Scope(services=frozenset({f"s{index}"})))
        for index in range(count)
    ], asked


@pytest.mark.requirement("P6")
def test_a_freeze_declared_on_a_thousand_rules_expands_none_of_them_again() -> None:
    rules, asked = many(1000)
    calendar = Calendar(rules, Effect.PROHIBIT)
    calendar.at(NOW, environment="production", service="s7")
    calendar.at(NOW, environment="production", service="s8")
    before = asked.total()
    frozen = calendar.with_rules([freeze("FRZ-1", NOW, NOW + HOUR)])
    assert frozen.at(NOW, environment="production", service="s7").verdict is Verdict.PROHIBITED
    assert frozen.at(NOW, environment="production", service="s8").next_allowed == NOW + HOUR
    assert asked.total() == before == 2


def test_what_is_fetched_is_not_expanded_again_when_a_freeze_joins_it() -> None:
    asked: Counter[int] = Counter()
    feed = restriction("feed", Counted(3, asked))
    calendar = Calendar([], Effect.PROHIBIT)
    for number in range(5):
        freezes = [freeze(f"FRZ-{each}", NOW, NOW + HOUR) for each in range(number)]
        calendar.with_rules([*freezes, feed]).at(NOW, environment="production")
    assert asked.total() == 1


def test_equal_rules_extend_a_calendar_to_the_same_object_and_unequal_ones_never_do() -> None:
    calendar = Calendar([], Effect.PROHIBIT)
    one = calendar.with_rules([freeze("FRZ-1", NOW, NOW + HOUR)])
    assert calendar.with_rules([freeze("FRZ-1", NOW, NOW + HOUR)]) is one
    for other in (
        freeze("FRZ-2", NOW, NOW + HOUR),
        freeze("FRZ-1", NOW, NOW + HOUR, holds=True),
        freeze("FRZ-1", NOW, NOW + HOUR, reason="audit"),
        freeze("FRZ-1", NOW, NOW + HOUR, break_glass=True),
        freeze("FRZ-1", NOW, NOW + timedelta(microseconds=1)),
    ):
        assert calendar.with_rules([other]) is not one
    assert one.rules == (freeze("FRZ-1", NOW, NOW + HOUR),)


def test_only_a_few_extended_calendars_are_kept() -> None:
    calendar = Calendar([], Effect.PROHIBIT)
    for minute in range(50):
        calendar.with_rules([freeze("FRZ-1", NOW, NOW + HOUR + minute * timedelta(minutes=1))])
    assert len(calendar._extended) == 4


@pytest.mark.requirement("P12")
def test_a_window_added_later_opens_as_if_it_had_always_been_there() -> None:
    rules, _ = many(3)
    window = Rule(name="w", kind=RuleKind.WINDOW, effect=Effect.PREFER, source=Counted(12))
    late = Calendar(rules, Effect.DISCOURAGE).with_rules([window])
    whole = Calendar([*rules, window], Effect.DISCOURAGE)
    for hour in range(30):
        asked = NOW + hour * HOUR
        assert late.at(asked, environment="e", service="s1") == whole.at(asked, environment="e", service="s1")


@pytest.mark.requirement("P12")
def test_rules_added_in_two_steps_hold_as_if_added_in_one() -> None:
    rules, _ = many(3)
    first, second = freeze("a", NOW, NOW + HOUR), freeze("b", NOW + HOUR, NOW + 3 * HOUR, holds=True)
    steps = Calendar(rules, Effect.DISCOURAGE).with_rules([first]).with_rules([second])
    whole = Calendar([*rules, first, second], Effect.DISCOURAGE)
    assert steps.rules == whole.rules
    for half in range(-4, 12):
        asked = NOW + half * HOUR / 2
        assert steps.at(asked, environment="e", service="s1") == whole.at(
            asked, environment="e", service="s1"
        )


@pytest.mark.requirement("P12")
def test_threads_that_ask_at_once_get_the_same_answers_and_compile_each_rule_once() -> None:
    rules, asked = many(20)
    calendar = Calendar(rules, Effect.PROHIBIT)
    lone = Calendar(many(20)[0], Effect.PROHIBIT)
    ready = Barrier(8)

    def ask(turn: int) -> list[Verdict]:
        ready.wait(timeout=30)
        found = []
        for index in range(20):
            extended = calendar.with_rules([freeze("FRZ-1", NOW, NOW + HOUR * (1 + index % 6))])
            service = f"s{(turn + index) % 20}"
            found.append(calendar.at(NOW, environment="e", service=service).verdict)
            found.append(extended.at(NOW, environment="e", service=service).verdict)
            if turn == 0:
                calendar.warm(NOW)
        return found

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(8)))
    for turn, found in enumerate(answers):
        services = [f"s{(turn + index) % 20}" for index in range(20)]
        assert found[::2] == [lone.at(NOW, environment="e", service=each).verdict for each in services]
        assert set(found[1::2]) == {Verdict.PROHIBITED}
    assert asked.total() == 20


def test_warming_compiles_every_scope_so_that_nobody_waits() -> None:
    rules, asked = many(10)
    calendar = Calendar(rules, Effect.PROHIBIT)
    calendar.warm(NOW)
    before = (asked.total(), len(calendar.compiled._timelines))
    for service in [None, *(f"s{index}" for index in range(12))]:
        calendar.at(NOW, environment="production", service=service)
    assert (asked.total(), len(calendar.compiled._timelines)) == before == (10, 11)


def test_every_scope_of_two_blocks_is_kept_however_many_services_the_rules_name() -> None:
    rules, asked = many(2 * TIMELINES_KEPT)
    calendar = Calendar(rules, Effect.PROHIBIT)
    for at in (NOW, NOW + HORIZON):
        calendar.warm(at)
    before = asked.total()
    for index in range(2 * TIMELINES_KEPT):
        for at in (NOW, NOW + HORIZON):
            assert calendar.is_compiled(at, environment="e", service=f"s{index}")
            calendar.at(at, environment="e", service=f"s{index}")
    assert asked.total() == before == 4 * TIMELINES_KEPT


@pytest.mark.parametrize("limit", ["MOST_TIMELINES", "HEAVIEST"])
def test_warming_ends_where_more_is_told_apart_than_fits_and_keeps_what_is_needed_now(
    monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    rules, _ = many(20)
    whole = Calendar(rules, Effect.PROHIBIT)
    whole.warm(NOW)
    weight = whole.compiled._timelines._weight
    monkeypatch.setattr(compiled, limit, {"MOST_TIMELINES": 30, "HEAVIEST": weight + weight // 2}[limit])
    calendar = Calendar(rules, Effect.PROHIBIT)
    calendar.warm(NOW)
    calendar.warm(NOW + HORIZON, ahead=True)
    assert all(calendar.is_compiled(NOW, environment="e", service=f"s{index}") for index in range(20))
    assert calendar.is_compiled(NOW + HORIZON, environment="e")
    assert len(calendar.compiled._timelines) <= 32
    assert calendar.compiled._timelines._weight <= weight + weight // 2 or limit == "MOST_TIMELINES"
    monkeypatch.setattr(compiled, limit, {"MOST_TIMELINES": 5, "HEAVIEST": weight // 4}[limit])
    small = Calendar(rules, Effect.PROHIBIT)
    small.warm(NOW)
    assert 1 <= len(small.compiled._timelines) <= 8


def test_a_services_own_rules_are_swept_over_alone_on_top_of_those_that_all_share(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    swept: list[int] = []
    sweep = timeline.compile_timeline

    def counting(rules: Sequence[RuleSpans], *rest: Any) -> timeline.Timeline:
        swept.append(len(rules))
        return sweep(rules, *rest)

    for module in (compiled, timeline):
        monkeypatch.setattr(module, "compile_timeline", counting)
    own, asked = many(3)
    calendar = Calendar(
        [*(restriction(f"all{hour}", Counted(hour, asked)) for hour in range(20)), *own], Effect.PROHIBIT
    )
    for service in ("s0", "s1", "s2", "another"):
        calendar.at(NOW, environment="e", service=service)
    assert swept == [20, 1, 1, 1]
    frozen = calendar.with_rules([freeze("FRZ-1", NOW, NOW + HOUR)])
    frozen.at(NOW, environment="e", service="s0")
    assert swept == [20, 1, 1, 1, 1]


@pytest.mark.requirement("P12")
def test_rules_of_a_service_and_rules_of_all_are_told_in_the_order_of_the_policy() -> None:
    hour, service = Counted(NOW.hour), Scope(services=frozenset({"s"}))
    names = ["a", "b", "c", "d", "e"]
    rules = [
        restriction(name, hour, service if name in "bd" else Scope(environments=frozenset({"e"})))
        for name in names
    ]
    found = Calendar(rules, Effect.PROHIBIT)
    assert [rule.name for rule in found.at(NOW, environment="e", service="s").rules] == names
    assert [rule.name for rule in found.at(NOW, environment="e").rules] == ["a", "c", "e"]
    (now,) = found.stretches(NOW, NOW + HOUR / 2, environment="e", service="s")
    assert [rule.name for rule in now.rules] == names


@given(st.lists(st.tuples(st.integers(0, 23), st.integers(1, 30), st.sampled_from(EFFECTS), st.booleans())))
def test_what_is_compiled_in_layers_holds_as_if_compiled_at_once(
    drawn: list[tuple[int, int, Effect, bool]],
) -> None:
    def rules(scope: Scope) -> list[Rule]:
        return [
            Rule(
                name=str(index),
                kind=RuleKind.WINDOW if effect <= Effect.ALLOW else RuleKind.RESTRICTION,
                effect=effect,
                source=Fixed((Span(NOW + start * HOUR, NOW + (start + length) * HOUR),)),
                scope=scope if own and effect > Effect.ALLOW else Scope(),
            )
            for index, (start, length, effect, own) in enumerate(drawn)
        ]

    layers = Calendar(rules(Scope(services=frozenset({"s"}))), Effect.DISCOURAGE)
    whole = Calendar(rules(Scope()), Effect.DISCOURAGE)
    for hour in range(-1, 55):
        asked = NOW + hour * HOUR
        assert layers.at(asked, environment="e", service="s") == whole.at(asked, environment="e", service="s")
    ends = (NOW - HOUR, NOW + 60 * HOUR)
    assert layers.stretches(*ends, environment="e", service="s") == whole.stretches(
        *ends, environment="e", service="s"
    )


@pytest.mark.requirement("P12")
@pytest.mark.parametrize("offset", [timedelta(0), timedelta(microseconds=-1), timedelta(microseconds=1)])
def test_the_borders_between_blocks_cannot_be_seen(offset: timedelta) -> None:
    border = EARLIEST + 50 * HORIZON
    calendar = Calendar([freeze("f", border - HOUR, border + HOUR)], Effect.PROHIBIT)
    found = calendar.at(border + offset, environment="e")
    assert (found.verdict, found.next_change, found.rules[0].until) == (
        Verdict.PROHIBITED,
        border + HOUR,
        border + HOUR,
    )
    whole = calendar.stretches(border - 2 * HOUR, border + 2 * HOUR, environment="e")
    assert [(each.start, each.end) for each in whole] == [
        (border - 2 * HOUR, border - HOUR),
        (border - HOUR, border + HOUR),
        (border + HOUR, border + 2 * HOUR),
    ]


def test_a_thing_that_could_not_be_made_is_tried_again() -> None:
    memory: Memory[str, int] = Memory(2)

    def fail() -> int:
        raise ValueError("not now")

    with pytest.raises(ValueError, match="not now"):
        memory.get("a", fail)
    assert memory.get("a", lambda: 7) == 7


def test_what_was_asked_least_lately_is_forgotten_first_even_when_it_is_nothing() -> None:
    memory: Memory[str, int] = Memory(2)
    made: list[str] = []

    def ask(key: str) -> None:
        def make() -> int:
            made.append(key)
            return 0

        memory.get(key, make)

    for key in "abacab":
        ask(key)
    assert made == ["a", "b", "c", "b"]


def test_what_is_too_heavy_together_is_forgotten_from_the_oldest_on_and_the_last_one_is_kept() -> None:
    memory: Memory[str, int] = Memory(10, weigh=lambda made: made, heaviest=10)
    for key, weight in (("a", 4), ("b", 4), ("c", 4)):
        memory.get(key, partial(int, weight))
    assert [memory.knows(key) for key in "abc"] == [False, True, True]
    assert not memory.has_room(1)
    memory.get("huge", lambda: 99)
    assert [memory.knows(key) for key in ("b", "c", "huge")] == [False, False, True]
    memory.get("light", lambda: 1)
    assert [memory.knows(key) for key in ("huge", "light")] == [False, True]
    assert memory.has_room(1)


def test_what_is_being_made_is_not_known_yet() -> None:
    memory: Memory[str, bool] = Memory(2)
    assert memory.get("a", lambda: memory.knows("a")) is False
    assert memory.knows("a")


def test_the_holidays_package_is_not_imported_for_a_policy_without_a_country() -> None:
    script = (
        "import sys\n"
        "from zoneinfo import ZoneInfo\n"
        "from bot.domain.calendar import Calendar, DayOfYear, Effect, Holidays\n"
        "Holidays(None, None, ZoneInfo('UTC'), own=((DayOfYear(12, 24), 'x'),))\n"
        "Calendar([], Effect.PROHIBIT)\n"
        "sys.exit('holidays' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=60).returncode == 0
