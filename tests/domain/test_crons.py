"""Crons: refused with a sentence where croniter would guess, and the same days as croniter where it does not."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.crons import Cron, occurrences, wall_times

NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0 0 30 2 *", "never fires"),
        ("0 0 31 4,6 *", "never fires"),
        ("59/15 * * * *", "single value"),
        ("5-1 * * * *", "backwards"),
        ("0 0 * * FRI-MON", "backwards"),
        ("0 0 0 * * *", "without seconds"),
        ("0 0 * * * * 2026", "without seconds"),
        ("* * * *", "write five"),
        ("", "write five"),
        ("60 * * * *", "runs from 0 to 59"),
        ("* 24 * * *", "runs from 0 to 23"),
        ("* * 0 * *", "runs from 1 to 31"),
        ("* * * 13 *", "runs from 1 to 12"),
        ("* * * * 8", "runs from 0 to 7"),
        ("*/0 * * * *", "zero"),
        ("H * * * *", "is not a minute"),
        ("* * * FOO *", "is not a month"),
        ("*-3 * * * *", "is not a minute"),
        ("1,,2 * * * *", "is not a minute"),
        ("@reboot", "write five"),
        ("0 0 * * MON#6", "is not a day of the week"),
        ("0 0 1 * MON#2", "two rules"),
        ("* " * 300, "characters"),
    ],
)
def test_a_cron_that_cannot_be_meant_is_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Cron(text)


fields = st.tuples(
    st.sampled_from(["0", "30", "0,45", "*/20", "10-20/5"]),
    st.sampled_from(["0", "2", "9-17", "*", "*/5", "8-18/2,23"]),
    st.sampled_from(["*", "*", "1", "15,31", "*/7", "L", "28-31"]),
    st.sampled_from(["*", "*", "FEB", "1-3", "*/2"]),
    st.sampled_from(["*", "*", "MON", "TUE-THU", "FRI-SUN", "0,6", "7", "MON#2", "L5"]),
).map(" ".join)


@settings(deadline=None, max_examples=150)
@given(fields, st.dates(date(2024, 1, 1), date(2027, 1, 1)))
def test_the_wall_clock_times_are_croniters(text: str, first: date) -> None:
    end = first + timedelta(days=70)
    try:
        cron = Cron(text)
    except ValueError as error:
        assert "never fires" in str(error) or "two rules" in str(error)  # noqa: PT017 - both are meant
        return
    stepper = croniter(text, datetime.combine(first, datetime.min.time()) - timedelta(seconds=1))
    expected = []
    while (wall := stepper.get_next(datetime)) < datetime.combine(end, datetime.min.time()):
        expected.append(wall)
    assert list(wall_times(cron, first, end)) == expected


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "day", "expected"),
    [
        ("30 2 * * *", "2026-03-08", ["07:00"]),  # skipped: the first instant after the gap
        ("15,45 2 * * *", "2026-03-08", ["07:00"]),  # both fall together
        ("30 1 * * *", "2026-11-01", ["05:30"]),  # shown twice: once, the first time
        ("30 */2 * * *", "2026-03-08", ["05:30", "08:30"]),  # 02:30 does not exist
        ("30 * * * *", "2026-11-01", ["04:30", "05:30", "06:30", "07:30", "08:30"]),  # a real hour more
    ],
)
def test_firings_where_the_clocks_change(text: str, day: str, expected: list[str]) -> None:
    found = occurrences(Cron(text), NEW_YORK, utc(f"{day}T04:00"), utc(f"{day}T09:00"))
    assert found == [utc(f"{day}T{each}") for each in expected]


def test_an_alias_is_the_expression_it_stands_for() -> None:
    low, high = utc("2026-01-01T00:00"), utc("2026-02-01T00:00")
    assert occurrences(Cron("@weekly"), NEW_YORK, low, high) == occurrences(
        Cron("0 0 * * SUN"), NEW_YORK, low, high
    )


@pytest.mark.parametrize(
    ("text", "every_hour", "literal"),
    [
        ("0 * * * *", True, False),
        ("0 */2 * * *", False, False),
        ("0 0-23 * * *", True, True),
        ("0 9-17 * * *", False, True),
    ],
)
def test_a_cron_knows_whether_it_fires_in_every_hour(text: str, every_hour: bool, literal: bool) -> None:
    assert (Cron(text).every_hour, Cron(text).literal_hour) == (every_hour, literal)
