"""Blindness adds up within an hour, whatever pieces it comes in."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.blindness import LASTS, MOST_KEPT, WITHIN, Spell, blind_for, kept, pages_at

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def spell(start: float, until: float) -> Spell:
    """From and until so many minutes before noon."""
    return NOON - start * MINUTE, NOON - until * MINUTE


@pytest.mark.parametrize(
    ("since", "earlier", "minutes"),
    [
        (0, [], 0),
        (3, [], 3),
        (1, [spell(10, 8)], 3),
        (1, [spell(62, 58)], 3),  # two of its minutes are more than an hour ago
        (1, [spell(90, 70)], 1),
        (90, [], 60),
        (-5, [spell(-1, -3)], 0),  # a clock that was ahead
        (1, [spell(4, 6)], 1),  # one that went back meanwhile
    ],
)
def test_what_counts_is_what_lies_within_the_hour(since: float, earlier: list[Spell], minutes: float) -> None:
    assert blind_for(NOON - since * MINUTE, earlier, NOON) == minutes * MINUTE


@given(st.lists(st.integers(1, 100), min_size=1, max_size=40))
def test_without_anything_before_it_pages_at_its_own_age_and_never_later_with_more(
    ages: list[int],
) -> None:
    since = NOON - timedelta(seconds=ages[0])
    earlier = [(since - timedelta(seconds=2 * a), since - timedelta(seconds=a)) for a in ages[1:]]
    assert pages_at(since, [], NOON) == since + LASTS
    assert NOON <= pages_at(since, earlier, NOON) <= since + LASTS


def test_only_what_still_counts_is_kept_and_only_so_much() -> None:
    old, new = spell(90, 61), spell(50, 49)
    assert kept([old, new], NOON) == (new,)
    assert kept([spell(-1, -2)], NOON) == ()
    many = [spell(59 - n / 10, 58.95 - n / 10) for n in range(300)]
    assert kept(many, NOON) == tuple(many[-MOST_KEPT:])
    assert WITHIN > LASTS
