"""The newest statement decides, and an approval is bound to what was said, not to when."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.evidence import Evidence, EvidenceKind, newest

NOW = datetime(2026, 11, 10, 15, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
SCAN = Evidence(
    id="a",
    kind=EvidenceKind.SCAN,
    service="checkout",
    artifact="7a3f9c2",
    digest="sha256:" + "9" * 64,
    environment=None,
    passed=True,
    at=NOW,
    received_at=NOW,
    source="token:ci",
    counts={"critical": 0},
    details={"scanner": "x"},
)


def test_a_later_statement_replaces_an_earlier_whatever_the_order_of_arrival() -> None:
    later = replace(SCAN, id="b", at=NOW + SECOND, received_at=NOW - SECOND)
    assert newest([SCAN, later], EvidenceKind.SCAN) is later
    assert newest([later, SCAN], EvidenceKind.SCAN) is later


def test_of_two_made_at_one_instant_the_one_received_last_counts() -> None:
    again = replace(SCAN, id="0", received_at=NOW + SECOND)
    assert newest([again, SCAN], EvidenceKind.SCAN) is again


@given(st.permutations([replace(SCAN, id=i) for i in "abcd"]))
def test_a_full_tie_is_broken_the_same_way_every_time(statements: list[Evidence]) -> None:
    found = newest(statements, EvidenceKind.SCAN)
    assert found is not None
    assert found.id == "d"


def test_another_kind_or_environment_does_not_count() -> None:
    staged = replace(SCAN, kind=EvidenceKind.VERIFICATION, environment="staging")
    assert newest([SCAN, staged], EvidenceKind.BUILD) is None
    assert newest([staged], EvidenceKind.VERIFICATION, environment="dev") is None
    assert newest([staged], EvidenceKind.VERIFICATION, environment="staging") is staged
    assert newest([staged], EvidenceKind.VERIFICATION) is staged
    assert newest([], EvidenceKind.SCAN) is None


def test_what_was_said_leaves_out_when_and_by_whom() -> None:
    elsewhere = replace(SCAN, id="z", at=NOW - SECOND, received_at=NOW - SECOND, source="token:other")
    assert elsewhere.said() == SCAN.said()
    assert replace(SCAN, counts={"critical": 1}).said() != SCAN.said()
    assert replace(SCAN, passed=False).said() != SCAN.said()
