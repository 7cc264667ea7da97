"""What the lint says about changes of the clocks: exact, and once per rule and kind of change (P12)."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.domain.calendar import (
    HORIZON,
    Effect,
    Elapsed,
    Ending,
    Recurring,
    Rule,
    RuleKind,
    parse_until,
)
from bot.domain.calendar.finding import Finding
from bot.domain.calendar.lint_clocks import changes, clock_findings
from bot.domain.crons import Cron

NOW = datetime(2026, 7, 7, 11, tzinfo=UTC)


def found(cron: str, ending: str, zone: str = "America/New_York") -> list[Finding]:
    end: Ending = (
        Elapsed(timedelta(minutes=int(ending[:-1]))) if ending.endswith("m") else parse_until(ending)
    )
    source = Recurring(Cron(cron), end, ZoneInfo(zone))
    rule = Rule(name="r", kind=RuleKind.RESTRICTION, effect=Effect.PROHIBIT, source=source)
    return clock_findings(rule, NOW, NOW + HORIZON)


def cases(findings: list[Finding], code: str) -> list[dict[str, object]]:
    (one,) = [each for each in findings if each.code == code]
    listed = one.facts["cases"]
    assert isinstance(listed, list)
    return [dict(each) for each in listed if isinstance(each, dict)]


@pytest.mark.requirement("P12")
@pytest.mark.parametrize(
    ("cron", "ending", "zone", "codes"),
    [
        ("30 2 * * *", "05:00", "America/New_York", ["skipped-start"]),
        ("0 2 * * *", "05:00", "America/New_York", ["skipped-start"]),
        ("30 1 * * *", "05:00", "America/New_York", ["doubled-start"]),
        ("0 22 * * *", "02:30", "America/New_York", ["skipped-end"]),
        ("0 22 * * *", "01:30", "America/New_York", ["doubled-end"]),
        ("15 2 * * *", "02:45", "America/New_York", ["empty-occurrence"]),
        ("30 2 * * *", "03:00", "America/New_York", ["empty-occurrence"]),
        ("0 10 * * *", "14:00", "America/New_York", []),
        ("30 2 * * MON-FRI", "05:00", "America/New_York", []),  # clocks change on Sundays
        ("0 22 * * FRI", "SUN 02:30", "America/New_York", ["skipped-end"]),
        ("0 3 * * *", "05:00", "America/New_York", []),
        ("0 2 * * *", "03:00", "America/New_York", ["empty-occurrence"]),
        ("59 1 * * *", "04:00", "America/New_York", ["doubled-start"]),
        ("0 0 * * *", "24:00", "Asia/Beirut", ["skipped-end", "skipped-start"]),
        ("15 2 * * *", "05:00", "Australia/Lord_Howe", ["skipped-start"]),
        ("45 1 * * *", "05:00", "Australia/Lord_Howe", ["doubled-start"]),
        ("15 1 * * *", "05:00", "Australia/Lord_Howe", []),
        ("30 2 * * *", "05:00", "Asia/Kolkata", []),
        ("30 */2 * * *", "24:00", "America/New_York", ["skipped-start"]),
        ("30 * * * *", "24:00", "America/New_York", []),
        ("0 0 * * *", "360m", "America/New_York", ["elapsed-across-transition"] * 2),
        ("0 0 * * *", "60m", "America/New_York", []),
        ("0 0 * * *", "120m", "America/New_York", ["elapsed-across-transition"]),  # 01:00 shown once more
        ("0 22 1 11 *", "360m", "America/New_York", []),
        ("0 22 31 10 *", "360m", "America/New_York", ["elapsed-across-transition"]),
    ],
)
def test_what_the_clocks_do_to_a_rule(cron: str, ending: str, zone: str, codes: list[str]) -> None:
    assert sorted(each.code for each in found(cron, ending, zone)) == codes


@pytest.mark.requirement("P12")
def test_a_skipped_start_tells_the_time_that_does_not_exist_and_the_instant_instead() -> None:
    assert cases(found("30 2 * * *", "05:00"), "skipped-start") == [
        {
            "local": "2027-03-14T02:30",
            "instant": "2027-03-14T07:00:00+00:00",
            "shown": "2027-03-14T03:00",
            "fires": "after",
        }
    ]


@pytest.mark.requirement("P12")
def test_a_step_of_hours_does_not_fire_in_the_gap_and_fires_twice_in_the_fold() -> None:
    assert [each["fires"] for each in cases(found("30 */2 * * *", "24:00"), "skipped-start")] == ["never"]
    doubled = cases(found("30 1-23/2,*/23 * * *", "24:00"), "doubled-start")
    assert [each["fires"] for each in doubled] == ["twice"]
    assert (doubled[0]["instant"], doubled[0]["other"]) == (
        "2026-11-01T05:30:00+00:00",
        "2026-11-01T06:30:00+00:00",
    )


@pytest.mark.requirement("P12")
def test_a_doubled_end_takes_the_last() -> None:
    assert cases(found("0 22 * * *", "01:30"), "doubled-end") == [
        {
            "local": "2026-11-01T01:30",
            "instant": "2026-11-01T06:30:00+00:00",
            "other": "2026-11-01T05:30:00+00:00",
        }
    ]


@pytest.mark.requirement("P12")
def test_an_elapsed_end_moves_on_the_clock_and_the_finding_says_from_where_to_where() -> None:
    gap, fold = sorted(
        (each.facts["cases"][0] for each in found("0 0 * * *", "360m")),  # type: ignore[index]
        key=lambda case: str(case["kind"]),  # type: ignore[index,call-overload]
        reverse=True,
    )
    assert gap == {
        "start": "2027-03-14T05:00:00+00:00",
        "end": "2027-03-14T11:00:00+00:00",
        "local_start": "2027-03-14T00:00",
        "local_end": "2027-03-14T07:00",
        "usual_end": "2027-03-14T06:00",
        "change": "2027-03-14T07:00:00+00:00",
        "kind": "gap",
    }
    assert isinstance(fold, dict)
    assert (fold["local_end"], fold["usual_end"]) == ("2026-11-01T05:00", "2026-11-01T06:00")


def test_a_rule_is_named_once_however_many_changes_there_are() -> None:
    morocco = found(
        "*/30 2 * * *", "05:00", "Africa/Casablanca"
    )  # around Ramadan the clocks change twice a year
    (one,) = [each for each in morocco if each.code == "skipped-start"]
    assert one.facts["zone"] == "Africa/Casablanca"
    twice = found("30 1,2 * * *", "05:00", "America/New_York")
    assert sorted(each.code for each in twice) == ["doubled-start", "skipped-start"]


def test_two_starts_of_one_night_are_counted_and_one_is_shown() -> None:
    (one,) = found("15,45 2 * * *", "05:00")
    assert one.facts["count"] == 2
    assert [each["local"] for each in cases([one], "skipped-start")] == ["2027-03-14T02:15"]


@pytest.mark.parametrize("zone", ["Australia/Lord_Howe", "Asia/Beirut", "America/Santiago", "Europe/Berlin"])
def test_changes_are_found_to_the_second(zone: str) -> None:
    listed = changes(ZoneInfo(zone), NOW, NOW + timedelta(days=800))
    assert len(listed) >= 4
    for change in listed:
        before = (change.at - timedelta(seconds=1)).astimezone(ZoneInfo(zone)).utcoffset()
        after = change.at.astimezone(ZoneInfo(zone)).utcoffset()
        assert before is not None
        assert after is not None
        assert (after > before) is change.gap
        assert change.high - change.low == abs(after - before)
