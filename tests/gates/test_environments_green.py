"""K5: new work waits until all is GREEN; what is RED is fixed first, in the policy's order."""

from typing import Any

import pytest
from pydantic import ValidationError

from bot.domain.environment import Colour
from bot.domain.outcome import Status
from bot.domain.snapshot import Snapshot
from bot.gates.environments_green import Parameters, decide
from tests.gates.conftest import HOUR, NOW, request, snapshot, status

pytestmark = pytest.mark.requirement("K5")

ANY_ORDER = Parameters(environments=("dev", "production", "staging"))
G, Y, U, R = Colour.GREEN, Colour.YELLOW, Colour.UNKNOWN, Colour.RED


def world(production: Colour, staging: Colour, dev: Colour, **asked: Any) -> Snapshot:
    colours = {"production": production, "staging": staging, "dev": dev}
    return snapshot(
        asked=request(**asked),
        environments=[status(n, c, code="stale" if c is U else "http-503") for n, c in colours.items()],
    )


def blind(code: str) -> Snapshot:
    return snapshot(environments=[status("production", U, code=code), status("staging"), status("dev")])


CASES = {
    "all green": (world(G, G, G), Status.PASSED, "all-green"),
    "production RED": (world(R, G, G), Status.BLOCKED, "not-green"),
    "production YELLOW": (world(Y, G, G), Status.BLOCKED, "not-green"),
    "the last one RED": (world(G, G, R), Status.BLOCKED, "not-green"),
    "what is known weighs more than what is not": (world(U, R, G), Status.BLOCKED, "not-green"),
    "stale": (world(U, G, G), Status.UNKNOWN, "stale"),
    "never read": (blind("never-read"), Status.UNKNOWN, "never-read"),
    "an unreadable status": (blind("http-contract"), Status.UNKNOWN, "unreadable"),
    "no monitors": (
        snapshot(environments=[status("production", blind=True), status("staging"), status("dev")]),
        Status.UNKNOWN,
        "no-monitors",
    ),
    "no status at all": (
        snapshot(environments=[status("production"), status("staging")]),
        Status.UNKNOWN,
        "no-monitors",
    ),
    "the fix of what is RED": (world(R, G, G, fixes="production"), Status.PASSED, "fix"),
    "the fix of what is YELLOW": (world(Y, R, G, fixes="production"), Status.PASSED, "fix"),
    "the fix of what nobody sees": (world(U, G, G, fixes="production"), Status.PASSED, "fix"),
    "production first": (
        world(R, R, G, fixes="staging", environment="staging"),
        Status.BLOCKED,
        "fix-first",
    ),
    "a blind one comes first as well": (
        world(U, R, G, fixes="staging", environment="staging"),
        Status.BLOCKED,
        "fix-first",
    ),
    "then staging": (world(G, R, R, fixes="staging", environment="staging"), Status.PASSED, "fix"),
    "then dev": (world(G, G, R, fixes="dev", environment="dev"), Status.PASSED, "fix"),
    "a fix of staging is not shipped to production": (
        world(G, R, G, fixes="staging"),
        Status.BLOCKED,
        "fix-elsewhere",
    ),
    "what is GREEN needs no fix": (world(G, G, G, fixes="production"), Status.BLOCKED, "nothing-to-fix"),
    "nor while another is RED": (world(G, R, G, fixes="production"), Status.BLOCKED, "nothing-to-fix"),
    "a fix of what is not judged excuses nothing": (
        world(R, G, G, fixes="feature"),
        Status.BLOCKED,
        "not-green",
    ),
    "nor does it harm": (world(G, G, G, fixes="feature"), Status.PASSED, "all-green"),
}


@pytest.mark.parametrize(("facts", "expected", "code"), CASES.values(), ids=CASES.keys())
def test_environments_green(facts: Snapshot, expected: Status, code: str) -> None:
    outcome = decide(facts, ANY_ORDER, NOW)
    assert (outcome.gate, outcome.status, outcome.code) == ("environments-green", expected, code)


def test_an_environment_that_is_not_listed_is_not_judged() -> None:
    assert decide(world(G, G, R), Parameters(environments=("production",)), NOW).status is Status.PASSED


def test_monitors_read_again_but_nobody_adds_one_by_waiting() -> None:
    assert decide(world(U, G, G), ANY_ORDER, NOW).retry
    assert not decide(snapshot(environments=[]), ANY_ORDER, NOW).retry


@pytest.mark.requirement("K6")
def test_what_to_fix_first_follows_the_policys_order() -> None:
    facts = decide(world(G, R, Y), ANY_ORDER, NOW).facts
    assert facts["fix_first"] == "staging"
    assert facts["environments"] == [
        {
            "name": name,
            "colour": colour,
            "since": (NOW - HOUR).isoformat(),
            "causes": [{"monitor": "api", "code": "http-503"}],
            "incident": None,
        }
        for name, colour in [("staging", "RED"), ("dev", "YELLOW")]
    ]


def test_the_monitors_that_said_so_are_cited() -> None:
    outcome = decide(world(R, G, G), ANY_ORDER, NOW)
    assert [(c.source, c.at) for c in outcome.cites] == [("monitor:production/api", NOW)]


def test_an_empty_list_would_pass_everything_and_is_refused() -> None:
    with pytest.raises(ValidationError):
        Parameters.model_validate({"environments": []})
