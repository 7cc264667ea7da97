"""All gates run, all reasons are shown, and whatever fails closes its gate (P1, P23)."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

import bot.gates
from bot.domain.artifact import Artifact, RegistryAnswer, RegistryWord
from bot.domain.change_request import Kind
from bot.domain.environment import Colour, EnvironmentStatus, MonitorState
from bot.domain.evidence import Evidence, EvidenceKind
from bot.domain.outcome import GateOutcome, Status
from bot.domain.snapshot import RollbackFacts, Snapshot
from bot.gates import GATES, NEVER_BYPASSED, Gate, judge
from tests.gates.conftest import (
    ALL_PROVED,
    DIGEST,
    NOW,
    OTHER_DIGEST,
    OTHER_TAG,
    TAG,
    UNREACHABLE,
    deployed,
    request,
    snapshot,
    status,
)

WRITTEN: Mapping[str, dict[str, object]] = {
    "staging-verified": {"in": "staging"},
    "soak": {"in": "staging", "for": "1h"},
    "vulnerabilities": {"forbid": ["critical", "high"], "scanned_within": "7d"},
    "immutable-artifact": {"tag": "^[0-9a-f]{7,40}$", "forbid_tags": ["latest", "prod"]},
    "calendar": {},
    "no-open-incident": {},
    "environments-green": {"environments": ["production", "staging", "dev"]},
    "rollback-target": {},
    "ticket": {"pattern": "^CHG-[0-9]+$"},
    "checklist": {"name": "before"},
}
RULES = {name: GATES[name].parameters.model_validate(written) for name, written in WRITTEN.items()}


@pytest.mark.requirement("P1")
def test_with_everything_proved_every_gate_passes() -> None:
    readiness = judge(snapshot(*ALL_PROVED), RULES, NOW, "sha256:p")
    assert {o.gate: o.status for o in readiness.outcomes} == dict.fromkeys(RULES, Status.PASSED)
    assert (readiness.judged_at, readiness.policy_digest) == (NOW, "sha256:p")
    assert readiness.may_start


@pytest.mark.requirement("P23")
def test_every_gate_runs_in_the_policys_order_and_every_blocker_is_told() -> None:
    order = list(reversed(RULES))
    broken = snapshot(
        registry=UNREACHABLE,
        rollback=RollbackFacts(target=None, registry=None, command=None),
        environments=[status("production", Colour.RED, incident="INC-1"), status("staging"), status("dev")],
        asked=request(ticket=None),
    )
    readiness = judge(broken, {name: RULES[name] for name in order}, NOW, "p")
    assert [o.gate for o in readiness.outcomes] == order
    assert len(readiness.only(Status.BLOCKED)) == 4
    assert len(readiness.only(Status.UNKNOWN)) == 4


@pytest.mark.requirement("P3")
def test_a_decision_is_for_the_instant_asked_about_and_not_for_the_one_of_the_request() -> None:
    soaking = snapshot(deployed(timedelta(minutes=30)))
    rules = {"soak": RULES["soak"]}
    assert judge(soaking, rules, NOW, "p").status is Status.WAITING
    later = judge(soaking, rules, NOW + timedelta(minutes=30), "p")
    assert (later.status, later.judged_at) == (Status.PASSED, NOW + timedelta(minutes=30))


def test_an_empty_policy_passes_nothing() -> None:
    readiness = judge(snapshot(*ALL_PROVED), {}, NOW, "p")
    assert readiness.outcomes == ()
    assert readiness.status is Status.UNKNOWN
    assert not readiness.may_start
    assert not readiness.may_be_approved
    assert not readiness.worth_asking_again


class Nothing(BaseModel):
    pass


def _breaks(_snapshot: Snapshot, _parameters: Nothing, _now: datetime) -> GateOutcome:
    raise ZeroDivisionError("the secret is hunter2")


def test_a_gate_that_raises_closes_and_tells_only_the_kind_of_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with_broken = MappingProxyType({**GATES, "soak": Gate("soak", Nothing, _breaks)})
    monkeypatch.setattr(bot.gates, "GATES", with_broken)
    readiness = judge(snapshot(*ALL_PROVED), {**RULES, "soak": Nothing()}, NOW, "p")
    (failed,) = readiness.only(Status.UNKNOWN)
    assert (failed.gate, failed.code, failed.retry) == ("soak", "gate-failed", False)
    assert failed.facts == {"exception": "ZeroDivisionError"}
    assert len(readiness.outcomes) == len(RULES)
    assert not readiness.may_be_approved


@pytest.mark.parametrize(
    "rules",
    [
        {"no-such-gate": Nothing()},
        {"soak": Nothing()},
        {"soak": RULES["ticket"]},
        {"calendar": RULES["no-open-incident"]},
    ],
)
def test_an_unknown_gate_or_foreign_parameters_close_too(rules: dict[str, BaseModel]) -> None:
    (outcome,) = judge(snapshot(*ALL_PROVED), rules, NOW, "p").outcomes
    assert (outcome.gate, outcome.status, outcome.code) == (next(iter(rules)), Status.UNKNOWN, "gate-failed")


@pytest.mark.requirement("P13")
def test_neither_the_artifact_nor_the_way_back_is_ever_bypassed() -> None:
    assert frozenset({"immutable-artifact", "rollback-target"}) == NEVER_BYPASSED


def test_each_gate_stands_under_its_own_name_and_describes_its_parameters() -> None:
    assert set(GATES) == set(WRITTEN)
    for name, gate in GATES.items():
        assert gate.name == name
        schema = gate.parameters.model_json_schema()
        assert schema["additionalProperties"] is False
        assert all(field.get("description") for field in schema["properties"].values())


# --- properties over all gates ------------------------------------------------------------------------------------

ages = st.timedeltas(timedelta(days=-2), timedelta(days=40)) | st.sampled_from(
    [timedelta(0), timedelta(hours=1), timedelta(days=7)]
)
instants = ages.map(lambda age: NOW - age)
tags = st.sampled_from([TAG, OTHER_TAG, "latest", "v1"])
digests = st.sampled_from([None, DIGEST, OTHER_DIGEST])
names = st.sampled_from(["production", "staging", "dev"])
words = st.text(max_size=8)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | words,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(words | st.just("severity"), inner, max_size=3)
    ),
    max_leaves=6,
)
evidence = st.builds(
    Evidence,
    id=words,
    kind=st.sampled_from(EvidenceKind),
    service=st.just("checkout"),
    artifact=tags,
    digest=digests,
    environment=st.none() | names,
    passed=st.booleans(),
    at=instants,
    received_at=instants,
    source=words,
    counts=st.dictionaries(st.sampled_from(["critical", "high", "medium", "odd"]), st.integers(-1, 9)),
    details=st.dictionaries(st.just("findings") | words, json_values, max_size=2),
)
answers = st.builds(
    RegistryAnswer,
    word=st.sampled_from(RegistryWord),
    asked_at=instants,
    digest=digests,
    problem=st.none() | words,
)
monitors = st.builds(
    MonitorState,
    environment=names,
    name=words,
    component=st.none() | words,
    colour=st.sampled_from(Colour),
    since=instants,
    read_at=st.none() | instants,
    code=words,
)
statuses = st.builds(
    EnvironmentStatus,
    name=names,
    colour=st.sampled_from(Colour),
    since=st.none() | instants,
    verified_at=st.none() | instants,
    monitors=st.lists(monitors, max_size=2).map(tuple),
    incident=st.none() | words,
)
requests = st.builds(
    request,
    kind=st.sampled_from(Kind),
    environment=names,
    artifact=st.builds(Artifact, tags, digests),
    ticket=st.none() | words | st.just("CHG-1"),
    fixes=st.none() | names,
    emergency=st.none() | words,
)
rollbacks = st.builds(
    RollbackFacts,
    target=st.none() | st.builds(Artifact, tags, digests),
    registry=st.none() | answers,
    command=st.none() | words,
)


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    return snapshot(
        *draw(st.lists(evidence, max_size=8)),
        asked=draw(requests),
        registry=draw(answers),
        rollback=draw(rollbacks),
        environments=draw(st.lists(statuses, max_size=4)),
    )


def _is_exact_json(value: Any) -> bool:
    match value:
        case None | bool() | int() | str():
            return True
        case list():
            return all(_is_exact_json(v) for v in value)
        case dict():
            return all(isinstance(k, str) and _is_exact_json(v) for k, v in value.items())
        case _:
            return False


@given(facts=snapshots())
def test_no_gate_raises_whatever_the_evidence_and_its_facts_are_json_without_floats(facts: Snapshot) -> None:
    for name, gate in GATES.items():
        outcome = gate.decide(facts, RULES[name], NOW)
        assert outcome.gate == name
        assert _is_exact_json(dict(outcome.facts)), outcome
        json.dumps(dict(outcome.facts))


@given(facts=snapshots())
def test_readiness_is_the_worst_of_all_outcomes(facts: Snapshot) -> None:
    readiness = judge(facts, RULES, NOW, "p")
    assert readiness.status.rank == max(o.status.rank for o in readiness.outcomes)
    assert readiness.may_start == all(o.status in (Status.PASSED, Status.WARNED) for o in readiness.outcomes)


@given(facts=snapshots())
def test_a_decision_can_be_replayed(facts: Snapshot) -> None:
    assert judge(facts, RULES, NOW, "p") == judge(facts, RULES, NOW, "p")


@given(facts=snapshots())
def test_a_gate_that_waits_passes_at_the_instant_it_tells_if_nothing_else_happens(facts: Snapshot) -> None:
    for outcome in judge(facts, RULES, NOW, "p").only(Status.WAITING):
        assert outcome.until is not None
        assert outcome.until > NOW
        later = GATES[outcome.gate].decide(facts, RULES[outcome.gate], outcome.until)
        assert later.status is Status.PASSED


@given(facts=snapshots())
def test_nothing_passes_by_digest_while_the_registry_names_none(facts: Snapshot) -> None:
    if facts.registry.digest is None:
        for name in ("staging-verified", "vulnerabilities", "immutable-artifact"):
            assert GATES[name].decide(facts, RULES[name], NOW).status is not Status.PASSED
