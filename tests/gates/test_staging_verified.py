"""P2: the verification must be the newest one of this very digest."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from bot.domain.environment import Colour
from bot.domain.outcome import Citation, Status
from bot.domain.snapshot import Snapshot
from bot.gates.staging_verified import Parameters, decide
from tests.gates.conftest import (
    DIGEST,
    FOUND_NAMELESS,
    HOUR,
    MINUTE,
    MISSING,
    NOT_CONFIGURED,
    NOW,
    OTHER_DIGEST,
    OTHER_TAG,
    TICK,
    UNREACHABLE,
    deployed,
    snapshot,
    status,
    verified,
)

pytestmark = pytest.mark.requirement("P2")
IN_STAGING = Parameters.model_validate({"in": "staging"})

CASES = {
    "this very artifact passed": (snapshot(verified()), Status.PASSED, "verified"),
    "at this very instant": (snapshot(verified(timedelta(0))), Status.PASSED, "verified"),
    "nobody verified it": (snapshot(), Status.UNKNOWN, "no-verification"),
    "only another tag was verified": (
        snapshot(verified(artifact=OTHER_TAG)),
        Status.UNKNOWN,
        "no-verification",
    ),
    "only elsewhere": (snapshot(verified(environment="dev")), Status.UNKNOWN, "no-verification"),
    "it failed": (snapshot(verified(passed=False)), Status.BLOCKED, "verification-failed"),
    "a later failure takes an earlier success back": (
        snapshot(verified(MINUTE, passed=False), verified(HOUR)),
        Status.BLOCKED,
        "verification-failed",
    ),
    "a later success heals an earlier failure": (
        snapshot(verified(HOUR, passed=False), verified(MINUTE)),
        Status.PASSED,
        "verified",
    ),
    "the same tag with another digest": (
        snapshot(verified(digest=OTHER_DIGEST)),
        Status.BLOCKED,
        "verified-another-digest",
    ),
    "the newest is of another digest": (
        snapshot(verified(HOUR), verified(MINUTE, digest=OTHER_DIGEST)),
        Status.BLOCKED,
        "verified-another-digest",
    ),
    "no digest was stated": (snapshot(verified(digest=None)), Status.UNKNOWN, "verification-without-digest"),
    "stated for later than now": (snapshot(verified(-TICK)), Status.UNKNOWN, "from-the-future"),
    "the registry is silent": (
        snapshot(verified(), registry=UNREACHABLE),
        Status.UNKNOWN,
        "no-registry-digest",
    ),
    "the registry has it not": (
        snapshot(verified(), registry=MISSING),
        Status.UNKNOWN,
        "no-registry-digest",
    ),
    "there is no registry": (
        snapshot(verified(), registry=NOT_CONFIGURED),
        Status.UNKNOWN,
        "no-registry-digest",
    ),
    "the registry names no digest": (
        snapshot(verified(), registry=FOUND_NAMELESS),
        Status.UNKNOWN,
        "no-registry-digest",
    ),
}


@pytest.mark.parametrize(("facts", "expected", "code"), CASES.values(), ids=CASES.keys())
def test_only_this_very_artifact_counts_as_verified(facts: Snapshot, expected: Status, code: str) -> None:
    outcome = decide(facts, IN_STAGING, NOW)
    assert (outcome.gate, outcome.status, outcome.code) == ("staging-verified", expected, code)


@pytest.mark.parametrize(
    ("facts", "again"),
    [
        (snapshot(), False),
        (snapshot(verified(digest=None)), False),
        (snapshot(verified(), registry=UNREACHABLE), True),
        (snapshot(verified(), registry=NOT_CONFIGURED), False),
        (snapshot(verified(-TICK)), True),
    ],
)
def test_only_what_may_answer_later_is_asked_again(facts: Snapshot, again: bool) -> None:
    assert decide(facts, IN_STAGING, NOW).retry is again


def test_the_outcome_names_both_digests_and_who_stated_it_when() -> None:
    outcome = decide(snapshot(verified(digest=OTHER_DIGEST)), IN_STAGING, NOW)
    assert outcome.facts["verified_digest"] == OTHER_DIGEST
    assert outcome.facts["registry_digest"] == DIGEST
    assert outcome.cites == (Citation(source="token:ci", at=NOW - HOUR),)


def test_the_environment_must_be_named() -> None:
    with pytest.raises(ValidationError):
        Parameters.model_validate({})


RED_STAGING = (status("staging", Colour.RED),)


@pytest.mark.parametrize(
    ("facts", "expected", "code"),
    [
        (snapshot(verified(), deployed(), environments=RED_STAGING), Status.BLOCKED, "red-on-this-version"),
        (snapshot(verified(), environments=RED_STAGING), Status.PASSED, "verified"),
        (
            snapshot(verified(), deployed(artifact=OTHER_TAG, digest=OTHER_DIGEST), environments=RED_STAGING),
            Status.PASSED,
            "verified",
        ),
        (
            snapshot(verified(), deployed(), environments=(status("staging", Colour.GREEN),)),
            Status.PASSED,
            "verified",
        ),
        (
            snapshot(verified(), deployed(), environments=(status("dev", Colour.RED),)),
            Status.PASSED,
            "verified",
        ),
    ],
    ids=["red on it", "nobody knows what runs", "red on another", "green on it", "red elsewhere"],
)
def test_a_version_that_made_staging_red_goes_no_further(
    facts: Snapshot, expected: Status, code: str
) -> None:
    outcome = decide(facts, IN_STAGING, NOW)
    assert (outcome.status, outcome.code) == (expected, code)
    if expected is Status.BLOCKED:
        assert (outcome.facts["runs"], outcome.facts["colour"]) == (facts.request.artifact.tag, "RED")
