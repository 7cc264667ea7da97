"""The lint of a calendar: rules without effect, environments that never open, lists that end (P12)."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.domain.calendar import (
    LATEST,
    Calendar,
    DayOfYear,
    Effect,
    Elapsed,
    Fixed,
    Holidays,
    Recurring,
    Rule,
    RuleKind,
    Scope,
    Source,
    Span,
    parse_until,
)
from bot.domain.calendar.lint import Finding, coverage, lint
from bot.domain.crons import Cron

NOW = datetime(2026, 7, 7, 11, tzinfo=UTC)
DAY = timedelta(days=1)
UTC_ZONE = ZoneInfo("UTC")
PRODUCTION = Scope(environments=frozenset({"production"}))


def recurring(cron: str, until: str) -> Recurring:
    ending = Elapsed(timedelta(hours=int(until[:-1]))) if until.endswith("h") else parse_until(until)
    return Recurring(Cron(cron), ending, UTC_ZONE)


def rule(name: str, kind: str, effect: str, source: Source, **more: object) -> Rule:
    return Rule(name=name, kind=RuleKind(kind), effect=Effect[effect.upper()], source=source, **more)  # type: ignore[arg-type]


def window(name: str, cron: str, until: str, effect: str = "allow", **more: object) -> Rule:
    return rule(name, "window", effect, recurring(cron, until), **more)


def restriction(name: str, cron: str, until: str, effect: str = "prohibit", **more: object) -> Rule:
    return rule(name, "restriction", effect, recurring(cron, until), **more)


def freeze(name: str, start: datetime, end: datetime, **more: object) -> Rule:
    return rule(name, "freeze", "prohibit", Fixed((Span(start, end),)), **more)


def linted(*rules: Rule, outside: Effect = Effect.PROHIBIT, services: tuple[str, ...] = ()) -> list[Finding]:
    return lint(Calendar(rules, outside), environments=["production", "staging"], services=services, now=NOW)


def codes(found: list[Finding]) -> list[tuple[str, str | None, str | None]]:
    return [(each.code, each.rule, each.environment) for each in found]


WEEKEND = restriction("weekend", "0 0 * * SAT", "MON 00:00")
WORKDAYS = window("workdays", "0 9 * * MON-FRI", "17:00")


def test_a_calendar_that_means_what_it_says_has_no_findings() -> None:
    assert linted(WEEKEND, WORKDAYS, restriction("evening", "0 18 * * *", "24:00", "discourage")) == []
    assert linted() == []


@pytest.mark.requirement("P12")
def test_a_restriction_inside_a_stronger_one_is_covered() -> None:
    saturday = restriction("saturday", "0 12 * * SAT", "18:00", "discourage")
    (one,) = linted(WEEKEND, WORKDAYS, saturday)
    assert (one.code, one.rule, one.facts["by"], one.grave) == ("covered", "saturday", ["weekend"], False)


@pytest.mark.requirement("P12")
def test_a_restriction_may_be_covered_by_several_together() -> None:
    found = linted(
        WORKDAYS,
        restriction("saturday", "0 0 * * SAT", "24:00"),
        restriction("sunday", "0 0 * * SUN", "24:00"),
        WEEKEND,
    )
    assert codes(found) == [("covered", "weekend", None)]
    assert found[0].facts["by"] == ["saturday", "sunday"]


@pytest.mark.parametrize(
    "other",
    [
        restriction("x", "1 0 * * SAT", "MON 00:00"),  # shorter
        restriction("x", "0 12 * * SAT", "18:00", scope=Scope(services=frozenset({"checkout"}))),  # narrower
        restriction("x", "0 0 * * SAT", "24:00", "discourage"),  # weaker
        restriction("x", "0 0 * * SAT", "MON 00:00", break_glass=True),  # break-glass passes it
    ],
)
def test_what_does_less_covers_nothing(other: Rule) -> None:
    covered = {each.rule for each in linted(WORKDAYS, WEEKEND, other, services=("checkout",))}
    assert "weekend" not in covered


def test_what_holds_rollouts_is_not_covered_by_what_does_not() -> None:
    short = freeze("short", NOW + DAY, NOW + 2 * DAY, holds=True)
    long = freeze("long", NOW, NOW + 3 * DAY)
    assert linted(short, long) == []
    assert codes(linted(freeze("short", NOW + DAY, NOW + 2 * DAY), long)) == [("covered", "short", None)]


def test_of_two_equal_rules_the_later_is_one_too_many() -> None:
    again = restriction("again", "0 0 * * SAT", "MON 00:00")
    assert codes(linted(WEEKEND, WORKDAYS, again)) == [("covered", "again", None)]
    assert codes(linted(WEEKEND, WORKDAYS, WEEKEND)) == [("covered", "weekend", None)]


def test_a_preferred_window_is_not_covered_by_one_that_allows() -> None:
    wide, liked = window("wide", "0 8 * * *", "20:00"), window("liked", "0 10 * * *", "12:00", "prefer")
    assert linted(wide, liked) == []
    allowed = window("allowed", "0 10 * * *", "11:00")
    assert codes(linted(liked, allowed)) == [("covered", "allowed", None)]


@pytest.mark.requirement("P12")
def test_a_window_inside_prohibitions_is_shadowed() -> None:
    found = linted(WORKDAYS, WEEKEND, window("saturday", "0 9 * * SAT", "12:00", scope=PRODUCTION))
    assert codes(found) == [("window-shadowed", "saturday", "production")]
    assert (found[0].facts["by"], found[0].grave) == (["weekend"], True)


def test_a_window_that_opens_for_one_service_is_not_shadowed() -> None:
    for_search = restriction("r", "0 0 * * SAT", "MON 00:00", scope=Scope(services=frozenset({"search"})))
    saturday = window("saturday", "0 9 * * SAT", "12:00")
    assert linted(WORKDAYS, for_search, saturday, services=("search", "checkout")) == []


@pytest.mark.requirement("P12")
def test_an_environment_that_never_opens_is_named_with_what_closes_it() -> None:
    found = linted(WEEKEND, freeze("for-ever", NOW - DAY, NOW + 1000 * DAY, scope=PRODUCTION))
    never = found[0]
    assert (never.code, never.environment, never.grave) == ("never-opens", "production", True)
    assert dict(never.facts) == {
        "services": [],
        "others": True,
        "windows": False,
        "discouraged": False,
        "rules": ["for-ever"],
    }


def test_an_environment_that_never_opens_for_some_services_names_them_all() -> None:
    two = Scope(services=frozenset({"a", "b"}))
    (never, _) = linted(freeze("f", NOW - DAY, NOW + 1000 * DAY, scope=two), services=("a", "b", "c"))
    assert (never.facts["services"], never.facts["others"]) == (["a", "b"], False)


def test_an_environment_that_is_only_ever_discouraged_is_less_grave() -> None:
    found = linted(restriction("always", "0 0 * * *", "24:00", "discourage"))
    assert [(each.code, each.grave, each.facts["discouraged"]) for each in found] == [
        ("never-opens", False, True)
    ] * 2


@pytest.mark.requirement("P12")
def test_rules_without_an_occurrence_in_400_days_are_named_with_their_next() -> None:
    found = linted(
        WORKDAYS,
        restriction("leap", "0 0 29 2 *", "24:00"),
        rule(
            "past-days", "holiday", "prohibit", Holidays(None, None, UTC_ZONE, own=((date(2020, 1, 1), "x"),))
        ),
        rule("empty", "freeze", "prohibit", Fixed(())),
    )
    assert [(each.code, each.rule, each.facts["next"]) for each in found] == [
        ("never-fires", "leap", "2028-02-29T00:00"),
        ("never-fires", "past-days", None),
        ("never-fires", "empty", None),
    ]


@pytest.mark.requirement("P6")
def test_a_freeze_wholly_in_the_past_is_told_and_one_far_ahead_or_under_way_is_not() -> None:
    found = linted(
        freeze("old", NOW - 9 * DAY, NOW),
        freeze("under-way", NOW - DAY, NOW + DAY),
        freeze("ahead", NOW + 500 * DAY, NOW + 501 * DAY),
    )
    assert codes(found) == [("freeze-past", "old", None)]
    assert found[0].facts["ended"] == NOW.isoformat()


def test_a_rule_for_names_that_do_not_exist_applies_to_nothing() -> None:
    gone = restriction("r", "0 0 * * SAT", "MON 00:00", scope=Scope(environments=frozenset({"prod"})))
    assert codes(linted(WORKDAYS, gone)) == [("applies-to-nothing", "r", None)]
    one = restriction("r", "0 0 * * SAT", "MON 00:00", scope=Scope(services=frozenset({"checkout"})))
    assert codes(linted(WORKDAYS, one, services=("search",))) == [("applies-to-nothing", "r", None)]
    assert linted(WORKDAYS, one) == []  # a policy that names no services leaves them open


@pytest.mark.requirement("P12")
def test_years_that_no_list_knows_and_days_that_are_estimates_are_told() -> None:
    ends = rule("lk", "holiday", "prohibit", Holidays("LK", None, ZoneInfo("Asia/Colombo")))
    moon = rule("tr", "holiday", "prohibit", Holidays("TR", None, ZoneInfo("Europe/Istanbul")))
    found = {each.rule: each for each in linted(ends, moon, outside=Effect.ALLOW)}
    assert (found["lk"].code, found["lk"].facts["years"], found["lk"].grave) == (
        "unknown-holiday",
        [2027],
        True,
    )
    later = lint(
        Calendar([moon], Effect.ALLOW), environments=["e"], services=[], now=datetime(2035, 1, 1, tzinfo=UTC)
    )
    assert [each.code for each in later] == ["estimated-holiday"]
    assert "(estimated)" in str(later[0].facts["days"])


def test_a_window_that_moves_with_the_clocks_is_told_with_the_rest() -> None:
    source = Recurring(Cron("30 2 * * *"), parse_until("05:00"), ZoneInfo("America/New_York"))
    assert codes(linted(WORKDAYS, rule("night", "restriction", "prohibit", source))) == [
        ("skipped-start", "night", None)
    ]


@pytest.mark.parametrize(
    ("zone", "meant"),
    [("EST", ("America/New_York", "America/Panama")), ("MST", ("America/Denver", "America/Phoenix")), ("HST", None),
     ("EST5EDT", None), ("America/Panama", None), ("UTC", None)],
)  # fmt: skip
def test_a_zone_that_people_take_for_one_with_summer_time_is_told_once(
    zone: str, meant: tuple[str, str] | None
) -> None:
    own = ZoneInfo(zone)
    night = Recurring(Cron("0 22 * * *"), parse_until("23:00"), own)
    rules = [
        rule(name, "restriction", "prohibit", night, scope=scope)
        for name, scope in (("a", Scope()), ("b", PRODUCTION))
    ]
    eve = rule("eve", "holiday", "prohibit", Holidays(None, None, own, own=((DayOfYear(12, 24), "Eve"),)))
    found = [each for each in linted(*rules, eve) if each.code == "fixed-zone"]
    expected = [{"zone": zone, "place": meant[0], "like": meant[1]}] if meant else []
    assert [dict(each.facts) for each in found] == expected
    assert not any(each.grave for each in found)


@pytest.mark.parametrize(
    "now",
    [
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(1971, 12, 31, tzinfo=UTC),
        LATEST,
        datetime(9999, 12, 31, tzinfo=UTC),
    ],
)
def test_a_now_outside_the_years_of_the_calendar_is_refused_with_a_sentence(now: datetime) -> None:
    with pytest.raises(ValueError, match="lies outside the years 1972 to 2096 of the calendar"):
        lint(Calendar([WEEKEND], Effect.PROHIBIT), environments=["p"], services=[], now=now)


def test_a_calendar_too_large_to_be_examined_says_so() -> None:
    rules = [restriction(f"r{hour}", f"0 {hour} * * *", f"{hour:02}:30") for hour in range(12)]
    calendar = Calendar([WORKDAYS, *rules], Effect.PROHIBIT)
    found = lint(calendar, environments=["production"], services=[], now=NOW, looks=3)
    assert codes(found)[-1] == ("not-examined", None, None)


def test_the_lint_works_up_to_the_last_instant() -> None:
    calendar = Calendar([WEEKEND, WORKDAYS, restriction("leap", "0 0 29 2 *", "24:00")], Effect.PROHIBIT)
    last = LATEST - timedelta(microseconds=1)
    assert {each.code for each in lint(calendar, environments=["e"], services=[], now=last)} <= {
        "never-fires",
        "never-opens",
        "covered",
        "window-shadowed",
    }


@pytest.mark.requirement("P12")
def test_coverage_adds_up_and_tells_the_hours_of_a_week() -> None:
    calendar = Calendar(
        [
            WORKDAYS,
            window("liked", "0 10 * * TUE-THU", "14:00", "prefer"),
            restriction("late", "0 16 * * FRI", "17:00", "discourage"),
            rule(
                "days", "holiday", "prohibit", Holidays(None, None, UTC_ZONE, own=((DayOfYear(7, 6), "x"),))
            ),
        ],
        Effect.PROHIBIT,
    )
    monday = datetime(2026, 7, 6, tzinfo=UTC)
    week = coverage(calendar, environment="e", service=None, start=monday, end=monday + 7 * DAY)
    hour = timedelta(hours=1)
    assert (week.preferred, week.allowed, week.discouraged) == (12 * hour, 19 * hour, hour)
    assert week.preferred + week.allowed + week.discouraged + week.prohibited == 7 * DAY
    assert week.weekly == 31 * hour
    two = coverage(calendar, environment="e", service=None, start=monday, end=monday + 14 * DAY)
    assert two.weekly == (31 + 39) * hour / 2
    none = coverage(calendar, environment="e", service=None, start=monday, end=monday)
    assert (none.weekly, none.prohibited) == (timedelta(0), timedelta(0))


def test_coverage_over_borders_of_blocks_loses_no_time() -> None:
    found = coverage(
        Calendar([WORKDAYS], Effect.PROHIBIT), environment="e", service=None, start=NOW, end=NOW + 1200 * DAY
    )
    assert found.allowed + found.prohibited == 1200 * DAY
