"""Layers and overrides: exactly one person is on call at every instant, and the next change is the first."""

import time
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.calendar import Recurring, parse_until
from bot.domain.change_request import Actor
from bot.domain.crons import Cron, occurrences
from bot.domain.duty import Duty, Layer, holder_at, holders, next_change, people_between, person_at, shift_at
from bot.domain.override import Override
from bot.domain.rotation import Rotation

MICROSECOND, MINUTE, HOUR, DAY = (
    timedelta(microseconds=1),
    timedelta(minutes=1),
    timedelta(hours=1),
    timedelta(days=1),
)
ZONES = ("Australia/Lord_Howe", "America/New_York", "Europe/Berlin", "Asia/Kathmandu")
BY = Actor(via="slack:T1/U1", person="ada")
OFTEN = ["0 9 * * *", "0 0 * * MON-FRI", "30 2 * * *", "30 1 * * *", "0 */6 * * *", "0 9 * * MON"]
RARELY = ["0 9 1 * *", "30 2 1 * *"]


def rotation(people: int, handoff: str, zone: str, starts: date | None = None, prefix: str = "p") -> Rotation:
    names = tuple(f"{prefix}{number}" for number in range(people))
    return Rotation(people=names, handoff=Cron(handoff), zone=ZoneInfo(zone), starts=starts)


def hours(start: str, until: str, zone: str) -> Recurring:
    return Recurring(Cron(start), parse_until(until), ZoneInfo(zone))


def override(number: int, person: str, begins: datetime, length: timedelta, **more: object) -> Override:
    return Override(
        id=f"OVR-{number}",
        rotation="primary",
        person=person,
        begins_at=begins,
        ends_at=begins + length,
        declared_by=BY,
        declared_at=begins,
        **more,  # type: ignore[arg-type]
    )


