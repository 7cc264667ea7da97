from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.wording.times import ago, ahead, clock_time, in_zone, old, span, utc

AT = datetime(2026, 11, 10, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-5, "0 s"),
        (0, "0 s"),
        (45, "45 s"),
        (119, "119 s"),
        (120, "2 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (11_400, "3 h 10 min"),
        (86_399, "23 h 59 min"),
        (86_400, "1 d"),
        (187_200, "2 d 4 h"),
    ],
)
def test_a_span_has_two_units_at_most(seconds: int, said: str) -> None:
    assert span(timedelta(seconds=seconds)) == said


@given(st.integers(min_value=0, max_value=10**8))
def test_a_longer_span_never_reads_shorter_than_its_larger_unit(seconds: int) -> None:
    words = span(timedelta(seconds=seconds)).split()
    sizes = {"s": 1, "min": 60, "h": 3600, "d": 86_400}
    said = sum(int(words[i]) * sizes[words[i + 1]] for i in range(0, len(words), 2))
    assert said <= seconds < said + sizes[words[-1]] * (24 if words[-1] == "d" else 60)


def test_instants_are_said_relative_to_now() -> None:
    assert ago(AT - timedelta(minutes=40), AT) == "40 min ago"
    assert ago(AT, AT) == "just now"
    assert old(AT - timedelta(hours=3), AT) == "3 h old"
    assert old(AT, AT) == "brand-new"
    assert ahead(AT + timedelta(minutes=38), AT) == "in 38 min"
    assert ahead(AT - timedelta(minutes=1), AT) == "now"


def test_an_instant_names_its_zone() -> None:
    zone = ZoneInfo("America/New_York")
    assert in_zone(zone)(AT) == "Tue 10 Nov 10:00 EST"
    assert clock_time(AT, zone) == "10:00 EST"
    assert utc(AT.astimezone(zone)) == "2026-11-10T15:00:00Z"
