"""Unknown is not green, and readiness is the worst of all outcomes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import combinations_with_replacement

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

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


def test_waiting_without_an_end_and_an_end_without_waiting_do_not_exist() -> None:
    with pytest.raises(ValueError, match="until when, or what for"):
        GateOutcome(gate="g", status=Status.WAITING, code="c")
    with pytest.raises(ValueError, match="until when, or what for"):
        GateOutcome(gate="g", status=Status.WAITING, code="c", until=NOW, awaits="FRZ-3")
    with pytest.raises(ValueError, match="until when"):
        GateOutcome(gate="g", status=Status.PASSED, code="c", until=NOW)
    with pytest.raises(ValueError, match="what it waits for"):
        GateOutcome(gate="g", status=Status.WARNED, code="c", awaits="FRZ-3")
    assert GateOutcome(gate="g", status=Status.WARNED, code="c", until=NOW).until == NOW


@pytest.mark.requirement("P6")
def test_what_waits_for_an_event_may_be_approved_and_starts_at_no_instant_that_anybody_knows() -> None:
    frozen = GateOutcome(gate="calendar", status=Status.WAITING, code="frozen", awaits="FRZ-3")
    judged = readiness(outcome(Status.WAITING, wait=60), frozen)
    assert (judged.waits_until, judged.begins, judged.awaits) == (None, None, ("FRZ-3",))
    assert (judged.may_be_approved, judged.may_start) == (True, False)


def test_a_warnings_own_end_is_nothing_to_wait_for() -> None:
    warns = GateOutcome(gate="g", status=Status.WARNED, code="c", until=NOW + timedelta(hours=1))
    assert readiness(warns).waits_until is None


def test_it_begins_at_the_earliest_instant_where_that_was_looked_for() -> None:
    waits = readiness(outcome(Status.WAITING, wait=60))
    assert waits.begins == NOW + timedelta(seconds=60)  # as in documents of before
    assert replace(waits, earliest=NOW + timedelta(days=3)).begins == NOW + timedelta(days=3)
    assert replace(readiness(outcome(Status.PASSED)), earliest=NOW).begins is None


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


def test_a_readiness_that_was_kept_before_there_was_an_earliest_instant_is_read_all_the_same() -> None:
    kept = (
        '{"outcomes": [{"gate": "soak", "status": "waiting", "code": "soaking", "facts": {}, "cites": [], '
        '"until": "2026-11-10T15:01:00Z", "retry": false}], "judged_at": "2026-11-10T15:00:00Z", '
        '"policy_digest": "sha256:p"}'
    )
    read = TypeAdapter(Readiness).validate_json(kept)
    assert (read.earliest, read.begins, read.awaits) == (None, NOW + timedelta(minutes=1), ())