# Around every transition of both halves of the year, and anywhere
NEAR = [
    datetime(2026, month, day, hour, minute, tzinfo=UTC)
    for month, day in [(3, 7), (3, 8), (3, 28), (3, 29), (4, 4), (4, 5), (10, 3), (10, 4), (10, 24), (10, 25), (11, 1), (12, 31)]
    for hour in (0, 1, 5, 6, 7, 14, 15, 16)
    for minute in (0, 30)
]  # fmt: skip
anywhere = st.datetimes(datetime(2024, 1, 3), datetime(2028, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone
instants = st.sampled_from(NEAR) | anywhere
rotations = st.builds(
    rotation,
    st.integers(1, 4),
    st.sampled_from(OFTEN + RARELY),
    st.sampled_from(ZONES),
    st.dates(date(2024, 1, 1), date(2026, 6, 30)),
    st.sampled_from("pqr"),
)
limits = st.builds(
    hours,
    st.sampled_from(["0 9 * * *", "30 2 * * *", "30 1 * * SUN", "0 17 * * MON-FRI", "0 2 * * *"]),
    st.sampled_from(["17:00", "02:30", "01:30", "24:00", "MON 00:00", "02:00"]),
    st.sampled_from(ZONES),
)


@st.composite
def duties(draw: st.DrawFn) -> Duty:
    first = draw(st.lists(st.tuples(rotations, limits), max_size=2))
    layers = [Layer(f"l{n}", each, during) for n, (each, during) in enumerate(first)]
    return Duty((*layers, Layer("rest", draw(rotations))))


@st.composite
def several(draw: st.DrawFn) -> tuple[Override, ...]:
    found = []
    for number in range(draw(st.integers(0, 3))):
        begins = draw(instants)
        length = draw(st.sampled_from([MINUTE, HOUR, DAY, 9 * DAY]))
        taken_back = draw(st.none() | st.sampled_from([-HOUR, timedelta(0), length / 2, length * 2]))
        more = {} if taken_back is None else {"cancelled_by": BY, "cancelled_at": begins + taken_back}
        found.append(override(number + 1, draw(st.sampled_from(["p0", "o1", "o2"])), begins, length, **more))
    return tuple(found)


def every_edge(duty: Duty, overrides: tuple[Override, ...], low: datetime, high: datetime) -> list[datetime]:
    """All that could change who is on call, worked out the plain way."""
    found = {low}
    for layer in duty.layers:
        found |= {layer.rotation.begins}
        found |= set(occurrences(layer.rotation.handoff, layer.rotation.zone, low, high))
        if layer.during is not None:
            found |= {edge for span in layer.during.spans(low, high) for edge in (span.start, span.end)}
    for each in overrides:
        found |= {each.begins_at, each.over_at}
    return sorted(edge for edge in found if low <= edge < high)


@lru_cache(maxsize=1000)
def every_handoff(own: Rotation) -> tuple[datetime, ...]:
    return tuple(occurrences(own.handoff, own.zone, own.begins, datetime(2028, 2, 1, tzinfo=UTC)))


def by_the_rules(duty: Duty, overrides: tuple[Override, ...], at: datetime) -> str | None:
    """Who is on call by the words of the rule, counting every hand-off since the beginning."""
    for each in sorted(overrides, key=lambda o: -int(o.id.removeprefix("OVR-"))):
        if each.begins_at <= at < each.ends_at and (each.cancelled_at is None or at < each.cancelled_at):
            return each.person
    for layer in duty.layers:
        if layer.during is not None and not any(
            s.start <= at < s.end for s in layer.during.spans(at - 9 * DAY, at + DAY)
        ):
            continue
        own = layer.rotation
        if at < own.begins:
            continue
        turns = sum(handoff <= at for handoff in every_handoff(own))
        return own.people[(turns - 1) % len(own.people)]
    return None


@pytest.mark.requirement("P21")
@settings(deadline=None, max_examples=400)
@given(duties(), several(), instants)
def test_at_every_instant_exactly_one_person_is_primary(
    duty: Duty, overrides: tuple[Override, ...], at: datetime
) -> None:
    begun = any(layer.rotation.begins <= at for layer in duty.layers if layer.during is None)
    for instant in (at - MICROSECOND, at, at + MICROSECOND):
        found = person_at(duty, overrides, instant)
        known = {*duty.people, *(o.person for o in overrides)}
        assert found in known if found is not None else not begun or instant < at


@settings(deadline=None, max_examples=120)
@given(duties(), several(), st.sampled_from(NEAR))
def test_around_every_transition_it_is_whom_the_rules_name(
    duty: Duty, overrides: tuple[Override, ...], at: datetime
) -> None:
    for edge in every_edge(duty, overrides, at - DAY, at + 2 * DAY)[:9]:
        for instant in (edge - MICROSECOND, edge, edge + MICROSECOND):
            assert person_at(duty, overrides, instant) == by_the_rules(duty, overrides, instant), instant


@pytest.mark.requirement("P21")
@settings(deadline=None, max_examples=200)
@given(duties(), several(), instants)
def test_the_next_change_is_the_first_instant_with_another_person(
    duty: Duty, overrides: tuple[Override, ...], at: datetime
) -> None:
    now, change = person_at(duty, overrides, at), next_change(duty, overrides, at)
    end = at + 30 * DAY if change is None else change
    assert change is None or (change > at and person_at(duty, overrides, change) != now)
    for edge in every_edge(duty, overrides, max(at, end - 30 * DAY), end)[:40]:
        assert person_at(duty, overrides, edge) == now


def test_a_duty_whose_people_are_one_never_changes() -> None:
    duty = Duty(
        (
            Layer("day", rotation(1, "0 * * * *", "UTC"), hours("0 9 * * *", "17:00", "UTC")),
            Layer("rest", rotation(1, "0 * * * *", "UTC")),
        )
    )
    assert next_change(duty, (), NEAR[0]) is None


FOLLOW_THE_SUN = Duty(
    (
        Layer(
            "asia",
            rotation(2, "0 9 * * MON", "Asia/Kathmandu", date(2026, 1, 5), "k"),
            hours("0 6 * * *", "14:00", "Asia/Kathmandu"),
        ),
        Layer(
            "europe",
            rotation(2, "0 9 * * MON", "Europe/Berlin", date(2026, 1, 5), "b"),
            hours("30 2 * * *", "18:00", "Europe/Berlin"),
        ),
        Layer("america", rotation(2, "0 9 * * MON", "America/New_York", date(2026, 1, 5), "n")),
    )
)


def test_the_first_layer_whose_hours_hold_gives_the_person() -> None:
    tuesday = datetime(2026, 6, 2, tzinfo=UTC)
    told = {h: shift_at(FOLLOW_THE_SUN, (), tuesday + h * HOUR) for h in (0, 1, 9, 17, 23)}
    assert {h: shift and shift.layer for h, shift in told.items()} == {
        0: "america", 1: "asia", 9: "europe", 17: "america", 23: "america",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("what", "before", "after"),
    [
        # 02:30 does not exist on 29 March in Berlin: the layer begins when the gap is over, at 03:00.
        ("a start in the gap", datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC), datetime(2026, 3, 29, 1, tzinfo=UTC)),
        # 02:30 is twice on 25 October: the layer begins the first time.
        ("an ambiguous start", datetime(2026, 10, 25, 0, 29, 59, tzinfo=UTC), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
    ],
)  # fmt: skip
def test_hours_begin_by_the_calendar_s_rules(what: str, before: datetime, after: datetime) -> None:
    duty = Duty(FOLLOW_THE_SUN.layers[1:])
    told = [shift_at(duty, (), at) for at in (before, after)]
    assert [shift and shift.layer for shift in told] == ["america", "europe"], what


def test_an_ambiguous_end_is_the_last_one() -> None:
    night = Layer(
        "night", rotation(1, "0 9 * * MON", "Europe/Berlin"), hours("0 22 * * *", "02:30", "Europe/Berlin")
    )
    duty = Duty((night, Layer("rest", rotation(1, "0 9 * * MON", "Europe/Berlin", None, "r"))))
    second = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)  # 02:30 for the second time
    assert person_at(duty, (), second - MICROSECOND) == "p0"
    assert person_at(duty, (), second) == "r0"


def test_of_overlapping_overrides_the_last_declared_holds_and_one_taken_back_none() -> None:
    at = datetime(2026, 6, 2, 12, tzinfo=UTC)
    first, second = override(1, "x", at, DAY), override(2, "y", at + HOUR, HOUR)
    told = [person_at(FOLLOW_THE_SUN, (first, second), at + n * HOUR) for n in (0, 1, 2, 23)]
    assert told == ["x", "y", "x", "x"]
    back = override(2, "y", at + HOUR, HOUR, cancelled_by=BY, cancelled_at=at + HOUR + 10 * MINUTE)
    assert person_at(FOLLOW_THE_SUN, (first, back), at + HOUR + 9 * MINUTE) == "y"
    assert person_at(FOLLOW_THE_SUN, (first, back), at + HOUR + 10 * MINUTE) == "x"


def test_everybody_who_is_on_call_in_a_stretch_is_named_in_order() -> None:
    tuesday = datetime(2026, 6, 2, tzinfo=UTC)
    assert people_between(FOLLOW_THE_SUN, (), tuesday, tuesday + DAY) == ("n1", "k1", "b1")
    assert people_between(FOLLOW_THE_SUN, (), tuesday, tuesday + 10 * MINUTE) == ("n1",)


REST = Layer("rest", rotation(1, "0 9 * * MON", "UTC"))
LIMITED = Layer("day", rotation(1, "0 9 * * MON", "UTC"), hours("0 9 * * *", "17:00", "UTC"))


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ((), "at least one layer"),
        ((LIMITED,), "the last layer must have no hours"),
        ((REST, Layer("late", REST.rotation)), "would never be asked"),
        ((LIMITED, LIMITED, REST), "two layers"),
    ],
)
def test_layers_that_leave_a_gap_or_are_never_reached_are_refused(
    layers: tuple[Layer, ...], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        Duty(layers)


def test_ten_thousand_instants_a_second() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    overrides = tuple(override(n + 1, "x", at + 5 * n * DAY, DAY) for n in range(20))
    asked = [at + n * timedelta(minutes=47) for n in range(10_000)]
    for ask, most in ((person_at, 10_000), (next_change, 3_000)):
        best = 60.0
        for _ in range(3):
            began = time.process_time()
            for instant in asked[:most]:
                ask(FOLLOW_THE_SUN, overrides, instant)
            best = min(best, time.process_time() - began)
        assert best * 10_000 / most < 1.0, ask


def test_who_holds_during_an_override_is_by_the_same_precedence() -> None:
    start = datetime(2026, 11, 10, 12, tzinfo=UTC)
    first = override(1, "p0", start, 4 * HOUR)
    second = override(2, "p1", start + HOUR, 3 * HOUR)
    third = override(3, "p2", start, 2 * HOUR)
    several = [first, second, third]
    assert holders(several, first, start) == (third, second)
    assert holders(several, second, start) == (third, second)
    assert holders(several, third, start) == (third,)
    assert holders(several, second, start + 2 * HOUR) == (second,)
    assert holders([first], first, start) == (first,)
    for each in several:
        quarters = (each.begins_at + number * 15 * MINUTE for number in range(16))
        seen = {holder_at(several, at) for at in quarters if each.covers(at)}
        assert seen == {*holders(several, each, start)}
