"""How colours went, cut into cells: RED shows however short it was, and what nobody knows is no colour."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.course import Course
from bot.domain.environment import Colour, Turn, worst

START = datetime(2026, 3, 4, 16, tzinfo=UTC)
HOUR = timedelta(hours=1)


def course(*turns: tuple[float, Colour]) -> Course:
    return Course(
        environment="production",
        turns=tuple(
            Turn(since=START + minutes * timedelta(minutes=1), colour=colour) for minutes, colour in turns
        ),
    )


def test_a_red_that_lasted_a_second_shows() -> None:
    cells = course((-5, Colour.GREEN), (30, Colour.RED), (30.01, Colour.GREEN)).cells(START, START + HOUR, 6)
    assert cells == (*[Colour.GREEN] * 3, Colour.RED, *[Colour.GREEN] * 2)


def test_before_the_first_colour_nobody_knows() -> None:
    assert course((30, Colour.GREEN)).cells(START, START + HOUR, 4) == (
        None,
        None,
        Colour.GREEN,
        Colour.GREEN,
    )
    assert course().cells(START, START + HOUR, 2) == (None, None)


def test_what_is_no_stretch_of_time_has_no_cells() -> None:
    assert course((0, Colour.RED)).cells(START, START, 4) == ()
    assert course((0, Colour.RED)).cells(START, START + HOUR, 0) == ()


def test_colours_out_of_their_order_are_no_course() -> None:
    with pytest.raises(ValueError, match="order"):
        course((5, Colour.RED), (1, Colour.GREEN))


@given(
    st.lists(st.tuples(st.floats(-60, 90), st.sampled_from(list(Colour))), max_size=12),
    st.integers(1, 60),
)
def test_the_worst_cell_is_the_worst_colour_of_the_stretch(
    turns: list[tuple[float, Colour]], count: int
) -> None:
    made = course(*sorted(turns, key=lambda turn: turn[0]))
    cells = made.cells(START, START + HOUR, count)
    assert len(cells) == count
    before = [turn.colour for turn in made.turns if turn.since <= START][-1:]
    during = [turn.colour for turn in made.turns if START < turn.since < START + HOUR]
    known = [cell for cell in cells if cell is not None]
    assert bool(known) is bool(before or during)
    if known:
        assert worst(known) is worst([*before, *during])
