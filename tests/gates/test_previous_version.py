"""The gate of every rollback: it goes back to what ran, exactly that, and takes back what runs."""

from dataclasses import replace
from typing import Any

import pytest

from bot.domain.artifact import Artifact, RegistryAnswer, RegistryWord
from bot.domain.change_request import Kind
from bot.domain.evidence import Evidence
from bot.domain.outcome import GateOutcome, Status
from bot.domain.snapshot import Snapshot
from bot.gates import GATES, PREVIOUS_VERSION, judge, rules_for
from tests.gates.conftest import MINUTE, NOW, built, deployed, snapshot

pytestmark = [pytest.mark.requirement("P14"), pytest.mark.requirement("P16")]

OLD, NEW, NEWER = (
    Artifact(tag, "sha256:" + digit * 64)
    for tag, digit in (("0ld0ld0", "1"), ("7a3f9c2", "2"), ("c0ffee1", "3"))
)


def ran(*artifacts: Artifact) -> tuple[Evidence, ...]:
    """They ran in production one after the other."""
    return tuple(
        deployed((100 - n) * MINUTE, artifact=a.tag, digest=a.digest, environment="production")
        for n, a in enumerate(artifacts)
    )


def rollback(
    *told: Evidence, word: RegistryWord = RegistryWord.FOUND, digest: str | None = OLD.digest, **changes: Any
) -> Snapshot:
    """It takes NEW back and brings OLD."""
    made = snapshot(*told)
    request = replace(made.request, kind=Kind.ROLLBACK, artifact=OLD, rollback_target=NEW, **changes)
    return replace(made, request=request, registry=RegistryAnswer(word=word, asked_at=NOW, digest=digest))


def decide(made: Snapshot) -> GateOutcome:
    return PREVIOUS_VERSION.outcome(made, PREVIOUS_VERSION.parameters(), NOW)


def test_what_ran_and_still_exists_may_come_back() -> None:
    outcome = decide(rollback(*ran(OLD, NEW)))
    assert (outcome.status, outcome.code) == (Status.PASSED, "target-ready")
    assert (outcome.facts["target"], outcome.facts["from"]) == (OLD.tag, NEW.tag)


def test_a_rollout_that_never_got_to_its_end_may_be_taken_back() -> None:
    assert decide(rollback(*ran(OLD))).code == "target-ready"


@pytest.mark.parametrize(
    ("made", "status", "code"),
    [
        (rollback(), Status.BLOCKED, "never-ran"),
        (rollback(*ran(NEW)), Status.BLOCKED, "never-ran"),
        (rollback(*ran(OLD, NEW, NEWER)), Status.BLOCKED, "newer-runs"),
        (
            rollback(*ran(OLD, NEW), word=RegistryWord.MISSING, digest=None),
            Status.BLOCKED,
            "target-not-in-registry",
        ),
        (rollback(*ran(OLD, NEW), digest=NEWER.digest), Status.BLOCKED, "target-moved"),
        (
            rollback(*ran(OLD, NEW), word=RegistryWord.UNREACHABLE, digest=None),
            Status.UNKNOWN,
            "registry-unreachable",
        ),
        (
            rollback(*ran(OLD, NEW), word=RegistryWord.NOT_CONFIGURED, digest=None),
            Status.UNKNOWN,
            "registry-not-configured",
        ),
    ],
)
def test_what_is_not_sure_does_not_come_back(made: Snapshot, status: Status, code: str) -> None:
    outcome = decide(made)
    assert (outcome.status, outcome.code) == (status, code)
    assert outcome.retry is (code == "registry-unreachable")


def test_no_gate_that_judges_news_or_time_holds_a_rollback() -> None:
    every = {name: gate.parameters.model_construct() for name, gate in GATES.items()}
    made = rollback()
    assert list(rules_for(made.request, every)) == ["previous-version", "immutable-artifact"]
    assert list(rules_for(made.request, {})) == ["previous-version"]
    promotion = replace(made.request, kind=Kind.PROMOTION)
    assert rules_for(promotion, every) == every


IMMUTABLE = {
    "immutable-artifact": GATES["immutable-artifact"].parameters.model_validate({"tag": "^v[0-9]+$"})
}


def immutable(made: Snapshot) -> tuple[Status, str]:
    outcome = judge(made, IMMUTABLE, NOW, "p").outcomes[0]
    return outcome.status, outcome.code


def test_what_ran_is_what_was_built_where_ci_stated_no_build_of_it() -> None:
    """Nor does a rule for tags that is newer than the version lock it out."""
    assert immutable(rollback(*ran(OLD, NEW))) == (Status.PASSED, "same-digest")


def test_a_build_of_the_same_tag_that_came_later_changes_nothing() -> None:
    told = (
        *ran(OLD, NEW),
        built(artifact=OLD.tag, digest=OLD.digest),
        built(MINUTE, artifact=OLD.tag, digest=NEWER.digest),
    )
    assert immutable(rollback(*told)) == (Status.PASSED, "same-digest")


def test_a_version_that_ran_and_that_ci_did_not_build_is_a_security_event() -> None:
    assert immutable(rollback(*ran(OLD, NEW), built(artifact=OLD.tag, digest=NEWER.digest))) == (
        Status.BLOCKED,
        "digest-mismatch",
    )


def test_a_rollback_whose_digest_nobody_knows_is_judged_as_any_tag() -> None:
    made = rollback(*ran(OLD, NEW))
    made = replace(made, request=replace(made.request, artifact=Artifact(OLD.tag)))
    assert immutable(made) == (Status.BLOCKED, "tag-not-immutable")
