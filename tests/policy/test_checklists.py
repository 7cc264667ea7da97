"""Checklists in a policy: who ticks what, and every mistake with its line (P18, F3)."""

from pathlib import Path

import pytest

from bot.domain.checklist import Item
from bot.gates import GATES
from bot.policy import Policy, PolicyError, parse

POLICY = """\
version: 1
timezone: UTC
people:
  ada: {slack: U01ADA}
roles:
  engineer: {people: "*"}
environments:
  production:
    gates:
      rollback-target: {}
      ticket: {pattern: "CHG"}
      checklist: {name: before}
  staging: {gates: {ticket: {pattern: "CHG"}}}
checklists:
  before:
    - {item: Plan written, gate: rollback-target}
    - {item: Told, attest: engineer, exclude: [requester, ada]}
  unused:
    - {item: Scanned, gate: vulnerabilities}
"""
GATE_MODELS = {name: gate.parameters for name, gate in GATES.items()}


def policy(text: str = POLICY) -> Policy:
    return parse(text, "policy.yaml", GATE_MODELS, Path("/nowhere"))


@pytest.mark.requirement("P18")
@pytest.mark.requirement("F3")
def test_an_item_is_ticked_by_a_gate_or_by_whoever_holds_a_role() -> None:
    plan, told = policy().checklists["before"]
    assert plan.compiled() == Item(text="Plan written", gate="rollback-target")
    assert told.compiled() == Item(text="Told", role="engineer")
    assert told.exclude == ("requester", "ada")
    assert plan.compiled().key != told.compiled().key


MISTAKES = [
    (
        "checklist: {name: before}",
        "checklist: {name: befor}",
        "there is no checklist 'befor'; did you mean 'before'?",
    ),
    ("checklist: {name: before}", "checklist: {}", "'name' is missing"),
    (
        "gate: rollback-target}",
        "gate: soak}",
        "checklists.before.0.gate: production has no gate 'soak' to tick this item",
    ),
    ("gate: rollback-target}", "gate: rolback-target}", "there is no gate 'rolback-target'; did you mean"),
    ("gate: rollback-target}", "gate: checklist}", "a checklist cannot tick its own item"),
    ("gate: rollback-target}", "attest: enginer}", "there is no role 'enginer'; did you mean 'engineer'?"),
    ("item: Told,", "item: ' plan  WRITTEN ',", "there is another item ' plan  WRITTEN ' in this checklist"),
    ("item: Told,", "item: '  ',", "does not have the form"),
    ("item: Told,", f"item: {'x' * 201},", "at most 200 characters"),
    ("attest: engineer,", "attest: engineer, gate: ticket,", "exactly one of gate, attest"),
    ("attest: engineer, exclude", "gate: ticket, exclude", "there is nobody to exclude"),
    ("exclude: [requester", "exclude: [requestor", "did you mean 'requester'?"),
]


@pytest.mark.parametrize(("right", "wrong", "message"), MISTAKES, ids=[wrong for _, wrong, _ in MISTAKES])
def test_a_mistake_is_told_with_its_line(right: str, wrong: str, message: str) -> None:
    assert POLICY.count(right) == 1
    line = POLICY[: POLICY.index(right)].count("\n") + 1
    with pytest.raises(PolicyError) as caught:
        policy(POLICY.replace(right, wrong))
    told = str(caught.value).splitlines()
    assert any(each.startswith(f"policy.yaml:{line}: ") and message in each for each in told), told


def listing(items: str) -> str:
    return POLICY.partition("checklists:\n")[0] + f"checklists:\n  before:{items}\n"


@pytest.mark.parametrize(
    ("items", "line", "message"),
    [
        (" []", 15, "checklists.before: a checklist needs at least one item"),
        (
            "".join(f"\n    - {{item: Item {n}, attest: engineer}}" for n in range(41)),
            56,
            "a checklist has 40 items at most",
        ),
    ],
    ids=["empty", "too long"],
)
def test_a_checklist_has_between_one_and_forty_items(items: str, line: int, message: str) -> None:
    with pytest.raises(PolicyError) as caught:
        policy(listing(items))
    assert [
        f"policy.yaml:{line}: " in each and message in each for each in str(caught.value).splitlines()
    ] == [True]


def test_forty_items_are_not_too_many() -> None:
    forty = "".join(f"\n    - {{item: Item {n}, attest: engineer}}" for n in range(40))
    assert len(policy(listing(forty)).checklists["before"]) == 40


def test_a_list_that_no_environment_asks_for_may_name_any_gate() -> None:
    assert policy().checklists["unused"][0].gate == "vulnerabilities"
