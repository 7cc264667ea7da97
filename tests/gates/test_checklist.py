"""The gate of P18 and F3 as a table, and what it tells of the items that other gates tick."""

from dataclasses import replace
from typing import Any

import pytest

from bot.domain.change_request import Actor, Attestation
from bot.domain.checklist import Item
from bot.domain.outcome import GateOutcome, Status
from bot.domain.snapshot import RollbackFacts
from bot.gates import GATES, judge
from bot.gates.checklist import Parameters, decide, told_beside
from tests.gates.conftest import BRIEFED, CHECKLIST, NOW, request, snapshot

READY = Item(text="Monitoring dashboards ready", role="engineer")
PLAN, BRIEF = CHECKLIST
SEEN = replace(BRIEFED, item=READY.text, role="engineer", by=Actor(via="slack:T1/U05LIN", person="lin"))
PASSED, WAITING, UNKNOWN = Status.PASSED, Status.WAITING, Status.UNKNOWN

TABLE: list[tuple[str, tuple[Item, ...], tuple[Attestation, ...], Status, str]] = [
    ("everything is ticked", (PLAN, BRIEF, READY), (BRIEFED, SEEN), PASSED, "ticked"),
    ("the order of the ticks is no matter", (PLAN, BRIEF, READY), (SEEN, BRIEFED), PASSED, "ticked"),
    ("one is open", (PLAN, BRIEF, READY), (BRIEFED,), WAITING, "open"),
    ("all are open", (BRIEF, READY), (), WAITING, "open"),
    ("a tick of the revision before", (BRIEF,), (replace(BRIEFED, revision=0),), WAITING, "open"),
    ("a tick of the revision after", (BRIEF,), (replace(BRIEFED, revision=2),), WAITING, "open"),
    ("a tick of an item that is not listed", (READY,), (BRIEFED,), WAITING, "open"),
    ("a tick of an item of another spelling", (BRIEF,), (replace(BRIEFED, item="on-call team briefed"),), WAITING, "open"),
    ("a person's tick of a gate's item", (PLAN, BRIEF), (replace(BRIEFED, item=PLAN.text),), WAITING, "open"),
    ("gates alone tick it", (PLAN,), (), PASSED, "ticked"),
    ("nothing is listed", (), (BRIEFED,), UNKNOWN, "no-checklist"),
]  # fmt: skip


@pytest.mark.requirement("P18")
@pytest.mark.requirement("F3")
@pytest.mark.parametrize(
    ("items", "ticks", "status", "code"), [row[1:] for row in TABLE], ids=[r[0] for r in TABLE]
)
def test_it_passes_when_all_that_people_tick_is_ticked_for_this_revision(
    items: tuple[Item, ...], ticks: tuple[Attestation, ...], status: Status, code: str
) -> None:
    outcome = decide(snapshot(asked=request(attested=ticks), checklist=items), Parameters(name="before"), NOW)
    assert (outcome.gate, outcome.status, outcome.code) == ("checklist", status, code)
    assert outcome.awaits == ("checklist before" if status is WAITING else None)
    assert outcome.until is None


@pytest.mark.requirement("P18")
def test_an_open_item_lets_it_be_approved_and_not_started() -> None:
    rules = {"checklist": GATES["checklist"].parameters.model_validate({"name": "before"})}
    readiness = judge(snapshot(asked=request(attested=())), rules, NOW, "p")
    assert (readiness.may_be_approved, readiness.may_start) == (True, False)
    assert (readiness.awaits, readiness.waits_until) == (("checklist before",), None)


def test_a_checklist_that_the_snapshot_does_not_have_closes_the_gate() -> None:
    outcome = decide(snapshot(), Parameters(name="after"), NOW)
    assert (outcome.status, outcome.code, outcome.retry) == (UNKNOWN, "no-checklist", False)


@pytest.mark.requirement("P18")
def test_it_names_each_item_who_ticks_it_and_who_did() -> None:
    outcome = decide(snapshot(checklist=(PLAN, BRIEF, READY)), Parameters(name="before"), NOW)
    assert outcome.facts["items"] == [
        {"item": PLAN.text, "gate": "rollback-target"},
        {"item": BRIEF.text, "role": "on-call-sre", "by": "cy", "at": BRIEFED.at.isoformat()},
        {"item": READY.text, "role": "engineer"},
    ]
    assert [(c.source, c.at) for c in outcome.cites] == [("attestation:cy", BRIEFED.at)]


def first_item(*outcomes: GateOutcome) -> Any:
    """The first item that the checklist tells, with whatever was told beside it."""
    facts: Any = next(o for o in outcomes if o.gate == "checklist").facts
    return facts["items"][0]


@pytest.mark.requirement("P18")
def test_an_item_of_a_gate_shows_how_that_gate_stands_and_is_judged_there_alone() -> None:
    rules = {
        name: GATES[name].parameters.model_validate(written)
        for name, written in {"checklist": {"name": "before"}, "rollback-target": {}}.items()
    }
    nothing = snapshot(rollback=RollbackFacts(target=None, registry=None, command=None))
    for facts, status, checklist in ((snapshot(), "passed", PASSED), (nothing, "blocked", PASSED)):
        readiness = judge(facts, rules, NOW, "p")
        assert first_item(*readiness.outcomes)["status"] == status
        assert readiness.outcomes[0].status is checklist
    assert readiness.status is Status.BLOCKED


def test_an_item_whose_gate_nobody_asked_is_unknown() -> None:
    told = told_beside([decide(snapshot(), Parameters(name="before"), NOW)])
    assert first_item(*told)["status"] == "unknown"


@pytest.mark.parametrize("facts", [{}, {"items": None}, {"items": "none"}, {"items": [None, "x", {}]}])
def test_strange_facts_are_left_as_they_are(facts: dict[str, Any]) -> None:
    broken = GateOutcome(gate="checklist", status=UNKNOWN, code="gate-failed", facts=facts)
    assert told_beside([broken]) == (broken,)


def test_an_item_is_ticked_by_exactly_one_of_a_gate_and_a_role() -> None:
    for wrong in ({}, {"gate": "soak", "role": "engineer"}):
        with pytest.raises(ValueError, match="exactly one"):
            Item(text="Something", **wrong)
