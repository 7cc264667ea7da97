"""P5: an immutable tag, and the registry holds what the build pushed."""

import pytest
from pydantic import ValidationError

from bot.domain.artifact import Artifact
from bot.domain.outcome import Status
from bot.domain.snapshot import Snapshot
from bot.gates.immutable_artifact import Parameters, decide
from tests.gates.conftest import (
    DIGEST,
    FOUND_NAMELESS,
    FOUND_OTHER,
    HOUR,
    MINUTE,
    MISSING,
    NOT_CONFIGURED,
    NOW,
    OTHER_DIGEST,
    OTHER_TAG,
    TICK,
    UNREACHABLE,
    built,
    request,
    snapshot,
)

pytestmark = pytest.mark.requirement("P5")
USUAL = Parameters()


def tagged(tag: str) -> Snapshot:
    return snapshot(built(artifact=tag), asked=request(artifact=Artifact(tag)))


CASES = {
    "the registry holds what was built": (snapshot(built()), Status.PASSED, "same-digest"),
    "seven digits": (tagged("7a3f9c2"), Status.PASSED, "same-digest"),
    "forty digits": (tagged("a" * 40), Status.PASSED, "same-digest"),
    "six digits": (tagged("7a3f9c"), Status.BLOCKED, "tag-not-immutable"),
    "forty-one digits": (tagged("a" * 41), Status.BLOCKED, "tag-not-immutable"),
    "upper case": (tagged("7A3F9C2"), Status.BLOCKED, "tag-not-immutable"),
    "a digest-like part is not enough": (tagged("v7a3f9c2"), Status.BLOCKED, "tag-not-immutable"),
    "latest": (tagged("latest"), Status.BLOCKED, "tag-forbidden"),
    "prod": (tagged("prod"), Status.BLOCKED, "tag-forbidden"),
    "not in the registry": (snapshot(built(), registry=MISSING), Status.BLOCKED, "not-in-registry"),
    "not even built": (snapshot(registry=MISSING), Status.BLOCKED, "not-in-registry"),
    "the registry is silent": (
        snapshot(built(), registry=UNREACHABLE),
        Status.UNKNOWN,
        "registry-unreachable",
    ),
    "no registry": (
        snapshot(built(), registry=NOT_CONFIGURED),
        Status.UNKNOWN,
        "registry-not-configured",
    ),
    "the registry names no digest": (
        snapshot(built(), registry=FOUND_NAMELESS),
        Status.UNKNOWN,
        "no-registry-digest",
    ),
    "nothing is known of the build": (snapshot(), Status.UNKNOWN, "no-build-digest"),
    "nothing is known of the build, and the registry is silent": (
        snapshot(registry=UNREACHABLE),
        Status.UNKNOWN,
        "no-build-digest",
    ),
    "another build": (snapshot(built(artifact=OTHER_TAG)), Status.UNKNOWN, "no-build-digest"),
    "a build without a digest": (snapshot(built(digest=None)), Status.UNKNOWN, "no-build-digest"),
    "a build that failed": (snapshot(built(passed=False)), Status.UNKNOWN, "no-build-digest"),
    "built in the future": (snapshot(built(-TICK)), Status.UNKNOWN, "from-the-future"),
    "the registry holds something else": (
        snapshot(built(), registry=FOUND_OTHER),
        Status.BLOCKED,
        "digest-mismatch",
    ),
    "the newest build decides": (
        snapshot(built(HOUR), built(MINUTE, digest=OTHER_DIGEST)),
        Status.BLOCKED,
        "digest-mismatch",
    ),
    "a failed rebuild pushed nothing": (
        snapshot(built(HOUR), built(MINUTE, passed=False, digest=OTHER_DIGEST)),
        Status.PASSED,
        "same-digest",
    ),
}


@pytest.mark.parametrize(("facts", "expected", "code"), CASES.values(), ids=CASES.keys())
def test_immutable_artifact(facts: Snapshot, expected: Status, code: str) -> None:
    outcome = decide(facts, USUAL, NOW)
    assert (outcome.gate, outcome.status, outcome.code) == ("immutable-artifact", expected, code)


def test_a_mismatch_is_a_security_event_and_names_both_digests() -> None:
    facts = decide(snapshot(built(), registry=FOUND_OTHER), USUAL, NOW).facts
    assert facts["security_event"] is True
    assert (facts["build_digest"], facts["registry_digest"]) == (DIGEST, OTHER_DIGEST)


def test_only_a_silent_registry_is_asked_again() -> None:
    assert decide(snapshot(built(), registry=UNREACHABLE), USUAL, NOW).retry
    assert not decide(snapshot(built(), registry=NOT_CONFIGURED), USUAL, NOW).retry
    assert not decide(snapshot(registry=UNREACHABLE), USUAL, NOW).retry


def test_the_whole_tag_must_match_the_policys_pattern() -> None:
    versions = Parameters(tag="v[0-9]+")
    assert decide(tagged("v12"), versions, NOW).status is Status.PASSED
    assert decide(tagged("v12-rc1"), versions, NOW).code == "tag-not-immutable"


def test_a_forbidden_tag_is_forbidden_even_where_the_pattern_allows_it() -> None:
    assert decide(tagged("prod"), Parameters(tag=".*"), NOW).code == "tag-forbidden"


@pytest.mark.parametrize("pattern", ["[", "(?P<", "a{99999999999999}"])
def test_a_pattern_that_is_no_regular_expression_is_refused_when_the_policy_is_read(pattern: str) -> None:
    with pytest.raises(ValidationError, match="not a regular expression"):
        Parameters(tag=pattern)
