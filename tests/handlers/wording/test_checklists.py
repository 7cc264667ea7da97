"""The words of a checklist: what waits for it, and that strange facts never raise."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from bot.domain.change_request import RequestState, Start
from bot.domain.outcome import GateOutcome, Readiness, Status
from handlers.wording.checklists import event
from handlers.wording.gates import line
from handlers.wording.requests import headline
from tests.handlers.slack.examples import HOUR, NOW, gate, request

OPEN = GateOutcome(gate="checklist", status=Status.WAITING, code="open", awaits="checklist before")
CLOSED = gate("soak", "soaking", Status.WAITING, until=NOW + HOUR)
FROZEN = GateOutcome(gate="calendar", status=Status.WAITING, code="frozen", awaits="FRZ-3")
BY_ITSELF = Start(mode="next")
WAITS, APPROVED = RequestState.AWAITING_APPROVAL, RequestState.APPROVED

TABLE: list[tuple[RequestState, Start, tuple[GateOutcome, ...], str]] = [
    (
        WAITS,
        Start(),
        (OPEN,),
        (
            "starts at once with the last approval if its checklist is ticked by then; approved sooner, it waits for the "
            "checklist and for somebody to press Start: expires later"
        ),
    ),
    (
        WAITS,
        BY_ITSELF,
        (OPEN,),
        "starts by itself once its checklist is ticked, if it is approved by then: expires later",
    ),
    (APPROVED, BY_ITSELF, (OPEN,), "starts by itself once its checklist is ticked: expires later"),
    (
        APPROVED,
        Start(),
        (OPEN,),
        "can be started once its checklist is ticked, and the requester is told then: expires later",
    ),
    (
        WAITS,
        Start(),
        (OPEN, CLOSED),
        (
            "starts only once its checklist is ticked, and no earlier than later (in 1 h); approved sooner, it waits for "
            "somebody to press Start: expires later"
        ),
    ),
    (
        APPROVED,
        BY_ITSELF,
        (OPEN, CLOSED),
        "starts by itself once its checklist is ticked, and no earlier than later (in 1 h): expires later",
    ),
    (
        APPROVED,
        BY_ITSELF,
        (FROZEN, OPEN),
        (
            "starts by itself once FRZ-3 is lifted and the checklist is ticked: nobody knows when that is, and it "
            "expires later"
        ),
    ),
]


@pytest.mark.requirement("P18")
@pytest.mark.parametrize(("state", "start", "outcomes", "said"), TABLE)
def test_what_happens_once_it_is_ticked(
    state: RequestState, start: Start, outcomes: tuple[GateOutcome, ...], said: str
) -> None:
    readiness = Readiness(outcomes=outcomes, judged_at=NOW, policy_digest="p")
    asked = request(state=state, start=start, readiness=readiness, expires_at=NOW + timedelta(days=1))
    assert headline(asked, now=NOW, when=lambda _: "later", names=str).text == said


def test_a_freeze_that_is_named_like_a_checklist_is_still_lifted() -> None:
    assert event("checklist") == "checklist is lifted"
    assert event("checklist before") == "the checklist is ticked"


ITEMS: list[Any] = [
    {"item": "Plan", "gate": "rollback-target", "status": "blocked"},
    {"item": "Told", "role": "engineer", "by": "lin", "at": NOW.isoformat()},
]


def test_a_list_that_waits_for_a_gate_alone_names_the_gate() -> None:
    said = line(
        GateOutcome(gate="checklist", status=Status.PASSED, code="ticked", facts={"items": ITEMS}), now=NOW
    )
    assert (said.text, said.unblocks) == ("checklist 1 of 2; the rest is up to rollback-target", None)


def test_without_a_request_the_list_is_ticked_later() -> None:
    facts: dict[str, JsonValue] = {"request": "check", "items": [{"item": "Told", "role": "engineer"}]}
    said = line(
        GateOutcome(gate="checklist", status=Status.WAITING, code="open", awaits="checklist x", facts=facts),
        now=NOW,
    )
    assert said.text == "checklist 0 of 1; open: Told (engineer)"
    assert said.unblocks == "It is ticked once the deployment is asked for: /deploy checklist ID."


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["item", "role", "gate", "by", "status"]), inner)
    ),
    max_leaves=8,
)


@given(st.sampled_from(["open", "ticked", "no-checklist"]), ANY)
def test_strange_facts_never_raise(code: str, items: JsonValue) -> None:
    assert line(
        GateOutcome(gate="checklist", status=Status.UNKNOWN, code=code, facts={"items": items}), now=NOW
    )
