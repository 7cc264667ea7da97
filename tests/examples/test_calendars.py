"""The five documents' calendars: what each example's policy says about instants that were written by hand."""

from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest

from bot.domain.calendar import HORIZON, Verdict
from bot.domain.calendar.lint import lint
from bot.flows.reload_policy import load_policy

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
DOCUMENTS = ("keepkey", "readiness", "film-studio", "checklist", "protocol")
NEW_YORK = ZoneInfo("America/New_York")


class Said(NamedTuple):
    """What the calendar is to say at a New York wall-clock time; the next opening is such a time too, or `now`."""

    at: str
    verdict: str
    break_glass: bool
    rules: str
    next_allowed: str


READINESS = [
    # The preferred window, Tuesday to Thursday 10:00–14:00, and the days around it
    Said("2026-06-02 09:59:59", "allowed", True, "weekdays", "now"),
    Said("2026-06-02 10:00:00", "preferred", True, "weekdays standard", "now"),
    Said("2026-06-04 13:59:59", "preferred", True, "weekdays standard", "now"),
    Said("2026-06-04 14:00:00", "allowed", True, "weekdays", "now"),
    Said("2026-06-01 11:00:00", "allowed", True, "weekdays", "now"),  # Monday is not mid-week
    Said("2026-06-05 11:00:00", "allowed", True, "weekdays", "now"),  # nor is Friday
    # After 18:00
    Said("2026-06-03 17:59:59", "allowed", True, "weekdays", "now"),
    Said("2026-06-03 18:00:00", "discouraged", True, "evening weekdays", "2026-06-04 00:00"),
    Said("2026-06-03 23:59:59", "discouraged", True, "evening weekdays", "2026-06-04 00:00"),
    # Friday after 14:00, and what follows it
    Said("2026-06-05 13:59:59", "allowed", True, "weekdays", "now"),
    Said("2026-06-05 14:00:00", "discouraged", True, "friday-afternoon weekdays", "2026-06-08 00:00"),
    Said("2026-06-05 20:00:00", "discouraged", True, "evening friday-afternoon weekdays", "2026-06-08 00:00"),
    # Weekends, except emergencies
    Said("2026-06-06 00:00:00", "prohibited", True, "outside-windows weekend", "2026-06-08 00:00"),
    Said("2026-06-07 23:59:59", "prohibited", True, "evening outside-windows weekend", "2026-06-08 00:00"),
    Said("2026-06-08 00:00:00", "allowed", True, "weekdays", "now"),
    # Holidays: the day itself, and the day on which it is observed
    Said("2026-01-19 11:00:00", "prohibited", True, "holidays-US-NY weekdays", "2026-01-20 00:00"),
    Said("2026-07-03 11:00:00", "prohibited", True, "holidays-US-NY weekdays", "2026-07-06 00:00"),
    Said("2026-07-02 23:59:59", "discouraged", True, "evening weekdays", "2026-07-06 00:00"),
    # Black Friday, and Thanksgiving within it
    Said("2026-11-20 13:59:59", "allowed", True, "weekdays", "now"),
    Said("2026-11-20 14:00:00", "discouraged", True, "friday-afternoon weekdays", "2026-12-01 00:00"),
    Said("2026-11-23 00:00:00", "prohibited", True, "black-friday weekdays", "2026-12-01 00:00"),
    Said("2026-11-24 11:00:00", "prohibited", True, "black-friday standard weekdays", "2026-12-01 00:00"),
    Said(
        "2026-11-26 11:00:00",
        "prohibited",
        True,
        "black-friday holidays-US-NY standard weekdays",
        "2026-12-01 00:00",
    ),
    Said("2026-11-30 23:59:59", "prohibited", True, "black-friday evening weekdays", "2026-12-01 00:00"),
    Said("2026-12-01 00:00:00", "allowed", True, "weekdays", "now"),
    # Tax season
    Said("2027-04-02 14:00:00", "discouraged", True, "friday-afternoon weekdays", "2027-04-16 00:00"),
    Said("2027-04-15 12:00:00", "prohibited", True, "standard tax-season weekdays", "2027-04-16 00:00"),
    Said("2027-04-16 00:00:00", "allowed", True, "weekdays", "now"),
    # The weekends on which the clocks change: Monday begins at midnight of the wall clock
    Said("2026-03-08 01:59:59", "prohibited", True, "outside-windows weekend", "2026-03-09 00:00"),
    Said("2026-11-01 23:59:59", "prohibited", True, "evening outside-windows weekend", "2026-11-02 00:00"),
]
FILM_STUDIO = [
    Said("2026-06-02 04:59:59", "prohibited", True, "outside-windows", "2026-06-02 05:00"),
    Said("2026-06-02 05:00:00", "allowed", True, "low-traffic", "now"),
    Said("2026-06-04 07:59:59", "allowed", True, "low-traffic", "now"),
    Said("2026-06-04 08:00:00", "prohibited", True, "outside-windows", "2026-06-09 05:00"),
    Said("2026-06-05 06:00:00", "prohibited", True, "outside-windows", "2026-06-09 05:00"),  # a Friday
    Said("2026-06-08 06:00:00", "prohibited", True, "outside-windows", "2026-06-09 05:00"),  # a Monday
    Said("2026-12-24 06:00:00", "allowed", True, "low-traffic", "now"),  # it names no holidays
    # Five in the morning stays five in the morning when the clocks change
    Said("2026-03-10 05:00:00", "allowed", True, "low-traffic", "now"),
    Said("2026-11-03 04:59:59", "prohibited", True, "outside-windows", "2026-11-03 05:00"),
]
NO_HOURS = [
    "2026-06-02 11:00",
    "2026-06-05 16:00",
    "2026-06-06 03:00",
    "2026-12-25 12:00",
    "2026-11-27 20:00",
]


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK).astimezone(UTC)


