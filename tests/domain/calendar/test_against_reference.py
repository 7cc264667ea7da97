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

from bot.domain.calendar import Calendar, Effect, Elapsed, Recurring, Rule, RuleKind, Scope, parse_until
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
    "UTC",
)


@lru_cache
def transitions(key: str) -> tuple[datetime, ...]:
    """The hours of 2025 and 2026 after which the zone's offset is another."""
    zone, found = ZoneInfo(key), []
    hour = datetime(2025, 1, 1, tzinfo=UTC)
    while hour.year < 2027:
        if hour.astimezone(zone).utcoffset() != (hour + timedelta(hours=1)).astimezone(zone).utcoffset():
            found.append(hour + timedelta(hours=1))
        hour += timedelta(hours=1)
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
def questions(draw: st.DrawFn) -> tuple[Any, list[datetime]]:
    zone = draw(st.sampled_from(ZONES))
    around = draw(st.sampled_from(transitions(zone) or (datetime(2025, 6, 1, tzinfo=UTC),)))
    rules = tuple(draw(slow_rules(index, zone, around)) for index in range(draw(st.integers(0, 4))))
    calendar = reference.SlowCalendar(rules, draw(st.sampled_from(["prohibit", "discourage", "allow"])))
    offset = st.integers(-180, 180) | st.integers(-2 * 24 * 60, 2 * 24 * 60)
    near = offset.map(lambda shift: around + timedelta(minutes=shift))
    anywhere = st.datetimes(datetime(2025, 1, 1), datetime(2026, 6, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone
    return calendar, draw(st.lists(near | anywhere, min_size=1, max_size=5))


def fast(slow: Any) -> Calendar:
    return Calendar(
        [
            Rule(
                name=rule.name,
                kind=RuleKind(rule.kind),
                effect=Effect[rule.effect.upper()],
                source=Recurring(
                    Cron(rule.start),
                    Elapsed(rule.lasts) if rule.lasts else parse_until(rule.until),
                    ZoneInfo(rule.zone),
                ),
                scope=Scope(environments=rule.environments, services=rule.services),
                break_glass=rule.break_glass,
            )
            for rule in slow.rules
        ],
        Effect[slow.outside.upper()],
    )


@pytest.mark.requirement("P12")
@settings(
    max_examples=35, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(
    questions(),
    st.sampled_from(["production", "staging", "dev"]),
    st.sampled_from(["checkout", "search", None]),
)
def test_compiled_calendar_agrees_with_the_slow_one(
    asked: tuple[Any, list[datetime]], environment: str, service: str | None
) -> None:
    slow, instants = asked
    calendar = fast(slow)
    for instant in instants:
        found = calendar.at(instant, environment=environment, service=service)
        assert {
            "verdict": found.verdict.value,
            "break_glass": found.break_glass,
            "next_change": found.next_change,
            "next_allowed": found.next_allowed,
            "next_preferred": found.next_preferred,
        } == slow.at(instant, environment, service)
        names = {rule.name for rule in found.rules if rule.kind is not RuleKind.OUTSIDE_WINDOWS}
        assert names == {rule.name for rule in slow.scope(environment, service) if slow.active(rule, instant)}


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
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
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
