"""The compiled calendar and a slow second opinion agree on random rules, zones and instants around transitions."""

import importlib.util
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.domain.calendar import (
    ActiveRule,
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
from bot.domain.crons import Cron, firings


def _reference() -> Any:
    spec = importlib.util.spec_from_file_location(
        "calendar_reference", Path(__file__).with_name("reference.py")
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


reference = _reference()
ZONES = (
    "Australia/Lord_Howe",  # half an hour of daylight saving
    "Asia/Beirut",  # the gap is at midnight
    "Africa/Cairo",
    "America/New_York",
    "America/Havana",  # midnight is skipped in spring and shown twice in autumn
    "America/Santiago",
    "Atlantic/Azores",
    "Africa/Casablanca",  # changes around Ramadan
    "Europe/Berlin",
    "Asia/Kolkata",
    "Asia/Gaza",  # changes on either side of Ramadan
    "Pacific/Chatham",  # the offset is no whole hour, nor is the time of the change
    "UTC",
)


@lru_cache
def transitions(key: str) -> tuple[datetime, ...]:
    """The minutes of 2025 and 2026 from which on the zone's offset is another."""
    zone, found = ZoneInfo(key), []
    day = datetime(2025, 1, 1, tzinfo=UTC)
    while day.year < 2027:
        minutes = [day + timedelta(minutes=minute) for minute in (0, 24 * 60)]
        if len({each.astimezone(zone).utcoffset() for each in minutes}) > 1:
            minutes = [day + timedelta(minutes=minute) for minute in range(24 * 60 + 1)]
            before = minutes[0].astimezone(zone).utcoffset()
            found.append(next(each for each in minutes if each.astimezone(zone).utcoffset() != before))
        day += timedelta(days=1)
    return tuple(found)


minutes = st.sampled_from([0, 0, 15, 30, 45, 59])
clocks = st.builds(lambda h, m: f"{h:02}:{m:02}", st.integers(0, 23), minutes) | st.just("24:00")
weekdays = st.sampled_from(["*", "MON-FRI", "SAT", "SUN", "TUE-THU", "FRI", "5,0"])
hours = (
    st.integers(0, 4).map(str)
    | st.integers(0, 23).map(str)
    | st.sampled_from(["1-3", "0,2", "*", "*/2", "*/6"])
)
crons = st.builds(lambda m, h, d: f"{m} {h} * * {d}", minutes, hours, weekdays)
scopes = st.none() | st.sampled_from(
    [frozenset({"production"}), frozenset({"staging"}), frozenset({"production", "dev"})]
)
service_scopes = st.none() | st.sampled_from([frozenset({"checkout"}), frozenset({"search", "checkout"})])


def nearby(around: datetime, zone: str) -> st.SearchStrategy[datetime]:
    """Wall-clock times close to what the zone's clock shows just before and just after a transition."""
    shown = [(around + timedelta(seconds=shift)).astimezone(ZoneInfo(zone)) for shift in (-1, 0)]
    hour = [each.replace(tzinfo=None, minute=0, second=0) for each in shown]
    return st.builds(
        lambda at, shift: at + timedelta(minutes=shift),
        st.sampled_from(hour),
        st.sampled_from([-60, -30, 0, 15, 30, 45, 60, 90, 120]),
    )


@st.composite
def slow_rules(draw: st.DrawFn, index: int, zone: str, around: datetime) -> Any:
    kind = draw(st.sampled_from(["window", "window", "restriction"]))
    effect = draw(st.sampled_from(["prefer", "allow"] if kind == "window" else ["discourage", "prohibit"]))
    until = draw(
        nearby(around, zone).map(lambda at: f"{at:%H:%M}")
        | clocks
        | st.builds(lambda d, c: f"{d} {c}", st.sampled_from(reference.WEEKDAYS), clocks)
        | st.none()
    )
    lasts = (
        None
        if until
        else draw(st.sampled_from([timedelta(minutes=30), timedelta(hours=4), timedelta(days=2)]))
    )
    return reference.SlowRule(
        name=f"rule-{index}",
        kind=kind,
        effect=effect,
        zone=zone,
        start=draw(nearby(around, zone).map(lambda at: f"{at.minute} {at.hour} * * *") | crons),
        until=until,
        lasts=lasts,
        environments=draw(scopes),
        services=draw(service_scopes),
        break_glass=kind != "window" and draw(st.booleans()),
    )


@st.composite
def slow_freezes(draw: st.DrawFn, index: int, zone: str, around: datetime) -> Any:
    """A freeze whose edges lie anywhere to the microsecond, also where a clock changes or a search ends."""
    edge = st.sampled_from(
        [around + timedelta(days=400), around - timedelta(days=400), around]
    ) | st.integers(-40 * 24 * 60, 40 * 24 * 60).map(lambda shift: around + timedelta(minutes=shift))
    tick = st.sampled_from([timedelta(0), timedelta(microseconds=1), timedelta(microseconds=-1)])
    first, second = sorted([draw(edge) + draw(tick), draw(edge) + draw(tick)])
    effect = draw(st.sampled_from(["discourage", "prohibit"]))
    return reference.SlowRule(
        name=f"rule-{index}",
        kind="freeze",
        effect=effect,
        zone=zone,
        start="",
        environments=draw(scopes),
        services=draw(service_scopes),
        break_glass=draw(st.booleans()),
        holds=effect == "prohibit" and draw(st.booleans()),
        spans=((first, second + timedelta(microseconds=1)),),
    )


@st.composite
def slow_holidays(draw: st.DrawFn, index: int, zone: str, around: datetime) -> Any:
    """Own days close to a change of the clocks and on 29 February, and the days of some countries."""
    near = around.astimezone(ZoneInfo(zone)).date()
    days = st.integers(-3, 3).map(lambda shift: near + timedelta(days=shift))
    every_year = days.map(lambda day: (day.month, day.day)) | st.sampled_from([(2, 29), (12, 25)])
    country = draw(st.sampled_from([None, None, "US", "DE", "TR", "LK"]))
    return reference.SlowRule(
        name=f"rule-{index}",
        kind="holiday",
        effect=draw(st.sampled_from(["discourage", "prohibit"])),
        zone=zone,
        start="",
        environments=draw(scopes),
        services=draw(service_scopes),
        break_glass=draw(st.booleans()),
        days=tuple(
            draw(
                st.lists(
                    st.tuples(days | every_year, st.sampled_from(["Inventory", "Move", "Christmas Day"])),
                    min_size=0 if country else 1,
                    max_size=4,
                )
            )
        ),
        country=country,
    )


@st.composite
def questions(draw: st.DrawFn) -> tuple[Any, list[datetime]]:
    zone = draw(st.sampled_from(ZONES))
    around = draw(st.sampled_from(transitions(zone) or (datetime(2025, 6, 1, tzinfo=UTC),)))
    kinds = st.sampled_from([slow_rules, slow_rules, slow_rules, slow_freezes, slow_holidays])
    rules = tuple(draw(draw(kinds)(index, zone, around)) for index in range(draw(st.integers(0, 4))))
    calendar = reference.SlowCalendar(rules, draw(st.sampled_from(["prohibit", "discourage", "allow"])))
    offset = st.integers(-180, 180) | st.integers(-2 * 24 * 60, 2 * 24 * 60)
    tick = st.sampled_from([-1, 0, 0, 1]).map(lambda ticks: timedelta(microseconds=ticks))
    near = st.builds(lambda shift, ticks: around + timedelta(minutes=shift) + ticks, offset, tick)
    just = tick.map(lambda ticks: around + ticks)
    anywhere = st.datetimes(datetime(2024, 11, 1), datetime(2026, 6, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone
    return calendar, draw(st.lists(just | near | anywhere, min_size=1, max_size=5))


def source(rule: Any) -> Source:
    zone = ZoneInfo(rule.zone)
    if rule.kind == "freeze":
        return Fixed(tuple(Span(*span) for span in rule.spans))
    if rule.kind == "holiday":
        days = ((DayOfYear(*when) if isinstance(when, tuple) else when, name) for when, name in rule.days)
        return Holidays(rule.country, None, zone, own=tuple(days))
    return Recurring(Cron(rule.start), Elapsed(rule.lasts) if rule.lasts else parse_until(rule.until), zone)


def compiled(rule: Any) -> Rule:
    return Rule(
        name=rule.name,
        kind=RuleKind(rule.kind),
        effect=Effect[rule.effect.upper()],
        source=source(rule),
        scope=Scope(environments=rule.environments, services=rule.services),
        break_glass=rule.break_glass,
        holds=rule.holds,
    )


def fast(slow: Any, added: int = 0) -> Calendar:
    """The compiled calendar; the last `added` rules join it later."""
    rules = [compiled(rule) for rule in slow.rules]
    first = len(rules) - min(added, len(rules))
    return Calendar(rules[:first], Effect[slow.outside.upper()]).with_rules(rules[first:])


@pytest.mark.requirement("P12")
@pytest.mark.requirement("P6")
@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(
    questions(),
    st.sampled_from(["production", "staging", "dev"]),
    st.sampled_from(["checkout", "search", None]),
    st.integers(0, 2),
)
def test_compiled_calendar_agrees_with_the_slow_one(
    asked: tuple[Any, list[datetime]], environment: str, service: str | None, added: int
) -> None:
    slow, instants = asked
    calendar = fast(slow, added)
    for instant in instants:
        found = calendar.at(instant, environment=environment, service=service)
        assert {
            "verdict": found.verdict.value,
            "break_glass": found.break_glass,
            "next_change": found.next_change,
            "next_allowed": found.next_allowed,
            "next_preferred": found.next_preferred,
        } == slow.at(instant, environment, service)
        active = [rule for rule in slow.scope(environment, service) if slow.active(rule, instant)]
        told = [rule for rule in found.rules if rule.kind is not RuleKind.OUTSIDE_WINDOWS]
        assert {(rule.name, rule.holds) for rule in told} == {(rule.name, rule.holds) for rule in active}
        assert [rule.effect for rule in found.rules] == sorted(
            (rule.effect for rule in found.rules), reverse=True
        )


@pytest.mark.requirement("P12")
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(
    questions(), st.sampled_from(["production", "staging"]), st.integers(0, 2), st.integers(0, 14 * 24 * 60)
)
def test_stretches_agree_with_the_answers_at_each_of_their_instants(
    asked: tuple[Any, list[datetime]], environment: str, added: int, minutes: int
) -> None:
    slow, instants = asked
    calendar = fast(slow, added)
    start = instants[0]
    end = start + timedelta(minutes=minutes)
    found = calendar.stretches(start, end, environment=environment, service="checkout")
    assert [each.start for each in found] + [end] == [start] * (not found) + [
        *(each.start for each in found[:1]),
        *(each.end for each in found),
    ]
    assert all(each.start < each.end for each in found)
    assert not found or found[0].start == start
    before: object = None
    for each in found:
        first, middle, last = (
            calendar.at(instant, environment=environment, service="checkout")
            for instant in (
                each.start,
                each.start + (each.end - each.start) / 2,
                each.end - timedelta(microseconds=1),
            )
        )
        assert (each.verdict, each.rules) == (first.verdict, first.rules)
        known = [(answer.verdict, said(answer.rules)) for answer in (first, middle, last)]
        assert known[0] == known[1] == known[2] != before  # nothing changes within, and something before
        before = known[0]


def said(rules: tuple[ActiveRule, ...]) -> list[tuple[str, str | None]]:
    return [(rule.name, rule.reason) for rule in rules]


@st.composite
def nights(draw: st.DrawFn) -> tuple[Any, datetime]:
    """One or two rules for everything whose times lie close to a change of the clocks."""
    zone = draw(st.sampled_from([each for each in ZONES if transitions(each)]))
    around = draw(st.sampled_from(transitions(zone)))
    moments = nearby(around, zone)
    rules = [
        reference.SlowRule(
            name=f"rule-{index}",
            kind="restriction",
            effect=effect,
            zone=zone,
            start=draw(
                moments.map(lambda at: f"{at.minute} {at.hour} * * *") | minutes.map(lambda m: f"{m} * * * *")
            ),
            until=draw(moments.map(lambda at: f"{at:%H:%M}")),
        )
        for index, effect in enumerate(draw(st.sampled_from([["prohibit"], ["prohibit", "discourage"]])))
    ]
    slow = reference.SlowCalendar(tuple(rules), "prohibit")
    near = around.replace(tzinfo=None)
    for each in rules:  # a few days suffice for one night, and croniter takes its time over a year
        known = list(reference.occurrences(each, near - timedelta(days=4), near + timedelta(days=2)))
        slow.kept.update({(each, year): known for year in (around.year - 1, around.year, around.year + 1)})
    return slow, around


@pytest.mark.requirement("P12")
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(nights())
def test_every_quarter_of_an_hour_around_a_change_of_the_clocks_agrees(night: tuple[Any, datetime]) -> None:
    slow, around = night
    calendar = fast(slow)
    for quarter in range(-20, 21):
        instant = around + timedelta(minutes=15 * quarter)
        effect, _ = slow.effect(instant, slow.rules)
        assert (quarter, calendar.at(instant, environment="production").verdict.value) == (
            quarter,
            reference.VERDICT[effect],
        )


@pytest.mark.requirement("P12")
@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(
    ("cron", "minutes_of_hour", "hours_of_day"),
    [
        ("0 * * * *", {0}, set(range(24))),
        ("30 * * * *", {30}, set(range(24))),
        ("0 */2 * * *", {0}, set(range(0, 24, 2))),
        ("*/20 */3 * * *", {0, 20, 40}, set(range(0, 24, 3))),
    ],
)
def test_a_wildcard_hour_fires_at_each_real_minute_that_matches(
    zone: str, cron: str, minutes_of_hour: set[int], hours_of_day: set[int]
) -> None:
    for transition in transitions(zone)[:2]:
        day = transition.astimezone(ZoneInfo(zone)).date()
        low = transition - timedelta(hours=12)
        minute, expected = low, []
        while minute < transition + timedelta(hours=12):
            shown = minute.astimezone(ZoneInfo(zone))
            if shown.minute in minutes_of_hour and shown.hour in hours_of_day:
                expected.append(minute)
            minute += timedelta(minutes=1)
        span = timedelta(days=2)
        found = sorted(instant for _, instant in firings(Cron(cron), ZoneInfo(zone), day - span, day + span))
        assert [each for each in found if low <= each < transition + timedelta(hours=12)] == expected
