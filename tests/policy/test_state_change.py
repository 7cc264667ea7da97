"""What a policy may say of how the project's state changes, and what is refused in one line when it is loaded."""

from pathlib import Path

import pytest

from bot.gates import GATES
from bot.policy import Policy, PolicyError, json_schema, parse
from bot.policy.state_change import GATES as OF_A_STATE
from bot.policy.states import in_state, state_in_file

TEXT = """\
version: 1
timezone: Europe/Berlin
state: pre-production
state_change:
  environment: production
  gates: {environments-green: {environments: [production]}, ticket: {pattern: "^CHG-[0-9]+$"}}
  approval: {seats: [{role: lead}], second_factor: {methods: [passkey]}, expires: 8h}
people: {ada: {slack: U01ADA}, bo: {slack: U02BO}}
roles: {lead: {people: [ada, bo]}}
services: {checkout: {}}
environments:
  production:
    gates: {calendar: {}, rollback-target: {}}
    severity: P0
    when_state: {pre-production: {gates: {immutable-artifact: {}}, severity: P3}}
checklists: {launch: [{item: All is green, gate: environments-green}, {item: Ready, attest: lead}]}
"""
PARAMETERS = {name: gate.parameters for name, gate in GATES.items()}


def policy(*changes: tuple[str, str]) -> Policy:
    text = TEXT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return parse(text, "policy.yaml", PARAMETERS, Path("/nowhere"))


def problems(*changes: tuple[str, str]) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        policy(*changes)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.requirement("K1")
def test_its_gates_and_its_approval_are_those_of_any_other_change() -> None:
    section = policy().state_change
    assert section is not None
    assert (section.environment, list(section.gates)) == ("production", ["environments-green", "ticket"])
    assert section.approval.seats[0].role == ("lead",)
    assert section.approval.second_factor.methods == ("passkey",)


def test_every_gate_that_it_may_have_exists_and_every_other_one_asks_about_an_image() -> None:
    assert GATES.keys() - set(OF_A_STATE) == {
        "staging-verified", "soak", "vulnerabilities", "immutable-artifact", "rollback-target",
    }  # fmt: skip
    assert set(OF_A_STATE) <= GATES.keys()


@pytest.mark.parametrize("gate", sorted(GATES.keys() - set(OF_A_STATE)))
def test_a_gate_that_asks_about_an_image_is_refused_in_one_line(gate: str) -> None:
    takes = {
        "staging-verified": "{in: production}",
        "soak": "{in: production, for: 1h}",
        "vulnerabilities": "{forbid: [critical], scanned_within: 7d}",
    }
    (problem,) = problems(
        ("ticket: {pattern", f"{gate}: {takes.get(gate, '{}')}, ticket: {{pattern"),
    )
    assert problem.startswith(
        f"policy.yaml:6: state_change.gates.{gate}: the gate '{gate}' asks about an image"
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('gates: {environments-green: {environments: [production]}, ticket: {pattern: "^CHG-[0-9]+$"}}', "gates: {}"), "needs a gate"),
        (("seats: [{role: lead}], second", "seats: [], second"), "approved by somebody"),
        (("  approval: {seats: [{role: lead}], second_factor: {methods: [passkey]}, expires: 8h}\n", ""), "approv"),
        (("environment: production\n", "environment: prodution\n"), "did you mean 'production'"),
        (("[{role: lead}], second", "[{role: leader}], second"), "did you mean 'lead'"),
        (("services: {checkout: {}}", "services: {project: {}}"), "no service is called 'project'"),
        (("environments-green: {environments: [production]}, ticket", "checklist: {name: launch}, ticket"), "no gate 'environments-green'"),
        (("  gates: {env", "  gate: {env"), "did you mean 'gates'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_line(change: tuple[str, str], words: str) -> None:
    found = problems(change)
    assert any(words in each for each in found), found


@pytest.mark.requirement("K1")
def test_in_another_state_other_rules_hold_under_another_digest_and_back_it_is_the_file_again() -> None:
    first = policy()
    then = in_state(first, "production")
    assert list(first.environments["production"].gates) == ["immutable-artifact"]
    assert list(then.environments["production"].gates) == ["calendar", "rollback-target"]
    assert (then.state, then.environments["production"].severity) == ("production", "P0")
    assert then.digest != first.digest
    assert in_state(then, "production") is then
    again = in_state(then, "pre-production")
    assert (again.digest, again.environments, again.state) == (first.digest, first.environments, first.state)
    assert state_in_file(then) == state_in_file(first) == "pre-production"
    written = policy(("state: pre-production", "state: production"))
    assert then.digest != written.digest  # it is in that state, and its file does not say so


def test_a_service_may_be_called_project_where_the_section_does_not_stand() -> None:
    start, end = TEXT.index("state_change:"), TEXT.index("people:")
    found = policy((TEXT[start:end], ""), ("services: {checkout: {}}", "services: {project: {}}"))
    assert (found.state_change, list(found.services)) == (None, ["project"])


def test_the_schema_knows_the_section() -> None:
    definitions = json_schema(PARAMETERS)["$defs"]
    assert isinstance(definitions, dict)
    assert {"environment", "gates", "approval"} <= definitions["StateChange"]["properties"].keys()  # type: ignore[union-attr, index, call-overload]
