"""P6: an open production incident stops everything but its fix."""

import pytest

from bot.domain.environment import Colour
from bot.domain.outcome import Status
from bot.domain.snapshot import Snapshot
from bot.gates.no_open_incident import Parameters, decide
from tests.gates.conftest import GREEN, NOW, request, snapshot, status

pytestmark = pytest.mark.requirement("P6")

OPEN_IN_PRODUCTION = (status("production", Colour.RED, incident="INC-7"), status("staging"))

CASES = {
    "no incident": (snapshot(environments=GREEN), Status.PASSED, "no-incident"),
    "RED, and no incident yet": (
        snapshot(environments=[status("production", Colour.RED)]),
        Status.PASSED,
        "no-incident",
    ),
    "one is open": (snapshot(environments=OPEN_IN_PRODUCTION), Status.BLOCKED, "incident-open"),
    "GREEN again, and not closed yet": (
        snapshot(environments=[status("production", incident="INC-7")]),
        Status.BLOCKED,
        "incident-open",
    ),
    "one is open elsewhere": (
        snapshot(environments=[status("production"), status("staging", Colour.RED, incident="INC-8")]),
        Status.PASSED,
        "no-incident",
    ),
    "the fix": (
        snapshot(asked=request(fixes="production"), environments=OPEN_IN_PRODUCTION),
        Status.PASSED,
        "fix",
    ),
    "a fix of something else": (
        snapshot(asked=request(fixes="staging"), environments=OPEN_IN_PRODUCTION),
        Status.BLOCKED,
        "incident-open",
    ),
    "nobody knows the environment": (snapshot(environments=[]), Status.UNKNOWN, "no-status"),
}


@pytest.mark.parametrize(("facts", "expected", "code"), CASES.values(), ids=CASES.keys())
def test_no_open_incident(facts: Snapshot, expected: Status, code: str) -> None:
    outcome = decide(facts, Parameters(), NOW)
    assert (outcome.gate, outcome.status, outcome.code) == ("no-open-incident", expected, code)


def test_the_incident_is_named() -> None:
    outcome = decide(snapshot(environments=OPEN_IN_PRODUCTION), Parameters(), NOW)
    assert outcome.facts["incident"] == "INC-7"
    assert [c.source for c in outcome.cites] == ["incident:INC-7"]
