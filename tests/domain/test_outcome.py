"""Unknown is not green, and readiness is the worst of all outcomes."""

from datetime import UTC, datetime, timedelta
from itertools import combinations_with_replacement

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.outcome import GateOutcome, Readiness, Status, worst_first

NOW = datetime(2026, 11, 10, 15, 0, tzinfo=UTC)
FROM_BEST_TO_WORST = [Status.PASSED, Status.WARNED, Status.WAITING, Status.UNKNOWN, Status.BLOCKED]


def outcome(status: Status, *, gate: str = "g", wait: int = 60, retry: bool = False) -> GateOutcome:
    until = NOW + timedelta(seconds=wait) if status is Status.WAITING else None
    return GateOutcome(gate=gate, status=status, code="c", until=until, retry=retry)


def readiness(*outcomes: GateOutcome) -> Readiness:
    return Readiness(outcomes=outcomes, judged_at=NOW, policy_digest="sha256:p")


def test_statuses_rank_from_passed_to_blocked_and_unknown_outranks_waiting() -> None:
    assert sorted(Status, key=lambda s: s.rank) == FROM_BEST_TO_WORST


@pytest.mark.parametrize("pair", list(combinations_with_replacement(FROM_BEST_TO_WORST, 2)))
def test_of_two_outcomes_the_worse_decides_in_either_order(pair: tuple[Status, Status]) -> None:
    better, worse = (outcome(s) for s in pair)
    assert readiness(better, worse).status is readiness(worse, better).status is pair[1]


@given(st.lists(st.sampled_from(Status), min_size=1))
def test_readiness_is_the_worst_outcome(statuses: list[Status]) -> None:
    judged = readiness(*(outcome(s) for s in statuses))
    assert judged.status in statuses
    assert all(judged.status.rank >= s.rank for s in statuses)


@pytest.mark.parametrize(
    ("worst", "approvable", "startable"),
    [
        (Status.PASSED, True, True),
        (Status.WARNED, True, True),
        (Status.WAITING, True, False),
        (Status.UNKNOWN, False, False),
        (Status.BLOCKED, False, False),
    ],
)
def test_what_waits_may_be_approved_and_only_what_passes_may_start(
    worst: Status, approvable: bool, startable: bool
) -> None:
    judged = readiness(outcome(Status.PASSED), outcome(worst))
    assert (judged.may_be_approved, judged.may_start) == (approvable, startable)


@pytest.mark.requirement("P23")
def test_no_outcomes_at_all_pass_nothing() -> None:
    empty = readiness()
    assert empty.status is Status.UNKNOWN
    assert (empty.may_be_approved, empty.may_start, empty.worth_asking_again) == (False, False, False)
    assert empty.waits_until is None


@pytest.mark.parametrize(
    ("outcomes", "again"),
    [
        ([outcome(Status.UNKNOWN, retry=True)], True),
        ([outcome(Status.UNKNOWN, retry=True), outcome(Status.WAITING)], True),
        ([outcome(Status.UNKNOWN, retry=True), outcome(Status.UNKNOWN)], False),
        ([outcome(Status.UNKNOWN, retry=True), outcome(Status.BLOCKED)], False),
        ([outcome(Status.PASSED)], False),
    ],
)
def test_asking_again_is_worth_it_only_when_every_unknown_may_answer_and_nothing_blocks(
    outcomes: list[GateOutcome], again: bool
) -> None:
    assert readiness(*outcomes).worth_asking_again is again


@pytest.mark.requirement("P3")
def test_several_that_wait_wait_for_the_last() -> None:
    judged = readiness(
        outcome(Status.WAITING, wait=60), outcome(Status.WAITING, wait=300), outcome(Status.PASSED)
    )
    assert judged.waits_until == NOW + timedelta(seconds=300)


def test_waiting_without_an_instant_and_an_instant_without_waiting_do_not_exist() -> None:
    with pytest.raises(ValueError, match="until when"):
        GateOutcome(gate="g", status=Status.WAITING, code="c")
    with pytest.raises(ValueError, match="until when"):
        GateOutcome(gate="g", status=Status.PASSED, code="c", until=NOW)


def test_only_picks_by_status_in_the_policys_order() -> None:
    judged = readiness(
        outcome(Status.BLOCKED, gate="a"), outcome(Status.PASSED, gate="b"), outcome(Status.BLOCKED, gate="c")
    )
    assert [o.gate for o in judged.only(Status.BLOCKED)] == ["a", "c"]
    assert len(judged.only(Status.BLOCKED, Status.PASSED)) == 3


@given(st.lists(st.sampled_from(Status)))
def test_worst_first_puts_what_stops_a_person_first_and_keeps_the_order_of_equals(
    statuses: list[Status],
) -> None:
    listed = worst_first(outcome(s, gate=str(i)) for i, s in enumerate(statuses))
    keys = [(-o.status.rank, int(o.gate)) for o in listed]
    assert keys == sorted(keys)
    assert len(listed) == len(statuses)