def agrees(example: str, service: str, said: Said) -> None:
    at = instant(said.at)
    calendar = load_policy(EXAMPLES / example / "policy.yaml").calendar
    found = calendar.at(at, environment="production", service=service)
    assert (found.verdict.value, found.break_glass) == (said.verdict, said.break_glass)
    assert sorted(rule.name for rule in found.rules) == sorted(said.rules.split())
    assert found.next_allowed == (at if said.next_allowed == "now" else instant(said.next_allowed))


@pytest.mark.requirement("P12")
@pytest.mark.requirement("P6")
@pytest.mark.requirement("P13")
@pytest.mark.parametrize("said", READINESS, ids=lambda said: said.at)
def test_production_readiness_prefers_midweek_and_closes_weekends_holidays_and_freezes(said: Said) -> None:
    agrees("readiness", "checkout", said)


@pytest.mark.requirement("P12")
def test_production_readiness_is_preferred_again_on_the_next_midweek_morning() -> None:
    calendar = load_policy(EXAMPLES / "readiness" / "policy.yaml").calendar
    found = calendar.at(instant("2026-11-20 15:00"), environment="production", service="checkout")
    assert found.next_preferred == instant("2026-12-01 10:00")  # neither in the freeze nor on a Monday


@pytest.mark.parametrize("environment", ["staging", "dev"])
def test_the_hours_of_production_bind_no_other_environment(environment: str) -> None:
    calendar = load_policy(EXAMPLES / "readiness" / "policy.yaml").calendar
    for at in NO_HOURS:
        found = calendar.at(instant(at), environment=environment, service="checkout")
        assert (found.verdict, found.rules) == (Verdict.ALLOWED, ())


@pytest.mark.requirement("F2")
@pytest.mark.parametrize("said", FILM_STUDIO, ids=lambda said: said.at)
def test_the_film_studio_deploys_while_traffic_is_low(said: Said) -> None:
    agrees("film-studio", "ai-film-studio", said)


@pytest.mark.parametrize("at", NO_HOURS)
@pytest.mark.parametrize("example", ["keepkey", "checklist", "protocol"])
def test_where_a_document_fixes_no_hours_every_instant_is_allowed(example: str, at: str) -> None:
    policy = load_policy(EXAMPLES / example / "policy.yaml")
    for environment in policy.environments:
        for service in policy.services:
            found = policy.calendar.at(instant(at), environment=environment, service=service)
            assert (found.verdict, found.rules) == (Verdict.ALLOWED, ())
            assert found.next_change is None


@pytest.mark.requirement("P6")
@pytest.mark.parametrize("example", DOCUMENTS)
def test_in_every_example_a_freeze_that_somebody_declares_closes_production(example: str) -> None:
    assert "calendar" in load_policy(EXAMPLES / example / "policy.yaml").environments["production"].gates


@pytest.mark.parametrize("example", DOCUMENTS)
def test_every_window_of_an_example_opens_and_every_rule_occurs(example: str) -> None:
    calendar = load_policy(EXAMPLES / example / "policy.yaml").calendar
    start = instant("2026-11-21 12:00")
    occurring = {each.rule.name for each in calendar.occurrences(start, start + HORIZON)}
    assert occurring == {rule.name for rule in calendar.rules}


@pytest.mark.parametrize("example", DOCUMENTS)
def test_no_example_has_a_grave_finding(example: str) -> None:
    policy = load_policy(EXAMPLES / example / "policy.yaml")
    found = lint(
        policy.calendar,
        environments=list(policy.environments),
        services=list(policy.services),
        now=instant("2026-11-21 12:00"),
    )
    assert [finding for finding in found if finding.grave] == []
