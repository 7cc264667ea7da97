"""A declared freeze: how it stands, what it covers, what it does to the calendar, and which moments it has."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.calendar import Calendar, Effect, Verdict
from bot.domain.change_request import Actor
from bot.domain.freeze import Freeze, FreezeClass, FreezeState, Moment, moments

AT = datetime(2026, 11, 10, 15, tzinfo=UTC)
HOUR, DAY, MINUTE = timedelta(hours=1), timedelta(days=1), timedelta(minutes=1)
LIN = Actor(via="slack:T1/U05LIN", person="lin")


def freeze(**changes: Any) -> Freeze:
    usual = Freeze(
        id="FRZ-1",
        environments=("production",),
        services=(),
        strength=FreezeClass.HARD,
        reason="Peak trading",
        begins_at=AT,
        ends_at=AT + DAY,
        break_glass=False,
        declared_by=LIN,
        declared_at=AT,
    )
    return replace(usual, **changes)


def test_a_freeze_that_ends_no_later_than_it_begins_cannot_be() -> None:
    with pytest.raises(ValueError, match="ends no later"):
        freeze(ends_at=AT)


STATES = [
    ({}, -MINUTE, "scheduled"),
    ({}, timedelta(0), "active"),
    ({}, DAY - timedelta(microseconds=1), "active"),
    ({}, DAY, "ended"),
    ({"ends_at": None}, 4000 * DAY, "active"),
    ({"lifted_at": AT + HOUR, "lifted_by": LIN}, 2 * HOUR, "lifted"),
    ({"lifted_at": AT - HOUR, "lifted_by": LIN}, HOUR, "lifted"),
]


@pytest.mark.parametrize(("changes", "later", "state"), STATES)
def test_it_is_in_force_from_its_beginning_until_its_end_or_its_lifting(
    changes: dict[str, Any], later: timedelta, state: str
) -> None:
    assert freeze(**changes).state(AT + later) is FreezeState(state)


SCOPES = [
    ((), (), "production", "checkout", True),
    ((), (), "dev", None, True),
    (("production",), (), "production", None, True),
    (("production",), (), "staging", "checkout", False),
    ((), ("checkout",), "staging", "checkout", True),
    (("production",), ("checkout",), "production", "pages", False),
    (("production",), ("checkout",), "staging", "checkout", False),
    (("production",), ("checkout",), "production", None, False),
]


@pytest.mark.parametrize(("environments", "services", "environment", "service", "covered"), SCOPES)
def test_its_scope_is_services_and_environments(
    environments: tuple[str, ...],
    services: tuple[str, ...],
    environment: str,
    service: str | None,
    covered: bool,
) -> None:
    assert freeze(environments=environments, services=services).covers(environment, service) is covered


@pytest.mark.requirement("P6")
@pytest.mark.parametrize(
    ("strength", "verdict", "holds"),
    [(FreezeClass.HARD, Verdict.PROHIBITED, True), (FreezeClass.SOFT, Verdict.DISCOURAGED, False)],
)
def test_hard_prohibits_and_holds_soft_discourages(
    strength: FreezeClass, verdict: Verdict, holds: bool
) -> None:
    rule = freeze(strength=strength).rule()
    assert rule is not None
    assert rule.holds is holds
    calendar = Calendar([rule], Effect.PROHIBIT)
    assert calendar.at(AT, environment="production").verdict is verdict
    assert calendar.at(AT - MINUTE, environment="production").verdict is Verdict.ALLOWED
    assert calendar.at(AT + DAY, environment="production").verdict is Verdict.ALLOWED


def test_one_that_was_called_off_never_was_a_rule() -> None:
    assert freeze(lifted_at=AT - HOUR, lifted_by=LIN).rule() is None
    assert freeze(lifted_at=AT, lifted_by=LIN).rule() is None


def test_lifted_it_ends_where_it_was_lifted() -> None:
    rule = freeze(lifted_at=AT + HOUR, lifted_by=LIN).rule()
    assert rule is not None
    (span,) = rule.source.spans(AT - DAY, AT + 2 * DAY)
    assert (span.start, span.end) == (AT, AT + HOUR)


def test_until_lifted_no_next_opening_is_known() -> None:
    rule = freeze(ends_at=None).rule()
    assert rule is not None
    assert Calendar([rule], Effect.PROHIBIT).at(AT, environment="production").next_allowed is None


REPEATS = [
    ({}, True),
    ({"begins_at": AT - HOUR}, True),  # the other began already, and this one would begin now
    ({"ends_at": AT + DAY + timedelta(seconds=20)}, True),
    ({"ends_at": AT + DAY + HOUR}, False),
    ({"ends_at": None}, False),
    ({"strength": FreezeClass.SOFT}, False),
    ({"break_glass": True}, False),
    ({"environments": ()}, False),
    ({"services": ("checkout",)}, False),
    ({"begins_at": AT + HOUR}, False),
]


@pytest.mark.parametrize(("other", "repeats"), REPEATS)
def test_the_very_same_freeze_repeats_another(other: dict[str, Any], repeats: bool) -> None:
    assert freeze(id="FRZ-2").repeats(freeze(**other)) is repeats


def test_two_that_begin_later_repeat_each_other_only_at_the_same_time() -> None:
    later = freeze(begins_at=AT + HOUR)
    assert freeze(begins_at=AT + HOUR).repeats(later)
    assert not freeze(begins_at=AT + 2 * HOUR).repeats(later)


MOMENTS = [
    (2 * DAY, 3 * DAY, {"day-before": DAY, "begin": 2 * DAY, "end": 3 * DAY}),
    (DAY, 3 * DAY, {"begin": DAY, "end": 3 * DAY}),  # the day before is now: past
    (HOUR, None, {"begin": HOUR}),
    (timedelta(0), DAY, {"end": DAY}),
    (-DAY, None, {}),
    (-2 * DAY, -DAY, {}),
]


@pytest.mark.parametrize(("begins", "ends", "ahead"), MOMENTS)
def test_only_moments_that_are_ahead_are_told(
    begins: timedelta, ends: timedelta | None, ahead: dict[str, timedelta]
) -> None:
    found = moments(AT + begins, None if ends is None else AT + ends, AT)
    assert found == {Moment(name): AT + later for name, later in ahead.items()}


@given(st.timedeltas(-3 * DAY, 3 * DAY), st.timedeltas(MINUTE, 3 * DAY))
def test_no_moment_is_past(begins: timedelta, length: timedelta) -> None:
    assert all(at > AT for at in moments(AT + begins, AT + begins + length, AT).values())
