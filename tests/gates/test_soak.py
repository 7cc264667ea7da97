"""P3: the soak delays, says until when, and once met stays met."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from bot.domain.outcome import Status
from bot.domain.snapshot import Snapshot
from bot.gates.soak import Parameters, decide
from tests.gates.conftest import (
    DAY,
    HOUR,
    MINUTE,
    NOW,
    OTHER_DIGEST,
    TICK,
    UNREACHABLE,
    deployed,
    other,
    snapshot,
    verified,
)

pytestmark = pytest.mark.requirement("P3")
ONE_HOUR = Parameters.model_validate({"in": "staging"})

CASES = {
    "it ran long enough": (snapshot(deployed(3 * HOUR)), Status.PASSED, "soaked"),
    "exactly at the end of the soak": (snapshot(deployed(HOUR)), Status.PASSED, "soaked"),
    "an instant before": (snapshot(deployed(HOUR - TICK)), Status.WAITING, "soaking"),
    "just deployed": (snapshot(deployed(timedelta(0))), Status.WAITING, "soaking"),
    "never deployed": (snapshot(), Status.UNKNOWN, "never-deployed"),
    "only verified": (snapshot(verified()), Status.UNKNOWN, "never-deployed"),
    "deployed elsewhere": (snapshot(deployed(environment="dev")), Status.UNKNOWN, "never-deployed"),
    "the deployment failed": (snapshot(deployed(passed=False)), Status.UNKNOWN, "never-deployed"),
    "the tag with another digest": (
        snapshot(deployed(digest=OTHER_DIGEST)),
        Status.UNKNOWN,
        "never-deployed",
    ),
    "a deployment without a digest counts by its tag": (
        snapshot(deployed(digest=None)),
        Status.PASSED,
        "soaked",
    ),
    "the registry is silent: counts by its tag": (
        snapshot(deployed(digest=OTHER_DIGEST), registry=UNREACHABLE),
        Status.PASSED,
        "soaked",
    ),
    "the same deployed again does not restart the clock": (
        snapshot(deployed(2 * HOUR), deployed(MINUTE)),
        Status.PASSED,
        "soaked",
    ),
    "replaced after the soak was met": (
        snapshot(deployed(3 * HOUR), other(HOUR)),
        Status.PASSED,
        "soaked",
    ),
    "replaced exactly when it was met": (
        snapshot(deployed(2 * HOUR), other(HOUR)),
        Status.PASSED,
        "soaked",
    ),
    "replaced before": (
        snapshot(deployed(3 * HOUR), other(2 * HOUR + TICK)),
        Status.BLOCKED,
        "replaced-in-staging",
    ),
    "replaced by the same tag with another digest": (
        snapshot(deployed(3 * HOUR), deployed(2 * HOUR + TICK, digest=OTHER_DIGEST)),
        Status.BLOCKED,
        "replaced-in-staging",
    ),
    "two halves make no whole": (
        snapshot(deployed(80 * MINUTE), other(40 * MINUTE), deployed(30 * MINUTE)),
        Status.WAITING,
        "soaking",
    ),
    "a failed deployment replaces nothing": (
        snapshot(deployed(3 * HOUR), other(2 * HOUR + TICK, passed=False)),
        Status.PASSED,
        "soaked",
    ),
    "deployed in the future": (snapshot(deployed(-TICK)), Status.UNKNOWN, "from-the-future"),
    "to be replaced in the future, soak not met": (
        snapshot(deployed(MINUTE), other(-TICK)),
        Status.UNKNOWN,
        "from-the-future",
    ),
    "the future takes back no soak that was met": (
        snapshot(deployed(2 * HOUR), other(-TICK)),
        Status.PASSED,
        "soaked",
    ),
}


@pytest.mark.parametrize(("facts", "expected", "code"), CASES.values(), ids=CASES.keys())
def test_soak(facts: Snapshot, expected: Status, code: str) -> None:
    outcome = decide(facts, ONE_HOUR, NOW)
    assert (outcome.gate, outcome.status, outcome.code) == ("soak", expected, code)


def test_waits_until_the_very_instant_at_which_it_passes() -> None:
    facts = snapshot(deployed(20 * MINUTE))
    outcome = decide(facts, ONE_HOUR, NOW)
    assert outcome.until == NOW + 40 * MINUTE
    assert decide(facts, ONE_HOUR, outcome.until - TICK).status is Status.WAITING
    assert decide(facts, ONE_HOUR, outcome.until).status is Status.PASSED


def test_a_redeployment_of_the_same_keeps_the_first_instant() -> None:
    facts = snapshot(deployed(MINUTE), deployed(30 * MINUTE), deployed(10 * MINUTE, digest=None))
    assert decide(facts, ONE_HOUR, NOW).until == NOW + 30 * MINUTE


def test_of_several_soaks_that_were_met_the_latest_is_told() -> None:
    facts = snapshot(deployed(9 * HOUR), other(7 * HOUR), deployed(5 * HOUR), other(3 * HOUR))
    assert decide(facts, ONE_HOUR, NOW).facts["since"] == (NOW - 5 * HOUR).isoformat()


def test_two_halves_wait_for_the_second_alone() -> None:
    facts = snapshot(deployed(80 * MINUTE), other(40 * MINUTE), deployed(30 * MINUTE))
    assert decide(facts, ONE_HOUR, NOW).until == NOW + 30 * MINUTE


def test_a_replacement_says_what_runs_now_and_how_long_the_artifact_ran() -> None:
    facts = snapshot(deployed(3 * HOUR), other(150 * MINUTE), other(MINUTE, artifact="fffffff", digest=None))
    outcome = decide(facts, ONE_HOUR, NOW)
    assert outcome.facts["runs_now"] == "fffffff"
    assert outcome.facts["ran_seconds"] == 30 * 60
    assert outcome.facts["replaced_at"] == (NOW - 150 * MINUTE).isoformat()
    assert [c.at for c in outcome.cites] == [NOW - 3 * HOUR, NOW - 150 * MINUTE]


def test_another_digest_under_this_tag_is_named() -> None:
    outcome = decide(snapshot(deployed(digest=OTHER_DIGEST), other(MINUTE)), ONE_HOUR, NOW)
    assert outcome.facts["deployed_digest"] == OTHER_DIGEST


def test_what_is_missing_is_not_asked_for_again() -> None:
    assert decide(snapshot(), ONE_HOUR, NOW).retry is False


@pytest.mark.requirement("F3")
def test_the_length_is_the_policys() -> None:
    two_days = Parameters.model_validate({"in": "staging", "for": "48h"})
    assert decide(snapshot(deployed(2 * DAY)), two_days, NOW).status is Status.PASSED
    assert decide(snapshot(deployed(2 * DAY - TICK)), two_days, NOW).until == NOW + TICK


@pytest.mark.parametrize("wrong", [{}, {"in": "staging", "for": "0s"}, {"in": "staging", "during": "1h"}])
def test_malformed_parameters_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Parameters.model_validate(wrong)


def test_the_schemas_default_is_written_as_a_policy_writes_it() -> None:
    assert Parameters.model_json_schema()["properties"]["for"]["default"] == "1h"


def test_other_versions_say_nothing_about_this_one() -> None:
    assert decide(snapshot(other(DAY)), ONE_HOUR, NOW).code == "never-deployed"
