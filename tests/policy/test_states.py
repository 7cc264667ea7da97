"""The state of the project selects which rules are in force, and a fault in the other state's rules is told today."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from bot.gates import GATES
from bot.policy import Policy, PolicyError, json_schema, parse
from bot.policy.difference import differences

TEXT = """\
version: 1
timezone: Europe/Berlin
state: STATE
people: {ada: {slack: U01ADA}, bo: {slack: U02BO}}
roles: {lead: {people: [ada, bo]}}
environments:
  production:
    gates: {calendar: {}, immutable-artifact: {}, rollback-target: {}}
    approval: {seats: [{role: lead}], minimum: 2}
    break_glass: {seats: [{role: lead}], bypasses: [calendar]}
    severity: P0
    when_state:
      pre-production:
        gates: {immutable-artifact: {}}
        approval: {minimum: 1}
        break_glass: null
        severity: P3
  dev: {kind: development, gates: {}}
"""
PARAMETERS = {name: gate.parameters for name, gate in GATES.items()}


def policy(state: str, changes: Mapping[str, str] | None = None) -> Policy:
    text = TEXT.replace("STATE", state)
    for old, new in (changes or {}).items():
        assert old in text
        text = text.replace(old, new)
    return parse(text, "policy.yaml", PARAMETERS, Path("/nowhere"))


@pytest.mark.requirement("K1")
def test_the_state_selects_the_rules_of_an_environment() -> None:
    now = policy("production").environments["production"]
    assert list(now.gates) == ["calendar", "immutable-artifact", "rollback-target"]
    assert (now.approval.minimum, now.severity) == (2, "P0")
    assert now.break_glass is not None
    before = policy("pre-production").environments["production"]
    assert list(before.gates) == ["immutable-artifact"]
    assert (before.approval.minimum, before.approval.seats, before.severity) == (1, (), "P3")
    assert before.break_glass is None  # said, not forgotten
    assert before.kind == "production"  # what a state does not speak of is as ever


@pytest.mark.requirement("K1")
def test_a_change_of_state_is_another_policy_and_shows_as_what_it_is() -> None:
    before, after = policy("pre-production"), policy("production")
    assert before.digest != after.digest
    assert [(d.path, d.before, d.after) for d in differences(before, after)] == [
        ("state", "pre-production", "production")
    ]


@pytest.mark.requirement("K1")
@pytest.mark.parametrize("state", ["production", "pre-production"])
@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("approval: {minimum: 1}", "approval: {minimum: 99}", 15, "20"),
        ("approval: {minimum: 1}", "aproval: {minimum: 1}", 15, "did you mean 'approval'"),
        ("severity: P3", "severity: P9", 17, "P9"),
        ("gates: {immutable-artifact: {}}", "gates: {imutable-artifact: {}}", 14, "there is no gate"),
        (
            "break_glass: null",
            "break_glass: {seats: [{role: lead}], requires: [incident-ticket], bypasses: [calendar]}",
            16,
            "production has no gate 'calendar' to bypass",
        ),
        ("pre-production:\n        gates", "preproduction:\n        gates", 13, "when_state"),
    ],
)
def test_a_fault_in_the_rules_of_any_state_is_told_today_with_its_line(
    state: str, old: str, new: str, line: int, words: str
) -> None:
    with pytest.raises(PolicyError) as refused:
        policy(state, {old: new})
    assert any(p.line == line and words in p.message for p in refused.value.problems), refused.value.problems


def test_a_fault_of_all_states_is_told_once() -> None:
    with pytest.raises(PolicyError) as refused:
        policy("production", {"dev: {kind": "dev: {promotes_from: dev, kind"})
    assert len(refused.value.problems) == 1


def test_the_schema_knows_the_rules_of_a_state() -> None:
    assert "StateRules" in str(json_schema(PARAMETERS))
