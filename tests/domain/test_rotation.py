"""Exactly one person is on call at every instant, whatever the clocks do."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.crons import Cron, occurrences
from bot.domain.rotation import Rotation, next_handoff, on_call_at

NEW_YORK = ZoneInfo("America/New_York")
MICROSECOND = timedelta(microseconds=1)


def rotation(people: int, handoff: str, zone: str, starts: date | None = None) -> Rotation:
    names = tuple(f"p{number}" for number in range(people))
    return Rotation(people=names, handoff=Cron(handoff), zone=ZoneInfo(zone), starts=starts)


rotations = st.builds(
    rotation,
    st.integers(1, 5),
    st.sampled_from(
        ["0 9 * * MON", "0 0 * * *", "30 2 * * *", "30 1 * * SUN", "0 */12 * * *", "0 9 1 * *", "0 0 29 2 *"]
    ),
    st.sampled_from(
        ["America/New_York", "Asia/Beirut", "Australia/Lord_Howe", "Asia/Kolkata", "America/Havana"]
    ),
    st.none() | st.dates(date(2000, 1, 1), date(2026, 12, 31)),
)
instants = st.datetimes(datetime(2000, 1, 3), datetime(2028, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone


@settings(deadline=None, max_examples=80)
@given(rotations, instants)
def test_at_every_instant_exactly_one_person_is_on_call(given_rotation: Rotation, instant: datetime) -> None:
    person = on_call_at(given_rotation, instant)
    assert (person in given_rotation.people) is (instant >= given_rotation.begins)
    assert (person is None) is (instant < given_rotation.begins)


@settings(deadline=None, max_examples=60)
@given(rotations, instants)
def test_a_turn_ends_at_the_hand_off_and_the_next_person_follows(
    given_rotation: Rotation, instant: datetime
) -> None:
    at = max(instant, given_rotation.begins)
    handoff = next_handoff(given_rotation, at)
    assert handoff is not None
    people = given_rotation.people
    before, after = on_call_at(given_rotation, handoff - MICROSECOND), on_call_at(given_rotation, handoff)
    assert before == on_call_at(given_rotation, at)
    assert before is not None
    assert after == people[(people.index(before) + 1) % len(people)]


def test_the_first_hand_off_after_the_start_hands_over_to_the_first_person() -> None:
    weekly = rotation(3, "0 9 * * MON", "America/New_York", date(2026, 1, 5))
    monday = datetime(2026, 1, 5, 9, tzinfo=NEW_YORK)
    turns = [on_call_at(weekly, monday + timedelta(weeks=week)) for week in range(4)]
    assert turns == ["p0", "p1", "p2", "p0"]
    assert on_call_at(weekly, monday - MICROSECOND) == "p2"
    assert on_call_at(weekly, datetime(2026, 1, 4, 23, 59, tzinfo=NEW_YORK)) is None


def test_a_hand_off_that_the_clock_shows_twice_happens_once() -> None:
    nightly = rotation(2, "30 1 * * *", "America/New_York")
    night = datetime(2026, 11, 1, 4, tzinfo=UTC)
    changes = [
        minute
        for minute in (night + timedelta(minutes=number) for number in range(1, 240))
        if on_call_at(nightly, minute) != on_call_at(nightly, minute - timedelta(minutes=1))
    ]
    assert changes == occurrences(nightly.handoff, NEW_YORK, night, night + timedelta(hours=4))
    assert len(changes) == 1


@pytest.mark.parametrize(
    ("people", "handoff", "starts", "words"),
    [
        (0, "0 9 * * MON", None, "at least one"),
        (1, "*/5 * * * *", None, "hourly"),
        (1, "0 9 * * *", date(1960, 1, 1), "before"),
    ],
)
def test_a_rotation_that_cannot_be_is_refused(
    people: int, handoff: str, starts: date | None, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        rotation(people, handoff, "UTC", starts)
