"""Seats go to distinct people, as many as can be seated at all, whatever the order of clicks."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.quorum import SeatHeld, seat_people

ROLES = ("lead", "manager", "security")
seats_drawn = st.lists(st.lists(st.sampled_from(ROLES), max_size=2, unique=True).map(tuple), max_size=4)
people_drawn = st.dictionaries(
    st.sampled_from(["ada", "bo", "cy", "di"]), st.frozensets(st.sampled_from((*ROLES, "engineer")))
)


def most_that_can_be_seated(seats: list[tuple[str, ...]], roles_of: dict[str, frozenset[str]]) -> int:
    """By trying every way to put people, or nobody, on the seats."""
    tried = permutations([*roles_of, *[None] * len(seats)], len(seats))
    return max(
        sum(1 for seat, who in zip(seats, way, strict=True) if who and roles_of[who].intersection(seat))
        for way in tried
    )


@given(seats_drawn, people_drawn, st.integers(0, 4))
def test_as_many_seats_are_filled_as_can_be(
    seats: list[tuple[str, ...]], roles_of: dict[str, frozenset[str]], minimum: int
) -> None:
    quorum = seat_people(seats, roles_of, minimum=minimum)
    best = most_that_can_be_seated(seats, roles_of)
    assert sum(1 for s in quorum.seats if s.person) == best
    assert quorum.filled == (best == len(seats) and len(roles_of) >= minimum)
    assert quorum.missing == max(len(seats) - best, minimum - len(roles_of))
    assert quorum.filled == (quorum.missing <= 0)


@given(seats_drawn, people_drawn)
def test_a_seat_is_held_by_somebody_with_its_role_and_nobody_holds_two(
    seats: list[tuple[str, ...]], roles_of: dict[str, frozenset[str]]
) -> None:
    quorum = seat_people(seats, roles_of, minimum=0)
    assert [s.roles for s in quorum.seats] == seats
    held = [s for s in quorum.seats if s.person]
    assert all(roles_of[s.person or ""].intersection(s.roles) for s in held)
    assert len({s.person for s in held}) == len(held)


@given(seats_drawn, people_drawn, st.randoms(use_true_random=False))
def test_the_order_of_clicks_never_matters(
    seats: list[tuple[str, ...]], roles_of: dict[str, frozenset[str]], chance: st.DataObject
) -> None:
    shuffled = list(roles_of.items())
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert seat_people(seats, dict(shuffled), minimum=1) == seat_people(seats, roles_of, minimum=1)


@pytest.mark.requirement("P7")
def test_whoever_may_fill_either_seat_makes_room_for_who_may_fill_only_one() -> None:
    quorum = seat_people(
        [("lead",), ("manager",)],
        {"ada": frozenset({"lead", "manager"}), "bo": frozenset({"lead"})},
        minimum=2,
    )
    assert quorum.seats == (SeatHeld(("lead",), "bo"), SeatHeld(("manager",), "ada"))
    assert quorum.filled


@pytest.mark.requirement("F1")
def test_one_person_with_every_role_is_still_one_person() -> None:
    quorum = seat_people([("lead",), ("security",)], {"ada": frozenset(ROLES)}, minimum=2)
    assert not quorum.filled
    assert quorum.missing == 1


@pytest.mark.requirement("F1")
def test_full_seats_are_not_enough_where_the_policy_wants_more_people() -> None:
    quorum = seat_people([("lead",)], {"ada": frozenset({"lead"})}, minimum=3)
    assert (quorum.filled, quorum.missing) == (False, 2)


def test_a_policy_without_seats_or_minimum_needs_nobody() -> None:
    assert seat_people([], {}, minimum=0).filled
