"""P14: no way back, no way forward."""

from dataclasses import replace

import pytest
from pydantic import ValidationError

from bot.domain.artifact import Artifact
from bot.domain.change_request import Kind
from bot.domain.outcome import Status
from bot.domain.snapshot import RollbackFacts, Snapshot
from bot.gates.rollback_target import Parameters, decide
from tests.gates.conftest import (
    DIGEST,
    FOUND,
    FOUND_NAMELESS,
    MISSING,
    NOT_CONFIGURED,
    NOW,
    OTHER_DIGEST,
    OTHER_TAG,
    READY,
    TAG,
    UNREACHABLE,
    request,
    snapshot,
)

pytestmark = pytest.mark.requirement("P14")
NOTHING = RollbackFacts(target=None, registry=None, command=None)


def with_target(tag: str, digest: str | None) -> Snapshot:
    return snapshot(rollback=replace(READY, target=Artifact(tag, digest), registry=FOUND_NAMELESS))


CASES = {
    "ready": (snapshot(), Status.PASSED, "target-ready"),
    "by tag alone": (with_target(OTHER_TAG, None), Status.PASSED, "target-ready"),
    "nothing runs yet": (snapshot(rollback=NOTHING), Status.BLOCKED, "no-previous-version"),
    "the same version": (with_target(TAG, DIGEST), Status.BLOCKED, "already-running"),
    "the same digest under another tag": (with_target(OTHER_TAG, DIGEST), Status.BLOCKED, "already-running"),
    "the same tag, no digest known": (with_target(TAG, None), Status.BLOCKED, "already-running"),
    "the same tag with another digest is another version": (
        with_target(TAG, OTHER_DIGEST),
        Status.PASSED,
        "target-ready",
    ),
    "gone from the registry": (
        snapshot(rollback=replace(READY, registry=MISSING)),
        Status.BLOCKED,
        "target-not-in-registry",
    ),
    "the tag stands for something else now": (
        snapshot(rollback=replace(READY, registry=FOUND)),
        Status.BLOCKED,
        "target-moved",
    ),
    "the registry is silent": (
        snapshot(rollback=replace(READY, registry=UNREACHABLE)),
        Status.UNKNOWN,
        "registry-unreachable",
    ),
    "no registry": (
        snapshot(rollback=replace(READY, registry=NOT_CONFIGURED)),
        Status.UNKNOWN,
        "registry-not-configured",
    ),
    "nobody asked it": (
        snapshot(rollback=replace(READY, registry=None)),
        Status.UNKNOWN,
        "registry-not-asked",
    ),
    "no command": (snapshot(rollback=replace(READY, command=None)), Status.BLOCKED, "no-rollback-command"),
}


@pytest.mark.parametrize(("facts", "expected", "code"), CASES.values(), ids=CASES.keys())
def test_rollback_target(facts: Snapshot, expected: Status, code: str) -> None:
    outcome = decide(facts, Parameters(), NOW)
    assert (outcome.gate, outcome.status, outcome.code) == ("rollback-target", expected, code)


def test_a_policy_may_let_the_first_deployment_pass_with_a_warning() -> None:
    outcome = decide(snapshot(rollback=NOTHING), Parameters(initial="warn"), NOW)
    assert (outcome.status, outcome.code) == (Status.WARNED, "no-previous-version")


def test_the_warning_is_for_the_first_deployment_alone() -> None:
    gone = snapshot(rollback=replace(READY, registry=MISSING))
    assert decide(gone, Parameters(initial="warn"), NOW).status is Status.BLOCKED


def test_a_change_of_configuration_deploys_what_runs_already() -> None:
    asked = request(kind=Kind.CONFIGURATION)
    rollback = replace(READY, target=Artifact(TAG, DIGEST), registry=FOUND)
    assert decide(snapshot(asked=asked, rollback=rollback), Parameters(), NOW).status is Status.PASSED


def test_it_tells_where_back_to_and_by_which_command() -> None:
    facts = decide(snapshot(), Parameters(), NOW).facts
    assert (facts["target"], facts["digest"]) == (OTHER_TAG, OTHER_DIGEST)
    assert facts["command"] == "./deploy.sh production 51be07d"


def test_only_a_silent_registry_is_asked_again() -> None:
    assert decide(snapshot(rollback=replace(READY, registry=UNREACHABLE)), Parameters(), NOW).retry
    assert not decide(snapshot(rollback=replace(READY, registry=None)), Parameters(), NOW).retry


def test_a_word_that_is_neither_block_nor_warn_is_refused() -> None:
    with pytest.raises(ValidationError):
        Parameters.model_validate({"initial": "allow"})
