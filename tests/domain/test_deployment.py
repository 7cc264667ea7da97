"""A run and its plan: what it can be, where it aims, and what old records mean."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.artifact import Artifact
from bot.domain.deployment import ONE_CALL, WHOLE, Frozen, Plan, Run, RunState
from storage.documents import Document

AT = datetime(2026, 11, 10, 15, 0, tzinfo=UTC)
STEPS = Plan(steps=(25, 50, 100), dwell=timedelta(minutes=5), analysed=True)
RUN = Run(
    id="DEP-1/1",
    request="DEP-1",
    service="checkout",
    environment="production",
    artifact=Artifact("7a3f9c2"),
    rollback_target=None,
    state=RunState.INTENDED,
    intended_at=AT,
)
FREEZE = Frozen(rule="FRZ-1", since=AT, until=None)


@pytest.mark.requirement("F5")
@given(st.lists(st.integers(-5, 110), max_size=6))
def test_a_plan_ascends_to_all_of_the_traffic_or_is_none(steps: list[int]) -> None:
    rightly = bool(steps) and steps == sorted(set(steps)) and steps[0] >= 1 and steps[-1] == WHOLE
    if not rightly:
        with pytest.raises(ValueError, match="ascend"):
            Plan(steps=tuple(steps))
        return
    plan, walked = Plan(steps=tuple(steps)), [0]
    while walked[-1] < WHOLE:
        walked.append(plan.after(walked[-1]))
    assert walked[1:] == steps


def test_no_step_is_watched_for_less_than_no_time() -> None:
    with pytest.raises(ValueError, match="less than no time"):
        Plan(dwell=timedelta(seconds=-1))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"reached": 30}, "no step of its plan"),
        ({"reached": 50, "plan": ONE_CALL}, "no step of its plan"),
        ({"state": RunState.BETWEEN}, "between steps at 0 %"),
        ({"state": RunState.BETWEEN, "reached": 100}, "between steps at 100 %"),
        ({"state": RunState.CALLING, "frozen": (FREEZE,)}, "no calendar holds"),
        ({"state": RunState.FAILED, "frozen": (FREEZE,)}, "no calendar holds"),
    ],
)
def test_an_impossible_run_cannot_be_made(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        replace(RUN, **{"plan": STEPS, **changes})


def test_a_step_that_nobody_analyses_waits_for_a_person_until_they_said_go_on() -> None:
    between = replace(RUN, plan=STEPS, state=RunState.BETWEEN, reached=25)
    assert between.unconfirmed
    assert not replace(between, confirmed=25).unconfirmed
    assert replace(between, confirmed=25, reached=50).unconfirmed
    assert not replace(between, plan=replace(STEPS, analysed=False)).unconfirmed
    assert not replace(between, state=RunState.CALLING).unconfirmed


def test_a_record_of_before_there_were_steps_is_one_call() -> None:
    old = (
        '{"id":"DEP-1/1","request":"DEP-1","service":"checkout","environment":"production",'
        '"artifact":{"tag":"7a3f9c2","digest":null},"rollback_target":null,"state":"calling",'
        '"intended_at":"2026-11-10T15:00:00Z","called_at":"2026-11-10T15:00:01Z","finished_at":null,'
        '"code":null,"output_digest":null}'
    )
    run = Document(Run).restore(old)
    assert (run.plan, run.reached, run.aim, run.frozen) == (ONE_CALL, 0, WHOLE, ())


def test_a_run_in_steps_survives_its_document() -> None:
    run = replace(
        RUN, plan=STEPS, state=RunState.BETWEEN, reached=25, next_at=AT, frozen=(replace(FREEZE, until=AT),)
    )
    document = Document(Run)
    assert document.restore(json.dumps(document.plain(run))) == run
