"""Colours are worst-of, change only by consecutive readings, and go blind when nobody looks (D6, K2)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.environment import Colour, MonitorState, Reading, observed, status_of, worst

NOW = datetime(2026, 11, 10, 15, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TICK = timedelta(microseconds=1)
G, Y, U, R = Colour.GREEN, Colour.YELLOW, Colour.UNKNOWN, Colour.RED
LETTERS = {"G": G, "Y": Y, "U": U, "R": R}

NEVER_READ = MonitorState(environment="production", name="api", component="backend", since=NOW)
GREEN = replace(NEVER_READ, colour=G, read_at=NOW, good_at=NOW, code="ok")


def reading(colour: Colour, minute: int = 1, *, decisive: bool = False) -> Reading:
    return Reading(colour=colour, code=f"said-{colour.value}", at=NOW + minute * MINUTE, decisive=decisive)


def after(
    state: MonitorState, colours: str, fail_after: int = 3, pass_after: int = 2, *, decisive: bool = False
) -> MonitorState:
    for minute, letter in enumerate(colours, start=1):
        said = reading(LETTERS[letter], minute, decisive=decisive)
        state = observed(state, said, fail_after=fail_after, pass_after=pass_after)
    return state


@pytest.mark.requirement("D6")
def test_the_worst_colour_wins_and_red_is_certain() -> None:
    assert worst([G, Y, U, R]) is R
    assert worst([G, Y, U]) is U
    assert worst([G, Y]) is Y
    assert worst([G, G]) is G


@pytest.mark.requirement("K2")
def test_nothing_to_look_at_is_unknown_and_never_green() -> None:
    assert worst([]) is U
    nothing = status_of("production", [])
    assert (nothing.colour, nothing.since, nothing.verified_at) == (U, None, None)


@pytest.mark.requirement("D6")
@pytest.mark.parametrize(
    ("start", "readings", "colour"),
    [
        (G, "R", G),
        (G, "RR", G),
        (G, "RRR", R),
        (G, "RRGRR", G),
        (G, "RRGRRR", R),
        (G, "YYR", Y),
        (G, "RRY", Y),
        (G, "UUU", U),
        (G, "UUR", U),
        (R, "G", R),
        (R, "GG", G),
        (R, "GRG", R),
        (R, "YG", Y),
        (R, "GY", Y),
        (R, "YY", Y),
        (Y, "RR", Y),
        (Y, "RRR", R),
        (Y, "RGR", Y),
        (Y, "GG", G),
        (U, "G", U),
        (U, "GG", G),
        (U, "R", U),
        (U, "RRR", R),
        (U, "YYY", Y),
        (U, "U", U),
    ],
)
def test_a_worse_colour_needs_three_in_a_row_and_a_better_one_two(
    start: Colour, readings: str, colour: Colour
) -> None:
    assert after(replace(GREEN, colour=start), readings).colour is colour


def test_a_change_of_colour_says_since_when_and_why() -> None:
    state = after(GREEN, "RRR")
    assert (state.since, state.code) == (NOW + 3 * MINUTE, "said-RED")


def test_what_is_not_yet_believed_is_kept_and_the_colour_keeps_its_since() -> None:
    state = after(GREEN, "RR")
    assert (state.colour, state.since, state.code) == (G, NOW, "ok")
    assert [r.colour for r in state.recent] == [R, R]
    assert (state.read_at, state.good_at) == (NOW + 2 * MINUTE, NOW)


def test_the_newest_reading_of_the_same_colour_tells_the_cause_and_ends_the_run() -> None:
    state = observed(after(GREEN, "RR"), replace(reading(G, 3), code="slow"), fail_after=3, pass_after=2)
    assert (state.code, state.since, state.colour) == ("slow", NOW, G)
    assert state.good_at == NOW + 3 * MINUTE


@pytest.mark.requirement("K3")
@pytest.mark.parametrize("start", [G, Y, U, R])
@pytest.mark.parametrize("said", "GYUR")
def test_a_stated_colour_needs_no_confirmation(start: Colour, said: str) -> None:
    assert after(replace(GREEN, colour=start), said, decisive=True).colour is LETTERS[said]


colours = st.lists(st.sampled_from("GYUR"), max_size=30).map("".join)
limits = st.integers(1, 4)


@given(colours, limits, limits, st.sampled_from(Colour))
def test_nothing_turns_red_on_fewer_readings_in_a_row_than_the_policy_says(
    said: str, fail_after: int, pass_after: int, start: Colour
) -> None:
    state = replace(GREEN, colour=start)
    for n in range(1, len(said) + 1):
        before, state = state, after(state, said[n - 1], fail_after, pass_after)
        if state.colour is R and before.colour is not R:
            assert said[:n].endswith("R" * fail_after)


@given(colours, limits, limits)
def test_what_is_red_turns_green_only_after_enough_green_in_a_row(
    said: str, fail_after: int, pass_after: int
) -> None:
    state = replace(GREEN, colour=R)
    for n in range(1, len(said) + 1):
        before, state = state, after(state, said[n - 1], fail_after, pass_after)
        if state.colour is G and before.colour in (R, Y):
            assert said[:n].endswith("G" * pass_after)


@given(colours, limits, limits)
def test_what_stays_red_is_red_in_the_end(said: str, fail_after: int, pass_after: int) -> None:
    state = after(
        after(NEVER_READ, said, fail_after, pass_after), "R" * (2 * fail_after), fail_after, pass_after
    )
    assert state.colour is R


def test_three_red_in_a_row_are_red_whatever_came_before() -> None:
    assert after(GREEN, "YRRR").colour is R


def test_a_blind_monitor_that_only_ever_reads_bad_does_not_stay_blind() -> None:
    assert after(NEVER_READ, "YRYRYR").colour is Y


def test_the_cause_told_is_of_the_colour_told() -> None:
    state = after(GREEN, "YYR")
    assert (state.colour, state.code) == (Y, "said-YELLOW")


def test_too_old_a_reading_makes_the_monitor_blind_and_never_silently_green() -> None:
    limit = 5 * MINUTE
    assert GREEN.at(NOW + limit, limit) is GREEN
    blind = GREEN.at(NOW + limit + TICK, limit)
    assert (blind.colour, blind.code, blind.since) == (U, "stale", NOW + limit)
    assert blind.facts == {"read_at": NOW.isoformat(), "limit_seconds": 300}


def test_red_goes_blind_as_well() -> None:
    assert replace(GREEN, colour=R).at(NOW + 6 * MINUTE, 5 * MINUTE).colour is U


def test_a_monitor_that_was_never_read_is_unknown_and_says_so() -> None:
    seen = NEVER_READ.at(NOW + 600 * MINUTE, MINUTE)
    assert (seen.colour, seen.code) == (U, "never-read")


def test_the_first_bad_reading_after_a_long_silence_does_not_bring_an_old_green_back() -> None:
    much_later = reading(R, 600)
    blind = GREEN.at(much_later.at, 5 * MINUTE)
    state = observed(blind, much_later, fail_after=3, pass_after=2)
    assert state.at(much_later.at, 5 * MINUTE).colour is not G


@pytest.mark.requirement("D2")
def test_an_environment_is_the_worst_of_its_monitors_and_names_the_causes() -> None:
    bad = replace(GREEN, name="db", colour=R, since=NOW + MINUTE, read_at=NOW + MINUTE)
    status = status_of("production", [GREEN, bad], incident="INC-7")
    assert (status.colour, status.causes, status.incident) == (R, (bad,), "INC-7")
    assert (status.since, status.verified_at) == (NOW + MINUTE, NOW)


def test_an_environment_with_a_monitor_that_was_never_read_is_not_verified() -> None:
    status = status_of("production", [GREEN, NEVER_READ])
    assert (status.colour, status.verified_at) == (U, None)


def test_an_environment_is_green_since_its_last_monitor_turned_green() -> None:
    later = replace(GREEN, name="db", since=NOW + MINUTE)
    assert status_of("production", [later, GREEN]).since == NOW + MINUTE


def test_an_environment_is_red_since_its_first_monitor_turned_red() -> None:
    first, second = (replace(GREEN, name=str(n), colour=R, since=NOW + n * MINUTE) for n in (1, 2))
    assert status_of("production", [first, second]).since == NOW + MINUTE
