"""P4 (and F): no forbidden severity in a recent scan of this very artifact."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from bot.domain.outcome import Status
from bot.domain.snapshot import Snapshot
from bot.gates.vulnerabilities import SHOWN, Parameters, decide
from tests.gates.conftest import (
    DAY,
    HOUR,
    MINUTE,
    MISSING,
    NOW,
    OTHER_DIGEST,
    OTHER_TAG,
    TICK,
    UNREACHABLE,
    scanned,
    snapshot,
)

pytestmark = pytest.mark.requirement("P4")
USUAL = Parameters()

CASES = {
    "clean": (snapshot(scanned()), Status.PASSED, "clean"),
    "never scanned": (snapshot(), Status.UNKNOWN, "no-scan"),
    "another tag was scanned": (snapshot(scanned(artifact=OTHER_TAG)), Status.UNKNOWN, "no-scan"),
    "one critical": (snapshot(scanned(counts={"critical": 1, "high": 0})), Status.BLOCKED, "vulnerable"),
    "one high": (snapshot(scanned(counts={"critical": 0, "high": 1})), Status.BLOCKED, "vulnerable"),
    "many medium and low are not forbidden": (
        snapshot(scanned(counts={"critical": 0, "high": 0, "medium": 90, "low": 9})),
        Status.PASSED,
        "clean",
    ),
    "the scanner's own threshold is not the policy's": (
        snapshot(scanned(passed=False, counts={"critical": 0, "high": 0, "medium": 1})),
        Status.PASSED,
        "clean",
    ),
    "failed, yet found nothing": (snapshot(scanned(passed=False)), Status.UNKNOWN, "scan-failed"),
    "a severity is not counted": (
        snapshot(scanned(counts={"critical": 0})),
        Status.UNKNOWN,
        "scan-malformed",
    ),
    "nothing is counted": (snapshot(scanned(counts={})), Status.UNKNOWN, "scan-malformed"),
    "a negative count": (
        snapshot(scanned(counts={"critical": -1, "high": 0})),
        Status.UNKNOWN,
        "scan-malformed",
    ),
    "a known finding weighs more than a missing count": (
        snapshot(scanned(counts={"critical": 2})),
        Status.BLOCKED,
        "vulnerable",
    ),
    "scanned at this very instant": (snapshot(scanned(timedelta(0))), Status.PASSED, "clean"),
    "exactly as old as allowed": (snapshot(scanned(7 * DAY)), Status.PASSED, "clean"),
    "an instant older": (snapshot(scanned(7 * DAY + TICK)), Status.UNKNOWN, "scan-stale"),
    "age takes no finding back": (
        snapshot(scanned(70 * DAY, counts={"critical": 1, "high": 0})),
        Status.BLOCKED,
        "vulnerable",
    ),
    "another digest": (snapshot(scanned(digest=OTHER_DIGEST)), Status.BLOCKED, "scanned-another-digest"),
    "no digest": (snapshot(scanned(digest=None)), Status.UNKNOWN, "scan-without-digest"),
    "the registry is silent": (
        snapshot(scanned(), registry=UNREACHABLE),
        Status.UNKNOWN,
        "no-registry-digest",
    ),
    "not in the registry": (snapshot(scanned(), registry=MISSING), Status.UNKNOWN, "no-registry-digest"),
    "from the future": (snapshot(scanned(-TICK)), Status.UNKNOWN, "from-the-future"),
    "a rescan finds something new": (
        snapshot(scanned(HOUR), scanned(MINUTE, counts={"critical": 1, "high": 0})),
        Status.BLOCKED,
        "vulnerable",
    ),
}


@pytest.mark.parametrize(("facts", "expected", "code"), CASES.values(), ids=CASES.keys())
def test_vulnerabilities(facts: Snapshot, expected: Status, code: str) -> None:
    outcome = decide(facts, USUAL, NOW)
    assert (outcome.gate, outcome.status, outcome.code) == ("vulnerabilities", expected, code)


def test_a_source_that_did_not_answer_is_asked_again_and_a_missing_scan_is_not() -> None:
    assert decide(snapshot(scanned(), registry=UNREACHABLE), USUAL, NOW).retry
    assert not decide(snapshot(), USUAL, NOW).retry
    assert not decide(snapshot(scanned(30 * DAY)), USUAL, NOW).retry


def test_the_policy_says_which_severities_and_how_old() -> None:
    critical_only = Parameters.model_validate({"forbid": ["critical"], "scanned_within": "1h"})
    assert decide(snapshot(scanned(HOUR, counts={"critical": 0})), critical_only, NOW).code == "clean"
    assert (
        decide(snapshot(scanned(HOUR + TICK, counts={"critical": 0})), critical_only, NOW).code
        == "scan-stale"
    )


def _listed(name: object, severity: object = "critical", **more: object) -> dict[str, Any]:
    return {"id": name, "severity": severity, **more}


def _blocked_by(findings: object) -> list[Any]:
    facts = snapshot(scanned(counts={"critical": 9, "high": 9}, details={"findings": findings}))
    listed = decide(facts, USUAL, NOW).facts["findings"]
    assert isinstance(listed, list)
    return listed


def test_a_finding_says_what_where_and_which_version_fixes_it() -> None:
    full = _listed("CVE-2026-1234", package="openssl", version="3.0.8", fixed_in="3.0.9")
    assert _blocked_by([full]) == [full]


def test_at_most_five_findings_are_named_and_the_worst_come_first() -> None:
    named = _blocked_by([_listed(f"H{i}", "high") for i in range(9)] + [_listed("C1")])
    assert [f["id"] for f in named] == ["C1", "H0", "H1", "H2", "H3"]
    assert len(named) == SHOWN


def test_findings_of_severities_that_are_not_forbidden_are_not_named() -> None:
    assert _blocked_by([_listed("L1", "low"), _listed("C1")])[0]["id"] == "C1"


@pytest.mark.parametrize(
    "findings",
    [
        None,
        7,
        "CVE",
        {},
        [None],
        [[]],
        [{}],
        [_listed(7)],
        [_listed("C", {"a": 1})],
        [_listed("C", ["critical"])],
    ],
)
def test_malformed_findings_are_left_out_and_it_still_blocks(findings: object) -> None:
    assert _blocked_by(findings) == []


def test_a_scanners_endless_text_is_cut_and_a_wrong_type_is_nothing() -> None:
    (finding,) = _blocked_by([_listed("C" * 9000, package=12)])
    assert len(finding["id"]) == 200
    assert finding["package"] is None


@pytest.mark.parametrize(
    "wrong",
    [{"forbid": []}, {"forbid": ["severe"]}, {"scanned_within": "0s"}, {"scanned_within": 7}, {"x": 1}],
)
def test_malformed_parameters_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Parameters.model_validate(wrong)


def test_a_scan_that_will_be_old_at_a_later_start_is_fresh_enough_until_it_is_judged_again() -> None:
    later = NOW + 8 * DAY
    assert decide(snapshot(scanned(HOUR)), Parameters(), later).code == "clean"
    assert decide(snapshot(scanned(HOUR), taken_at=later), Parameters(), later).code == "scan-stale"
