"""Durations are read as they are written, and nothing else is taken for one."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain import durations


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0s", 0),
        ("30s", 30),
        ("5m", 300),
        ("90m", 5400),
        ("23h30m", 84_600),
        ("7d", 604_800),
        ("1w1d", 691_200),
    ],
)
def test_a_duration_is_the_sum_of_its_units(text: str, seconds: int) -> None:
    assert durations.parse(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", "5", "m", "5 m", "-5m", "1.5h", "30m1h", "5m5m", "5M", "٥m", "1h\n", "999999999d"]
)
def test_what_is_no_duration_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        durations.parse(text)


@given(st.integers(0, int(durations.LONGEST.total_seconds())))
def test_what_is_rendered_reads_the_same(seconds: int) -> None:
    duration = timedelta(seconds=seconds)
    assert durations.parse(durations.render(duration)) == duration


@pytest.mark.parametrize("duration", [timedelta(seconds=-1), timedelta(microseconds=1)])
def test_what_the_notation_lacks_is_not_rendered(duration: timedelta) -> None:
    with pytest.raises(ValueError, match="whole seconds"):
        durations.render(duration)
