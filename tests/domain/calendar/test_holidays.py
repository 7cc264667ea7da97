"""Holidays: public ones with their observed days, own days, days of every year; each a whole local day (P12)."""

import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.domain.calendar import DayOfYear, Holidays
from bot.domain.calendar.public_holidays import public_holidays

NEW_YORK = ZoneInfo("America/New_York")


def days(source: Holidays, year: int) -> dict[str, str | None]:
    """The local days in force during a year, with what they are called."""
    low, high = (datetime(each, 1, 1, tzinfo=source.zone) for each in (year, year + 1))
    spans = source.spans(low.astimezone(UTC), high.astimezone(UTC))
    return {str(span.start.astimezone(source.zone).date()): span.label for span in spans}


def own(*days: tuple[date | DayOfYear, str], country: str | None = None) -> Holidays:
    return Holidays(country, None, NEW_YORK, own=days)


@pytest.mark.requirement("P12")
def test_an_own_day_holds_once_and_a_day_of_the_year_each_year() -> None:
    source = own((date(2026, 3, 9), "Move"), (DayOfYear(12, 24), "Christmas Eve"))
    assert days(source, 2026) == {"2026-03-09": "Move", "2026-12-24": "Christmas Eve"}
    assert days(source, 2027) == {"2027-12-24": "Christmas Eve"}


@pytest.mark.requirement("P12")
def test_the_29th_of_february_holds_in_leap_years_only() -> None:
    source = own((DayOfYear(2, 29), "Leap day"))
    assert [list(days(source, year)) for year in (2027, 2028, 2096)] == [[], ["2028-02-29"], ["2096-02-29"]]


@pytest.mark.requirement("P12")
def test_an_own_day_on_a_public_holiday_is_one_day_with_both_names() -> None:
    source = own((DayOfYear(12, 25), "Inventory"), (date(2026, 12, 25), "Christmas Day"), country="US")
    assert days(source, 2026)["2026-12-25"] == "Christmas Day; Inventory"


@pytest.mark.requirement("P12")
def test_observed_days_hold_beside_the_days_themselves() -> None:
    found = days(own(country="US"), 2026)
    assert found["2026-07-03"] == "Independence Day (observed)"
    assert found["2026-07-04"] == "Independence Day"


@pytest.mark.requirement("P12")
def test_a_subdivision_adds_its_own_holidays() -> None:
    assert "2026-11-18" in days(Holidays("DE", "SN", ZoneInfo("Europe/Berlin")), 2026)
    assert "2026-11-18" not in days(Holidays("DE", "BE", ZoneInfo("Europe/Berlin")), 2026)


@pytest.mark.requirement("P12")
def test_a_holiday_lasts_as_long_as_its_local_day() -> None:
    source = own((date(2026, 3, 8), "spring"), (date(2026, 11, 1), "autumn"))
    spans = source.spans(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
    assert [span.end - span.start for span in spans] == [timedelta(hours=23), timedelta(hours=25)]


def test_a_day_that_a_zone_left_out_is_no_holiday() -> None:
    source = Holidays(None, None, ZoneInfo("Pacific/Apia"), own=((date(2011, 12, 30), "skipped"),))
    assert source.spans(datetime(2011, 12, 1, tzinfo=UTC), datetime(2012, 1, 31, tzinfo=UTC)) == []


def test_a_list_that_ends_has_no_days_behind_its_end_and_does_not_complain() -> None:
    assert public_holidays("LK", None, 2026)
    assert public_holidays("LK", None, 2050) == ()


def test_a_list_that_is_known_in_part_complains_to_nobody() -> None:
    assert {each.name for each in public_holidays("IN", None, 2036)} >= {"Republic Day", "Christmas"}
    assert public_holidays("IN", None, 1999)


def test_days_that_hang_on_the_moon_are_known_to_be_estimates() -> None:
    turkey = {each.name: each.estimated for each in public_holidays("TR", None, 2035)}
    assert any(turkey.values())
    assert not turkey["New Year's Day"]


def test_names_do_not_depend_on_the_locale_of_the_host() -> None:
    script = (
        "from bot.domain.calendar.public_holidays import public_holidays\n"
        "print(public_holidays('DE', None, 2026)[0].name, '|', public_holidays('TR', None, 2026)[0].name)\n"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "LANGUAGE": language, "LANG": f"{language}.UTF-8"},
            capture_output=True,
            check=True,
            text=True,
            timeout=60,
        ).stdout
        for language in ("en_US", "de", "tr")
    }
    assert told == {"New Year's Day | New Year's Day\n"}


@pytest.mark.parametrize(
    ("country", "subdivision", "words"),
    [
        ("XX", None, "no holidays are known"),
        ("US", "XX", "no subdivision"),
        (None, "NY", "needs its country"),
    ],
)
def test_what_nobody_knows_the_holidays_of_is_refused(
    country: str | None, subdivision: str | None, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        Holidays(country, subdivision, NEW_YORK)


@pytest.mark.parametrize("text", ["02-30", "13-01", "1224", "12-", "a-b", "00-10"])
def test_a_malformed_day_of_the_year_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        DayOfYear.parse(text)
