"""F2 and P13: a change names its ticket; an emergency may name its incident instead."""

import pytest
from pydantic import ValidationError

from bot.domain.change_request import Kind
from bot.domain.outcome import Status
from bot.gates.ticket import LONGEST, Parameters, decide
from tests.gates.conftest import NOW, request, snapshot

pytestmark = [pytest.mark.requirement("F2"), pytest.mark.requirement("P13")]

STRICT = Parameters(pattern="^CHG-[0-9]+$")
LENIENT = Parameters(pattern="^CHG-[0-9]+$", emergency_pattern="INC-[0-9]+")


@pytest.mark.parametrize(
    ("ticket", "status", "code"),
    [
        ("CHG-1207", Status.PASSED, "ticket"),
        (None, Status.BLOCKED, "no-ticket"),
        ("", Status.BLOCKED, "no-ticket"),
        ("CHG-", Status.BLOCKED, "ticket-malformed"),
        ("CHG-1207\n", Status.BLOCKED, "ticket-malformed"),
        ("see CHG-1207", Status.BLOCKED, "ticket-malformed"),
        ("chg-1207", Status.BLOCKED, "ticket-malformed"),
        ("CHG-" + "1" * LONGEST, Status.BLOCKED, "ticket-malformed"),
    ],
)
def test_the_whole_ticket_must_match(ticket: str | None, status: Status, code: str) -> None:
    outcome = decide(snapshot(asked=request(ticket=ticket)), STRICT, NOW)
    assert (outcome.gate, outcome.status, outcome.code) == ("ticket", status, code)
    assert outcome.facts["ticket"] == ticket


@pytest.mark.parametrize(
    ("kind", "emergency", "rule", "code"),
    [
        (Kind.EMERGENCY, "INC-7", LENIENT, "emergency"),
        (Kind.EMERGENCY, "INC-7", STRICT, "no-ticket"),
        (Kind.EMERGENCY, "INC-x", LENIENT, "no-ticket"),
        (Kind.EMERGENCY, None, LENIENT, "no-ticket"),
        (Kind.PROMOTION, "INC-7", LENIENT, "no-ticket"),
    ],
)
def test_an_incident_stands_in_only_for_an_emergency_and_only_where_the_policy_says_so(
    kind: Kind, emergency: str | None, rule: Parameters, code: str
) -> None:
    facts = snapshot(asked=request(kind=kind, emergency=emergency, ticket=None))
    assert decide(facts, rule, NOW).code == code


@pytest.mark.parametrize("wrong", [{}, {"pattern": "["}, {"pattern": "a", "emergency_pattern": "("}])
def test_a_missing_or_broken_pattern_is_refused_when_the_policy_is_read(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Parameters.model_validate(wrong)
