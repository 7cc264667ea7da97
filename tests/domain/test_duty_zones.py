"""Exactly one primary at every instant, whatever the clocks do: layers, overrides and swaps in the oddest zones."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.duty import Duty, Layer, next_change, people_between, person_at, shift_at
from bot.domain.override import Override
from tests.domain.test_duty import (
    DAY,
    HOUR,
    MICROSECOND,
    MINUTE,
    by_the_rules,
    every_edge,
    hours,
    override,
    rotation,
)

pytestmark = pytest.mark.requirement("P21")


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]  # year, month, day, hour, minute


# Zones with the instants at which their clocks jump: half an hour in Lord Howe, at 02:45 in Chatham, a whole day that
# Apia never had (30 December 2011), two hours at Troll, and the ordinary ones.
JUMPS: dict[str, tuple[datetime, ...]] = {
    "Australia/Lord_Howe": (utc(2026, 4, 4, 15), utc(2026, 10, 3, 15, 30)),
    "Pacific/Chatham": (utc(2026, 4, 4, 14), utc(2026, 9, 26, 14)),
    "Pacific/Apia": (utc(2011, 12, 30, 10), utc(2012, 3, 31, 14), utc(2011, 9, 24, 14)),
    "America/New_York": (utc(2026, 3, 8, 7), utc(2026, 11, 1, 6)),
    "Antarctica/Troll": (utc(2026, 3, 29, 1), utc(2026, 10, 25, 1)),
    "Africa/Casablanca": (utc(2026, 2, 15, 2), utc(2026, 3, 22, 2)),
    "Asia/Kathmandu": (utc(2026, 1, 1),),
}
HANDOFFS = [
    "0 9 * * *",
    "0 0 * * *",
    "30 2 * * *",
    "45 2 * * *",
    "15 3 * * *",
    "0 9 * * FRI",
    "0 */6 * * *",
    "59 23 * * *",
]
STARTS = ["0 9 * * *", "45 2 * * *", "30 1 * * *", "0 0 * * FRI", "0 22 * * *", "15 3 * * SUN"]
UNTILS = ["17:00", "02:45", "24:00", "03:15", "06:00", "SUN 02:30"]
BEGAN = date(2011, 6, 1)
jumps = st.sampled_from([(zone, jump) for zone, found in JUMPS.items() for jump in found])
offsets = st.integers(-3 * 24 * 60, 3 * 24 * 60).map(lambda minutes: minutes * MINUTE)
near = offsets | st.sampled_from([-MICROSECOND, timedelta(0), MICROSECOND, -DAY, DAY])


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Duty, tuple[Override, ...], datetime]:
    """A duty of up to four layers, one of them in the zone whose clocks jump; overrides and swaps; the jump."""
    zone, jump = draw(jumps)
    zones = [zone, *draw(st.lists(st.sampled_from(sorted(JUMPS)), max_size=2))]
    layers = [
        Layer(
            f"l{n}",
            rotation(draw(st.integers(1, 3)), draw(st.sampled_from(HANDOFFS)), each, BEGAN, f"{'abc'[n]}"),
            hours(draw(st.sampled_from(STARTS)), draw(st.sampled_from(UNTILS)), each),
        )
        for n, each in enumerate(zones)
    ]
    rest = rotation(draw(st.integers(1, 4)), draw(st.sampled_from(HANDOFFS)), zone, BEGAN, "r")
    duty = Duty((*layers, Layer("rest", rest)))
    overrides: list[Override] = []
    for _ in range(draw(st.integers(0, 3))):
        begins, length = jump + draw(near), draw(st.sampled_from([MINUTE, HOUR, DAY, 3 * DAY]))
        gone = draw(st.none() | st.sampled_from([-HOUR, timedelta(0), length / 2]))
        more = {} if gone is None else {"cancelled_by": BY, "cancelled_at": begins + gone}
        overrides.append(
            override(len(overrides) + 1, draw(st.sampled_from(["r0", "x", "y"])), begins, length, **more)
        )
    for _ in range(draw(st.integers(0, 2))):
        overrides += swapped(duty, tuple(overrides), jump + draw(near))
    return duty, tuple(overrides), jump


BY = override(1, "x", utc(2026, 1, 1), DAY).declared_by


def swapped(duty: Duty, overrides: tuple[Override, ...], at: datetime) -> list[Override]:
    """Whoever is on call at an instant and whoever comes after them take each other's stretch, as a swap declares it."""
    first = next_change(duty, overrides, at)
    second = None if first is None else next_change(duty, overrides, first)
    if first is None or second is None:
        return []
    one, other = person_at(duty, overrides, at), person_at(duty, overrides, first)
    assert one is not None
    assert other is not None
    number = len(overrides)
    return [
        override(number + 1, other, at, first - at),
        override(number + 2, one, first, second - first),
    ]


