"""Uptime: every second belongs to one colour or to none, what nobody knows is no uptime, and days are calendar days."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.environment import Colour, Turn
from bot.domain.uptime import Spent, by_day, spent, uptime

NOW = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
G, Y, U, R = Colour.GREEN, Colour.YELLOW, Colour.UNKNOWN, Colour.RED


def turns(*found: tuple[timedelta, Colour]) -> list[Turn]:
    """Each colour with how long ago it began."""
    return [Turn(since=NOW - ago, colour=colour) for ago, colour in found]


@pytest.mark.requirement("F12")
@pytest.mark.parametrize(
    ("history", "share", "blind"),
    [
        ([(30 * DAY, G)], 1.0, 0.0),
        ([(30 * DAY, Y)], 1.0, 0.0),  # D6: operational
        ([(30 * DAY, R)], 0.0, 0.0),
        ([(30 * DAY, U)], 0.0, 1.0),
        ([(30 * DAY, G), (12 * HOUR, R), (6 * HOUR, G)], 0.75, 0.0),
        ([(30 * DAY, G), (12 * HOUR, U), (6 * HOUR, G)], 0.75, 0.25),
        ([(6 * HOUR, G), (3 * HOUR, R)], 0.5, 0.0),  # known for six hours: the rest is nobody's
    ],
)
def test_uptime_is_the_part_of_the_known_time_that_it_worked(
    history: list[tuple[timedelta, Colour]], share: float, blind: float
) -> None:
    found = uptime(turns(*history), NOW, 1)
    assert found.spent.share == pytest.approx(share)
    assert found.spent.blind == pytest.approx(blind)


def test_nothing_known_is_no_uptime_and_no_downtime() -> None:
    assert uptime([], NOW, 7).spent.share is None
    assert uptime([], NOW, 7).since is None
    assert spent(turns((HOUR, G)), NOW - 2 * DAY, NOW - DAY) == Spent()


def test_where_the_record_begins_within_the_stretch_it_says_so() -> None:
    assert uptime(turns((6 * HOUR, G)), NOW, 1).since == NOW - 6 * HOUR
    assert uptime(turns((2 * DAY, G)), NOW, 1).since is None


def test_a_day_has_its_worst_colour_however_short_it_was() -> None:
    history = turns((3 * DAY, G), (timedelta(hours=1), R), (timedelta(minutes=59, seconds=59), G))
    days = by_day(history, NOW, 5, ZoneInfo("UTC"))
    assert [d.date for d in days] == [date(2026, 3, n) for n in (16, 17, 18, 19, 20)]
    assert [d.colour for d in days] == [None, G, G, G, R]


def test_days_are_those_of_the_zone_on_the_day_the_clock_is_put_on() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    now = datetime(2026, 3, 30, 10, 0, tzinfo=UTC)
    late = datetime(2026, 3, 29, 21, 59, tzinfo=UTC)  # 23:59 of the day with 23 hours
    history = [
        Turn(since=now - 10 * DAY, colour=G),
        Turn(since=late, colour=R),
        Turn(since=late + timedelta(minutes=1), colour=G),
    ]
    assert [d.colour for d in by_day(history, now, 3, berlin)] == [G, R, G]


HISTORIES = st.lists(
    st.tuples(st.integers(min_value=0, max_value=40 * 86_400), st.sampled_from(list(Colour))), max_size=30
)


@given(HISTORIES, st.integers(min_value=1, max_value=35))
def test_every_second_since_the_record_began_is_counted_once(
    history: list[tuple[int, Colour]], days: int
) -> None:
    found = [
        Turn(since=NOW - timedelta(seconds=ago), colour=colour)
        for ago, colour in sorted(dict(history).items(), reverse=True)
    ]
    whole = uptime(found, NOW, days)
    known = min(NOW - found[0].since, days * DAY) if found else timedelta(0)
    assert whole.spent.total == known
    middle = NOW - days * DAY / 3
    parts = [spent(found, NOW - days * DAY, middle), spent(found, middle, NOW)]
    assert sum((p.up for p in parts), timedelta(0)) == whole.spent.up
    assert sum((p.red for p in parts), timedelta(0)) == whole.spent.red
    share = whole.spent.share
    assert share is None or 0 <= share <= 1
