"""The semantics of the calendar as tables: the windows of P12, the freezes of P6, and the clocks of the world."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.domain.calendar import (
    Calendar,
    Effect,
    Elapsed,
    Fixed,
    Holidays,
    Recurring,
    Rule,
    RuleKind,
    Scope,
    Span,
    Verdict,
    parse_until,
    whole_days,
)
from bot.domain.crons import Cron

NEW_YORK = ZoneInfo("America/New_York")
PRODUCTION = Scope(environments=frozenset({"production"}))


def at(text: str, zone: ZoneInfo = NEW_YORK, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).astimezone(UTC)


def rule(name: str, kind: RuleKind, effect: Effect, start: str, until: str, **more: object) -> Rule:
    zone = more.pop("zone", NEW_YORK)
    assert isinstance(zone, ZoneInfo)
    ending = Elapsed(timedelta(hours=int(until[:-1]))) if until.endswith("h") else parse_until(until)
    return Rule(
        name=name,
        kind=kind,
        effect=effect,
        source=Recurring(Cron(start), ending, zone),
        **{"scope": PRODUCTION, **more},  # type: ignore[arg-type]
    )


def window(name: str, start: str, until: str, effect: Effect = Effect.ALLOW, **more: object) -> Rule:
    return rule(name, RuleKind.WINDOW, effect, start, until, **more)


def restriction(name: str, start: str, until: str, effect: Effect = Effect.PROHIBIT, **more: object) -> Rule:
    return rule(name, RuleKind.RESTRICTION, effect, start, until, **more)


def freeze(name: str, start: str, end: str, **more: object) -> Rule:
    first, last = whole_days(date.fromisoformat(start), date.fromisoformat(end), NEW_YORK)
    return Rule(
        name=name,
        kind=RuleKind.FREEZE,
        effect=Effect.PROHIBIT,
        source=Fixed((Span(first, last),)),
        **{"scope": PRODUCTION, **more},  # type: ignore[arg-type]
    )


READINESS = Calendar(
    [
        window("standard", "0 10 * * TUE-THU", "14:00", Effect.PREFER),
        window("weekdays", "0 0 * * MON-FRI", "24:00"),
        restriction("friday-afternoon", "0 14 * * FRI", "24:00", Effect.DISCOURAGE),
        restriction("evening", "0 18 * * *", "24:00", Effect.DISCOURAGE),
        restriction("weekend", "0 0 * * SAT", "MON 00:00", break_glass=True),
        Rule(
            name="holidays",
            kind=RuleKind.HOLIDAY,
            effect=Effect.PROHIBIT,
            source=Holidays("US", "NY", NEW_YORK),
            scope=PRODUCTION,
            break_glass=True,
        ),
        freeze("black-friday", "2026-11-23", "2026-12-01"),
    ],
    Effect.PROHIBIT,
)


@pytest.mark.requirement("P12")
@pytest.mark.requirement("P6")
@pytest.mark.parametrize(
    ("local", "verdict", "break_glass"),
    [
        ("2026-07-07T09:59:59", "allowed", True),  # a Tuesday
        ("2026-07-07T10:00", "preferred", True),
        ("2026-07-07T13:59:59.999999", "preferred", True),
        ("2026-07-07T14:00", "allowed", True),
        ("2026-07-07T18:00", "discouraged", True),
        ("2026-07-07T23:59:59", "discouraged", True),
        ("2026-07-08T00:00", "allowed", True),
        ("2026-07-10T13:59", "allowed", True),  # a Friday
        ("2026-07-10T14:00", "discouraged", True),
        ("2026-07-11T00:00", "prohibited", True),  # a Saturday
        ("2026-07-12T23:59", "prohibited", True),
        ("2026-07-13T00:00", "allowed", True),
        ("2026-07-03T11:00", "prohibited", True),  # Independence Day, observed on the Friday before
        ("2026-05-25T11:00", "prohibited", True),  # Memorial Day
        ("2026-11-22T23:59", "prohibited", True),  # the Sunday before the freeze
        ("2026-11-23T00:00", "prohibited", False),
        ("2026-11-26T11:00", "prohibited", False),  # Thanksgiving permits it, the freeze does not
        ("2026-11-30T23:59:59", "prohibited", False),
        ("2026-12-01T00:00", "allowed", True),
    ],
)
def test_the_windows_of_production_readiness(local: str, verdict: str, break_glass: bool) -> None:
    found = READINESS.at(at(local), environment="production", service="checkout")
    assert (found.verdict.value, found.break_glass) == (verdict, break_glass)


@pytest.mark.requirement("P12")
def test_an_answer_names_the_rules_in_force_the_worst_first_and_what_comes_next() -> None:
    found = READINESS.at(at("2026-07-03T15:00"), environment="production")
    assert [(each.name, each.effect, each.until) for each in found.rules] == [
        ("holidays", Effect.PROHIBIT, at("2026-07-05T00:00")),
        ("friday-afternoon", Effect.DISCOURAGE, at("2026-07-04T00:00")),
        ("weekdays", Effect.ALLOW, at("2026-07-04T00:00")),
    ]
    assert "Independence Day" in (found.rules[0].reason or "")
    assert found.next_change == found.next_allowed == at("2026-07-06T00:00")
    assert found.next_preferred == at("2026-07-07T10:00")


@pytest.mark.requirement("P6")
def test_the_next_opening_is_sought_after_the_union_of_what_overlaps() -> None:
    calendar = Calendar(
        [freeze("a", "2026-03-01", "2026-03-10"), freeze("b", "2026-03-05", "2026-03-20")], Effect.PROHIBIT
    )
    assert calendar.at(at("2026-03-02T12:00"), environment="production").next_allowed == at(
        "2026-03-20T00:00"
    )


@pytest.mark.requirement("P6")
def test_a_rule_of_another_environment_or_service_does_not_apply() -> None:
    only = Scope(environments=frozenset({"production"}), services=frozenset({"checkout"}))
    calendar = Calendar([freeze("a", "2026-03-01", "2026-03-10", scope=only)], Effect.PROHIBIT)

    def verdict(environment: str, service: str | None) -> Verdict:
        return calendar.at(at("2026-03-02T12:00"), environment=environment, service=service).verdict

    assert verdict("production", "checkout") is Verdict.PROHIBITED
    assert verdict("production", "search") is Verdict.ALLOWED
    assert verdict("production", None) is Verdict.ALLOWED
    assert verdict("staging", "checkout") is Verdict.ALLOWED


@pytest.mark.parametrize("outside", [Effect.ALLOW, Effect.DISCOURAGE, Effect.PROHIBIT])
def test_outside_the_windows_the_policy_decides_and_break_glass_passes(outside: Effect) -> None:
    calendar = Calendar([window("w", "0 10 * * *", "12:00")], outside)
    found = calendar.at(at("2026-03-02T09:00"), environment="production")
    assert (found.verdict, found.break_glass) == (Verdict.of(outside), True)
    assert [(each.kind, each.until) for each in found.rules] == [
        (RuleKind.OUTSIDE_WINDOWS, at("2026-03-02T10:00"))
    ]
    assert calendar.at(at("2026-03-02T09:00"), environment="staging").verdict is Verdict.ALLOWED


def test_without_rules_everything_is_allowed_for_ever() -> None:
    found = Calendar([], Effect.PROHIBIT).at(at("2026-03-02T09:00"), environment="production")
    assert (found.verdict, found.next_change, found.next_preferred) == (Verdict.ALLOWED, None, None)
    assert found.next_allowed == found.at


def test_beyond_400_days_there_is_no_next_instant() -> None:
    calendar = Calendar([freeze("long", "2026-01-01", "2028-01-01")], Effect.PROHIBIT)
    found = calendar.at(at("2026-02-01T00:00"), environment="production")
    assert (found.next_change, found.next_allowed, found.rules[0].until) == (None, None, None)
    edge = at("2028-01-01T00:00")
    assert calendar.at(edge - timedelta(days=400), environment="production").next_allowed == edge
    assert (
        calendar.at(edge - timedelta(days=400, microseconds=1), environment="production").next_allowed is None
    )


@pytest.mark.parametrize(
    ("zone", "start", "until", "inside", "outside"),
    [
        # Spring: 02:00 to 03:00 does not exist on 2026-03-08 in New York.
        (
            "America/New_York",
            "30 2 * * *",
            "04:00",
            ["2026-03-08T07:00+00:00", "2026-03-08T07:59+00:00"],
            ["2026-03-08T06:59:59+00:00", "2026-03-08T08:00+00:00"],
        ),
        (
            "America/New_York",
            "0 1 * * *",
            "02:30",
            ["2026-03-08T06:00+00:00", "2026-03-08T06:59:59+00:00"],
            ["2026-03-08T07:00+00:00"],
        ),
        # Autumn: 01:00 to 02:00 is shown twice on 2026-11-01; a start takes the first, an end the last.
        (
            "America/New_York",
            "30 1 * * *",
            "03:00",
            ["2026-11-01T05:30+00:00", "2026-11-01T07:59+00:00"],
            ["2026-11-01T05:29+00:00", "2026-11-01T08:00+00:00"],
        ),
        (
            "America/New_York",
            "0 0 * * *",
            "01:30",
            ["2026-11-01T04:00+00:00", "2026-11-01T06:29+00:00"],
            ["2026-11-01T06:30+00:00"],
        ),
        # `for` is elapsed: six hours from midnight end at 05:00 after the fold, at 07:00 after the gap.
        (
            "America/New_York",
            "0 0 * * *",
            "6h",
            ["2026-11-01T04:00+00:00", "2026-11-01T09:59+00:00"],
            ["2026-11-01T10:00+00:00"],
        ),
        ("America/New_York", "0 0 * * *", "6h", ["2026-03-08T10:59+00:00"], ["2026-03-08T11:00+00:00"]),
        # Midnight itself is skipped in Beirut on 2026-03-29: the day begins at 01:00, the one before ends there.
        (
            "Asia/Beirut",
            "0 0 * * *",
            "02:00",
            ["2026-03-28T22:00+00:00"],
            ["2026-03-28T21:59+00:00", "2026-03-28T23:00+00:00"],
        ),
        ("Asia/Beirut", "0 22 * * *", "24:00", ["2026-03-28T21:59+00:00"], ["2026-03-28T22:00+00:00"]),
        # Lord Howe moves by half an hour: 02:00 to 02:30 does not exist on 2026-10-04.
        (
            "Australia/Lord_Howe",
            "15 2 * * *",
            "03:00",
            ["2026-10-03T15:30+00:00"],
            ["2026-10-03T15:29+00:00", "2026-10-03T16:00+00:00"],
        ),
    ],
)
@pytest.mark.requirement("P12")
def test_wall_clock_times_where_the_clocks_change(
    zone: str, start: str, until: str, inside: list[str], outside: list[str]
) -> None:
    calendar = Calendar([restriction("r", start, until, zone=ZoneInfo(zone))], Effect.PROHIBIT)
    for text, verdict in [
        *((each, "prohibited") for each in inside),
        *((each, "allowed") for each in outside),
    ]:
        found = calendar.at(datetime.fromisoformat(text), environment="production")
        assert (text, found.verdict.value) == (text, verdict)


@pytest.mark.parametrize(
    ("start", "until", "end"),
    [
        ("0 22 * * WED", "02:00", "2026-07-09T02:00"),  # before the start: the next day's
        ("0 22 * * WED", "22:00", "2026-07-09T22:00"),  # at the start: the next day's
        ("0 22 * * WED", "24:00", "2026-07-09T00:00"),
        ("0 0 * * WED", "24:00", "2026-07-09T00:00"),
        ("0 22 * * WED", "MON 00:00", "2026-07-13T00:00"),
        ("0 22 * * WED", "WED 23:00", "2026-07-08T23:00"),
        ("0 22 * * WED", "WED 22:00", "2026-07-15T22:00"),
        ("0 22 * * WED", "SUN 24:00", "2026-07-13T00:00"),
        ("0 22 * * WED", "26h", "2026-07-10T00:00"),
    ],
)
def test_how_an_end_is_read(start: str, until: str, end: str) -> None:
    (found,) = restriction("r", start, until).source.spans(at("2026-07-08T22:00"), at("2026-07-08T22:01"))[
        -1:
    ]
    assert found.end == at(end)


def test_an_occurrence_that_the_gap_swallows_does_not_happen() -> None:
    inside_gap = restriction("r", "15 2 * * *", "02:45")
    assert inside_gap.source.spans(at("2026-03-08T00:00"), at("2026-03-09T00:00")) == []


def test_a_holiday_is_a_whole_local_day() -> None:
    holiday = Holidays("US", None, NEW_YORK)
    (span,) = holiday.spans(at("2026-12-25T12:00"), at("2026-12-25T13:00"))
    assert span == Span(at("2026-12-25T00:00"), at("2026-12-26T00:00"), "Christmas Day")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("25:00", "time of day"),
        ("24:01", "time of day"),
        ("10:60", "time of day"),
        ("noon", "write it like"),
        ("ABC 10:00", "weekday"),
    ],
)
def test_a_malformed_end_is_refused_with_a_sentence(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_until(text)


def test_what_cannot_be_meant_cannot_be_constructed() -> None:
    source = Fixed(())
    for kind, effect in [
        (RuleKind.WINDOW, Effect.PROHIBIT),
        (RuleKind.FREEZE, Effect.ALLOW),
        (RuleKind.OUTSIDE_WINDOWS, Effect.PROHIBIT),
    ]:
        with pytest.raises(ValueError):
            Rule(name="r", kind=kind, effect=effect, source=source)
    with pytest.raises(ValueError, match="empty scope"):
        Scope(environments=frozenset())
    with pytest.raises(ValueError, match="preferred"):
        Calendar([], Effect.PREFER)
    with pytest.raises(ValueError, match="longer than nothing"):
        Elapsed(timedelta(0))
    with pytest.raises(ValueError, match="no subdivision"):
        Holidays("US", "XX", NEW_YORK)


@pytest.mark.parametrize(
    "moment",
    [datetime(2026, 1, 1), datetime(1900, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)],  # noqa: DTZ001 - naive on purpose
)
def test_an_instant_that_is_naive_or_out_of_range_is_refused(moment: datetime) -> None:
    with pytest.raises(ValueError):
        READINESS.at(moment, environment="production")


def test_freezes_declared_later_join_the_compiled_calendar() -> None:
    more = READINESS.with_rules([freeze("incident", "2026-07-07", "2026-07-08")])
    assert more.at(at("2026-07-07T11:00"), environment="production").verdict is Verdict.PROHIBITED
    assert READINESS.at(at("2026-07-07T11:00"), environment="production").verdict is Verdict.PREFERRED


def test_occurrences_are_listed_in_order_and_by_scope() -> None:
    listed = READINESS.occurrences(at("2026-07-07T00:00"), at("2026-07-08T00:00"), environment="production")
    assert [(each.rule.name, each.start, each.end) for each in listed] == [
        ("weekdays", at("2026-07-07T00:00"), at("2026-07-08T00:00")),
        ("standard", at("2026-07-07T10:00"), at("2026-07-07T14:00")),
        ("evening", at("2026-07-07T18:00"), at("2026-07-08T00:00")),
    ]
    assert READINESS.occurrences(at("2026-07-07T00:00"), at("2026-07-08T00:00"), environment="staging") == []


def test_strange_names_do_not_fill_the_memory() -> None:
    calendar = Calendar(READINESS.rules, READINESS.outside)  # its own memory, which no other test has filled
    for number in range(500):
        calendar.at(at("2026-07-07T11:00"), environment=f"e{number}", service=f"s{number}")
    assert (len(calendar.compiled._timelines), len(calendar.compiled._scopes)) == (1, 1)