@settings(deadline=None, max_examples=300)
@given(worlds(), near)
def test_at_every_instant_around_a_jump_exactly_one_person_is_primary_and_it_is_whom_the_rules_name(
    world: tuple[Duty, tuple[Override, ...], datetime], by: timedelta
) -> None:
    duty, overrides, jump = world
    for at in (jump + by - MICROSECOND, jump + by, jump + by + MICROSECOND):
        shift = shift_at(duty, overrides, at)
        assert shift is not None
        assert (shift.layer is None) != (shift.override is None)
        assert shift.person == by_the_rules(duty, overrides, at)


@settings(deadline=None, max_examples=100)
@given(worlds())
def test_the_stretches_around_a_jump_follow_each_other_without_a_gap_or_an_overlap(
    world: tuple[Duty, tuple[Override, ...], datetime],
) -> None:
    duty, overrides, jump = world
    at, end, walked = jump - 2 * DAY, jump + 2 * DAY, []
    while at < end:
        person, until = person_at(duty, overrides, at), next_change(duty, overrides, at)
        assert person is not None
        walked.append(person)
        stop = end if until is None else min(until, end)
        assert stop > at
        for edge in every_edge(duty, overrides, at, stop):
            assert person_at(duty, overrides, edge) == person
        assert person_at(duty, overrides, stop - MICROSECOND) == person
        at = stop
    assert all(one != other for one, other in pairwise(walked))
    assert people_between(duty, overrides, jump - 2 * DAY, end) == tuple(dict.fromkeys(walked))


@settings(deadline=None, max_examples=100)
@given(worlds(), near)
def test_a_swap_exchanges_two_stretches_and_nothing_else(
    world: tuple[Duty, tuple[Override, ...], datetime], by: timedelta
) -> None:
    duty, overrides, jump = world
    at = jump + by
    swap = swapped(duty, overrides, at)
    if not swap:
        return
    after = (*overrides, *swap)
    first, second = swap
    one, other = second.person, first.person
    for instant, person in (
        (at, other), (first.ends_at - MICROSECOND, other),
        (first.ends_at, one), (second.ends_at - MICROSECOND, one),
    ):  # fmt: skip
        assert person_at(duty, after, instant) == person
    for instant in (at - MICROSECOND, second.ends_at, jump - 3 * DAY, jump + 3 * DAY):
        if not at <= instant < second.ends_at:
            assert person_at(duty, after, instant) == person_at(duty, overrides, instant)


def test_the_hand_off_of_the_day_that_apia_never_had_comes_when_the_gap_is_over() -> None:
    """30 December 2011 does not exist there: its hand-off at 09:00 is at the first instant after it, and the next one
    as ever; nobody's turn is left out."""
    zone = ZoneInfo("Pacific/Apia")
    duty = Duty((Layer("rest", rotation(3, "0 9 * * *", zone.key, BEGAN)),))
    changes, people, at = [], [], utc(2011, 12, 28, 12)
    while (found := next_change(duty, (), at)) is not None and found < utc(2012, 1, 1, 12):
        changes.append(found.astimezone(zone).strftime("%d %H:%M"))
        people.append(person_at(duty, (), found))
        at = found
    assert changes == ["28 09:00", "29 09:00", "31 00:00", "31 09:00", "01 09:00"]
    assert all(len(set(people[n : n + 3])) == 3 for n in range(3))
