"""The chain of an incident: each step has its time, the rounds end, and an answer ends it at once."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.escalation import Escalation, EscalationStep, Target, TargetKind

NOW = datetime(2026, 3, 4, 16, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def chain(*minutes: int, rounds: int = 2) -> Escalation:
    targets = (Target(TargetKind.ON_CALL, "primary"),)
    return Escalation(steps=tuple(EscalationStep(targets, m * MINUTE) for m in minutes), rounds=rounds)


@pytest.mark.requirement("F7")
def test_each_step_waits_its_own_time_and_after_the_last_round_nobody_is_told() -> None:
    found, at, told = chain(5, 10), NOW, []
    while (step := found.upcoming) is not None:
        found = found.advanced(at)
        told.append((found.level, (at - NOW) // MINUTE))
        at += step.within
    assert told == [(1, 0), (2, 5), (1, 15), (2, 20)]
    assert found.exhausted
    assert (
        found.next_at == at
    )  # the last one has its time as well, and then everybody hears that nobody answered
    over = found.advanced(at)
    assert (over.next_at, over.told) == (None, found.told)
    assert over.advanced(at) == over


def test_a_chain_knows_its_round_and_when_that_is_over() -> None:
    found, seen = chain(5, 10), []
    while found.upcoming is not None:
        found = found.advanced(NOW)
        seen.append((found.round, found.level, found.round_over))
    assert seen == [(1, 1, False), (1, 2, True), (2, 1, False), (2, 2, True)]
    assert (chain(5).round, chain(5).level) == (0, 0)


def test_a_chain_without_steps_is_exhausted_before_it_begins() -> None:
    empty = Escalation(steps=())
    assert (empty.exhausted, empty.upcoming, empty.advanced(NOW).next_at) == (True, None, None)


@given(
    minutes=st.lists(st.integers(1, 60), max_size=6), rounds=st.integers(1, 5), answered=st.integers(0, 40)
)
def test_whenever_somebody_answers_nothing_falls_due_any_more(
    minutes: list[int], rounds: int, answered: int
) -> None:
    found = chain(*minutes, rounds=rounds)
    for number in range(answered):
        found = found.advanced(NOW + number * MINUTE)
        assert 0 <= found.level <= len(minutes)
        assert (found.next_at is None) is (found.exhausted and number >= found.told)
    assert found.stopped().next_at is None


@pytest.mark.parametrize("told", [-1, 5])
def test_a_chain_that_told_more_than_it_has_is_none(told: int) -> None:
    with pytest.raises(ValueError, match="steps were told"):
        Escalation(steps=chain(5, 10).steps, rounds=2, told=told)


def test_a_step_that_tells_nobody_or_waits_no_time_is_none() -> None:
    for targets, within in (((), MINUTE), ((Target(TargetKind.PERSON, "ada"),), timedelta(0))):
        with pytest.raises(ValueError, match="tells somebody"):
            EscalationStep(targets, within)
