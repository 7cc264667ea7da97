"""An approval is bound to the facts: it falls with any of them, and never by the passing of time."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.artifact import Artifact
from bot.domain.change_request import Actor, ChangeRequest, Kind, RequestState, Start
from bot.domain.evidence import Evidence, EvidenceKind
from bot.domain.fingerprint import evidence_digest, fingerprint, fingerprint_facts, short

NOW = datetime(2026, 11, 10, 15, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DIGEST, OTHER = "sha256:" + "9f" * 32, "sha256:" + "b0" * 32
REQUEST = ChangeRequest(
    id="DEP-42",
    number=42,
    kind=Kind.PROMOTION,
    service="checkout",
    environment="production",
    artifact=Artifact("7a3f9c2"),
    requester=Actor(via="slack:T1/U01LIN", person="lin"),
    requested_at=NOW,
    expires_at=NOW + HOUR,
    evidence_deadline=NOW + HOUR,
)
BACK = Artifact("51be07d", OTHER)


def printed(
    request: ChangeRequest = REQUEST,
    *,
    digest: str | None = DIGEST,
    rollback: Artifact | None = BACK,
    policy: str = "p",
    evidence: str = "e",
    revision: int = 1,
) -> str:
    facts = fingerprint_facts(request, digest=digest, rollback=rollback, policy=policy, evidence=evidence)
    return fingerprint(facts, revision)


NAMED: dict[str, Any] = {
    "request": printed(replace(REQUEST, id="DEP-43")),
    "revision": printed(revision=2),
    "kind": printed(replace(REQUEST, kind=Kind.EMERGENCY)),
    "service": printed(replace(REQUEST, service="web")),
    "environment": printed(replace(REQUEST, environment="staging")),
    "artifact": printed(replace(REQUEST, artifact=Artifact("7a3f9c3"))),
    "digest": printed(digest=OTHER),
    "no digest": printed(digest=None),
    "rollback tag": printed(rollback=Artifact("51be07e", OTHER)),
    "rollback digest": printed(rollback=Artifact("51be07d", DIGEST)),
    "no rollback": printed(rollback=None),
    "policy": printed(policy="q"),
    "evidence": printed(evidence="f"),
}


@pytest.mark.requirement("P2")
@pytest.mark.parametrize("changed", NAMED.values(), ids=NAMED.keys())
def test_it_changes_with_every_fact_it_names(changed: str) -> None:
    assert changed != printed()


def test_no_two_changes_look_alike() -> None:
    assert len({printed(), *NAMED.values()}) == len(NAMED) + 1


UNNAMED: dict[str, Any] = {
    "state": RequestState.APPROVED,
    "requested_at": NOW - HOUR,
    "expires_at": NOW + 9 * HOUR,
    "evidence_deadline": NOW,
    "approved_at": NOW,
    "reason": "another reason",
    "start": Start(mode="next"),
    "revision": 7,  # given beside the facts
    "fingerprint": "sha256:old",
}


@pytest.mark.parametrize(("field", "value"), UNNAMED.items())
def test_it_changes_with_no_other_fact(field: str, value: Any) -> None:
    assert printed(replace(REQUEST, **{field: value})) == printed()


# --- the digest of the evidence -----------------------------------------------------------------------------------

statements = st.lists(
    st.builds(
        Evidence,
        id=st.uuids().map(str),
        kind=st.sampled_from(EvidenceKind),
        service=st.just("checkout"),
        artifact=st.just("7a3f9c2"),
        digest=st.sampled_from([None, DIGEST, OTHER]),
        environment=st.sampled_from([None, "staging", "dev"]),
        passed=st.booleans(),
        at=st.timedeltas(timedelta(0), timedelta(days=9)).map(lambda ago: NOW - ago),
        received_at=st.just(NOW),
        source=st.text(max_size=3),
        counts=st.dictionaries(st.sampled_from(["critical", "high"]), st.integers(0, 3)),
    ),
    max_size=6,
)


@given(statements, st.timedeltas(timedelta(0), timedelta(days=300)))
def test_time_passing_alone_does_not_change_the_digest_of_the_evidence(
    evidence: list[Evidence], passed: timedelta
) -> None:
    later = [replace(e, at=e.at + passed, received_at=e.received_at + passed) for e in evidence]
    assert evidence_digest(later) == evidence_digest(evidence)


@given(statements, st.randoms(use_true_random=False))
def test_nor_does_the_order_in_which_it_was_read(evidence: list[Evidence], chance: Any) -> None:
    shuffled = list(evidence)
    chance.shuffle(shuffled)
    assert evidence_digest(shuffled) == evidence_digest(evidence)


@given(statements)
def test_nor_does_a_rescan_that_says_the_same(evidence: list[Evidence]) -> None:
    newest = {(e.kind, e.environment): e for e in sorted(evidence, key=lambda e: (e.at, e.received_at, e.id))}
    again = [replace(e, id=f"again-{i}", at=NOW + HOUR, source="x") for i, e in enumerate(newest.values())]
    assert evidence_digest([*evidence, *again]) == evidence_digest(evidence)


SCAN = Evidence(
    id="s",
    kind=EvidenceKind.SCAN,
    service="checkout",
    artifact="7a3f9c2",
    digest=DIGEST,
    environment=None,
    passed=True,
    at=NOW,
    received_at=NOW,
    source="token:ci",
    counts={"critical": 0, "high": 0, "medium": 1},
    details={"findings": [{"id": "CVE-2026-1", "severity": "medium"}]},
)


@pytest.mark.requirement("P4")
@pytest.mark.parametrize(
    "newer",
    [
        replace(SCAN, counts={**SCAN.counts, "critical": 1}),
        replace(SCAN, digest=OTHER),
        replace(SCAN, digest=None),
        replace(SCAN, passed=False),
        replace(SCAN, kind=EvidenceKind.TESTS),
        replace(SCAN, environment="staging"),
    ],
)
def test_a_newer_statement_that_says_otherwise_changes_it(newer: Evidence) -> None:
    newer = replace(newer, id="n", at=NOW + HOUR)
    assert evidence_digest([SCAN, newer]) != evidence_digest([SCAN])


def test_an_older_statement_that_says_otherwise_changes_nothing() -> None:
    older = replace(SCAN, id="o", at=NOW - HOUR, passed=False)
    assert evidence_digest([SCAN, older]) == evidence_digest([SCAN])


def test_another_vulnerability_in_the_place_of_one_changes_it() -> None:
    swapped = replace(
        SCAN, id="n", at=NOW + HOUR, details={"findings": [{"id": "CVE-2026-2", "severity": "medium"}]}
    )
    assert evidence_digest([SCAN, swapped]) != evidence_digest([SCAN])


@given(st.text(alphabet="0123456789abcdef", min_size=64, max_size=64))
def test_the_short_form_is_eight_characters_that_a_person_can_compare(hexadecimal: str) -> None:
    code = short("sha256:" + hexadecimal)
    assert re.fullmatch(r"[A-Z2-7]{4}-[A-Z2-7]{4}", code)
    assert code == short("sha256:" + hexadecimal)


def test_the_short_form_tells_two_fingerprints_apart() -> None:
    assert short(printed()) != short(printed(revision=2))
