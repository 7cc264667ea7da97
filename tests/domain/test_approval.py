"""The approval record of P11, and what names a signature."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.approval import Approval, ApprovalState, SecondFactor, approval_record

NOW = datetime(2026, 11, 10, 15, 0, 0, 999_999, tzinfo=UTC)


@pytest.mark.requirement("P11")
def test_the_record_has_exactly_its_five_keys() -> None:
    record = approval_record(
        artifact="checkout:7a3f9c2",
        approver="ada",
        approved_at=NOW,
        deployment_window="standard",
        requested_at=NOW - timedelta(minutes=12, milliseconds=1),
    )
    assert record == {
        "artifact": "checkout:7a3f9c2",
        "approver": "ada",
        "approved_at": "2026-11-10T15:00:00Z",
        "deployment_window": "standard",
        "approval_duration_seconds": 720,
    }
    assert json.loads(json.dumps(record)) == record


@pytest.mark.requirement("P11")
def test_a_clock_that_went_backwards_makes_no_negative_duration() -> None:
    record = approval_record(
        artifact="a",
        approver="b",
        approved_at=NOW,
        deployment_window="c",
        requested_at=NOW + timedelta(seconds=5),
    )
    assert record["approval_duration_seconds"] == 0


def test_a_signature_is_one_per_request_revision_and_person_and_counts_only_later() -> None:
    factor = SecondFactor(method="totp", credential="c1", at=NOW)
    signed = Approval(
        request="DEP-42",
        revision=2,
        person="ada",
        via="slack:T1/U01ADA",
        fingerprint="sha256:f",
        signed_at=NOW,
        factor=factor,
    )
    assert signed.id == "DEP-42/2/ada"
    assert signed.state is ApprovalState.SIGNED
