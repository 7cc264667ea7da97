"""The next change, opening and end: at borders, exactly at the horizon, at the edges of the calendar's years."""

from datetime import UTC, date, datetime, timedelta, timezone
from itertools import permutations
from zoneinfo import ZoneInfo

import pytest

from bot.domain.calendar import (
    EARLIEST,
    HORIZON,
    LATEST,
    Calendar,
    Effect,
    Fixed,
    Holidays,
    Recurring,
    Rule,
    RuleKind,
    Span,
    Verdict,
    parse_until,
)
from bot.domain.crons import Cron

TICK = timedelta(microseconds=1)
HOUR = timedelta(hours=1)
NOON = datetime(2026, 7, 7, 12, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def fixed(name: str, kind: RuleKind, effect: Effect, *spans: tuple[datetime, datetime]) -> Rule:
    return Rule(name=name, kind=kind, effect=effect, source=Fixed(tuple(Span(*each) for each in spans)))


def freeze(start: datetime, end: datetime, name: str = "f") -> Rule:
    return fixed(name, RuleKind.FREEZE, Effect.PROHIBIT, (start, end))


def window(start: datetime, end: datetime, effect: Effect = Effect.ALLOW, name: str = "w") -> Rule:
    return fixed(name, RuleKind.WINDOW, effect, (start, end))


def daily(name: str, cron: str, until: str, kind: RuleKind, effect: Effect, zone: ZoneInfo = BERLIN) -> Rule:
    return Rule(name=name, kind=kind, effect=effect, source=Recurring(Cron(cron), parse_until(until), zone))


@pytest.mark.requirement("P12")
@pytest.mark.parametrize(
    ("at", "verdict"),
    [
        (NOON - TICK, Verdict.ALLOWED),
        (NOON, Verdict.PROHIBITED),
        (NOON + HOUR - TICK, Verdict.PROHIBITED),
        (NOON + HOUR, Verdict.ALLOWED),
    ],
)
def test_a_stretch_holds_from_its_start_and_no_longer_at_its_end(at: datetime, verdict: Verdict) -> None:
    found = Calendar([freeze(NOON, NOON + HOUR)], Effect.PROHIBIT).at(at, environment="e")
    assert found.verdict is verdict
    opens = NOON + HOUR if verdict is Verdict.PROHIBITED else at
    assert found.next_allowed == opens


@pytest.mark.requirement("P12")
def test_what_lies_exactly_at_the_horizon_is_told_and_a_microsecond_more_is_not() -> None:
    edge = NOON + HORIZON
    for shift, expected in ((timedelta(0), edge), (TICK, edge), (-TICK, None)):
        at = NOON + shift
        closed = Calendar([freeze(NOON - HOUR, edge)], Effect.PROHIBIT).at(at, environment="e")
        assert (closed.next_change, closed.next_allowed, closed.rules[0].until) == (expected,) * 3
        opening = Calendar([window(edge, edge + HOUR, Effect.PREFER)], Effect.PROHIBIT).at(
            at, environment="e"
        )
        assert (opening.next_change, opening.next_preferred, opening.rules[0].until) == (expected,) * 3


@pytest.mark.requirement("P12")
@pytest.mark.parametrize("block", [48, 49, 50])
@pytest.mark.parametrize("shift", [-TICK, timedelta(0), TICK])
def test_the_horizon_is_seen_from_every_instant_of_a_block(block: int, shift: timedelta) -> None:
    at = EARLIEST + block * HORIZON + shift
    for ahead in (HORIZON, HORIZON - TICK, TICK):
        found = Calendar([freeze(at - HOUR, at + ahead)], Effect.PROHIBIT).at(at, environment="e")
        assert found.next_allowed == found.rules[0].until == at + ahead
    beyond = Calendar([freeze(at - HOUR, at + HORIZON + TICK)], Effect.PROHIBIT).at(at, environment="e")
    assert (beyond.next_allowed, beyond.rules[0].until) == (None, None)


@pytest.mark.requirement("P12")
def test_a_union_that_goes_on_past_the_horizon_has_no_end_although_each_occurrence_has_one() -> None:
    always = daily("always", "0 0 * * *", "24:00", RuleKind.RESTRICTION, Effect.PROHIBIT)
    found = Calendar([always], Effect.PROHIBIT).at(NOON, environment="e")
    assert (found.rules[0].until, found.next_change, found.next_allowed) == (None, None, None)


@pytest.mark.requirement("P12")
def test_windows_one_after_the_other_are_one_opening_and_two_stretches() -> None:
    two = Calendar(
        [window(NOON, NOON + HOUR, name="a"), window(NOON + HOUR, NOON + 2 * HOUR, name="b")], Effect.PROHIBIT
    )
    assert two.at(NOON, environment="e").next_change == NOON + 2 * HOUR
    assert two.at(NOON, environment="e").rules[0].until == NOON + HOUR
    found = two.stretches(NOON - HOUR, NOON + 3 * HOUR, environment="e")
    assert [(each.start, each.verdict, [rule.name for rule in each.rules]) for each in found] == [
        (NOON - HOUR, Verdict.PROHIBITED, ["outside-windows"]),
        (NOON, Verdict.ALLOWED, ["a"]),
        (NOON + HOUR, Verdict.ALLOWED, ["b"]),
        (NOON + 2 * HOUR, Verdict.PROHIBITED, ["outside-windows"]),
    ]


@pytest.mark.requirement("P12")
def test_overlapping_windows_prefer_where_any_of_them_prefers() -> None:
    calendar = Calendar(
        [
            window(NOON, NOON + 3 * HOUR, name="wide"),
            window(NOON + HOUR, NOON + 4 * HOUR, Effect.PREFER, "liked"),
        ],
        Effect.PROHIBIT,
    )
    found = calendar.at(NOON, environment="e")
    assert (found.verdict, found.next_change, found.next_preferred) == (
        Verdict.ALLOWED,
        NOON + HOUR,
        NOON + HOUR,
    )
    assert calendar.at(NOON + 2 * HOUR, environment="e").next_change == NOON + 4 * HOUR


@pytest.mark.requirement("P6")
def test_the_order_of_the_rules_changes_no_verdict() -> None:
    rules = [
        freeze(NOON, NOON + HOUR),
        window(NOON - HOUR, NOON + 2 * HOUR, Effect.PREFER),
        fixed("r", RuleKind.RESTRICTION, Effect.DISCOURAGE, (NOON + HOUR, NOON + 3 * HOUR)),
    ]
    for order in permutations(rules):
        for late in range(4):
            calendar = Calendar(order[:late], Effect.PROHIBIT).with_rules(order[late:])
            asked = [calendar.at(NOON + shift * HOUR / 2, environment="e") for shift in range(-4, 9)]
            assert "".join(each.verdict.value[0] + each.verdict.value[1] for each in asked) == (
                "prprprprprprdidiprprprprpr"
            )
            assert [each.next_preferred for each in asked][:3] == [NOON - HOUR, NOON - HOUR, NOON - HOUR]


@pytest.mark.parametrize("at", [EARLIEST, LATEST - TICK])
def test_the_first_and_the_last_instant_are_answered(at: datetime) -> None:
    calendar = Calendar(
        [
            Rule(
                name="holidays",
                kind=RuleKind.HOLIDAY,
                effect=Effect.PROHIBIT,
                source=Holidays("US", None, ZoneInfo("America/New_York")),
            ),
            daily("w", "0 * * * *", "MON 00:00", RuleKind.WINDOW, Effect.ALLOW),
        ],
        Effect.PROHIBIT,
    )
    found = calendar.at(at, environment="e")
    assert found.verdict in {Verdict.ALLOWED, Verdict.PROHIBITED}
    assert found.next_allowed is not None
    calendar.warm(at)


@pytest.mark.parametrize("at", [EARLIEST - TICK, LATEST])
def test_instants_beyond_the_calendars_years_are_refused_by_every_question(at: datetime) -> None:
    calendar = Calendar([], Effect.PROHIBIT)
    for ask in (
        lambda: calendar.at(at, environment="e"),
        lambda: calendar.stretches(at, at, environment="e"),
        lambda: list(calendar.verdicts(at, at, environment="e")),
        lambda: calendar.occurrences(at, at),
        lambda: calendar.warm(at),
    ):
        with pytest.raises(ValueError, match="lies outside the years"):
            ask()


def test_a_range_that_ends_before_it_starts_is_refused_and_an_empty_one_is_empty() -> None:
    calendar = Calendar([freeze(NOON, NOON + HOUR)], Effect.PROHIBIT)
    assert calendar.stretches(NOON, NOON, environment="e") == []
    assert list(calendar.verdicts(NOON, NOON, environment="e")) == []
    with pytest.raises(ValueError, match="before it starts"):
        calendar.stretches(NOON, NOON - TICK, environment="e")
    with pytest.raises(ValueError, match="has no offset"):
        calendar.stretches(NOON.replace(tzinfo=None), NOON, environment="e")


def test_an_instant_may_be_written_in_any_offset() -> None:
    calendar = Calendar([freeze(NOON, NOON + HOUR)], Effect.PROHIBIT)
    elsewhere = NOON.astimezone(timezone(timedelta(hours=5, minutes=45)))
    found = calendar.at(elsewhere, environment="e")
    assert (found.at, found.at.tzinfo, found.verdict) == (NOON, UTC, Verdict.PROHIBITED)


def test_spans_of_the_same_time_with_and_without_a_label_can_be_ordered() -> None:
    spans = (Span(NOON, NOON + HOUR, "b"), Span(NOON, NOON + HOUR), Span(NOON, NOON + HOUR, "a"))
    ordered = Fixed(spans).spans(NOON, NOON + HOUR)
    assert [span.label for span in ordered] == [None, "a", "b"]
    rule = Rule(name="f", kind=RuleKind.FREEZE, effect=Effect.PROHIBIT, source=Fixed(spans), reason="why")
    assert Calendar([rule], Effect.PROHIBIT).at(NOON, environment="e").rules[0].reason == "a"


def test_a_span_without_length_or_that_ends_before_it_starts_is_never_in_force() -> None:
    source = Fixed((Span(NOON, NOON), Span(NOON + HOUR, NOON - HOUR), Span(NOON + HOUR, NOON + 2 * HOUR)))
    rule = Rule(name="f", kind=RuleKind.FREEZE, effect=Effect.PROHIBIT, source=source)
    found = Calendar([rule], Effect.PROHIBIT).stretches(NOON - 2 * HOUR, NOON + 3 * HOUR, environment="e")
    assert [(each.start, each.verdict) for each in found] == [
        (NOON - 2 * HOUR, Verdict.ALLOWED),
        (NOON + HOUR, Verdict.PROHIBITED),
        (NOON + 2 * HOUR, Verdict.ALLOWED),
    ]


@pytest.mark.requirement("P12")
def test_a_new_stretch_begins_where_only_the_name_of_the_day_changes() -> None:
    source = Holidays(
        None,
        None,
        ZoneInfo("UTC"),
        own=((date(2026, 7, 6), "one"), (date(2026, 7, 7), "two"), (date(2026, 7, 8), "two")),
    )
    rule = Rule(name="h", kind=RuleKind.HOLIDAY, effect=Effect.PROHIBIT, source=source)
    midnight = datetime(2026, 7, 6, tzinfo=UTC)
    found = Calendar([rule], Effect.PROHIBIT).stretches(
        midnight, midnight + timedelta(days=4), environment="e"
    )
    assert [(each.start.day, [rule.reason for rule in each.rules]) for each in found] == [
        (6, ["one"]),
        (7, ["two"]),
        (9, []),
    ]
    assert found[0].rules[0].until == midnight + timedelta(days=3)  # the union, not the day


@pytest.mark.requirement("P12")
def test_ends_that_come_within_the_horizon_later_are_told_then() -> None:
    calendar = Calendar(
        [freeze(NOON, NOON + timedelta(days=500)), window(NOON + timedelta(days=200), LATEST)], Effect.ALLOW
    )
    found = calendar.stretches(NOON, NOON + timedelta(days=300), environment="e")
    assert [each.rules[0].until for each in found] == [None, NOON + timedelta(days=500)]
    for each in found:
        assert each.rules == calendar.at(each.start, environment="e").rules
