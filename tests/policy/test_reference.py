"""docs/policy.md holds every key of the policy as the code has it, and each of its examples is a policy that loads."""

import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from bot.flows.reload_policy import load_policy
from bot.gates import GATES
from bot.policy.calendar_section import CalendarSection
from bot.policy.field_docs import all_models
from bot.policy.monitors import KINDS
from bot.policy.schema import json_schema
from bot.policy.types import Section

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "policy.md").read_text(encoding="utf-8")
EXAMPLE = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAMED = frozenset(re.findall(r"<!-- keys: ([\w -]+) -->", TEXT))
ELSEWHERE = ("calendar_section", "rule_section", "holiday_section", "freeze_section")
"""The modules of what docs/calendar.md explains."""
ALIKE = frozenset({"Watch", *(kind.__name__ for kind in KINDS)})
"""Monitors: what they have in common stands once, and one table names the kinds."""
HEAD = {
    "version": "version: 1\n",
    "timezone": "timezone: America/New_York\n",
    "people": "people: {ada: {slack: U01ADA}, bo: {slack: U02BO}}\n",
    "roles": "roles: {platform-lead: {people: [ada]}}\n",
    "services": "services: {checkout: {}}\n",
    "environments": "environments: {production: {gates: {immutable-artifact: {}}}}\n",
}
"""What an example does not say itself."""


def examples() -> list[str]:
    return EXAMPLE.findall(TEXT)


def whole(example: str) -> str:
    said = set(re.findall(r"^(\w+):", example, re.MULTILINE))
    if "people" in said and "roles" not in said:
        return "".join(text for key, text in HEAD.items() if key not in said | {"roles"}) + example
    return "".join(text for key, text in HEAD.items() if key not in said) + example


def test_the_tables_are_as_the_code_has_them() -> None:
    """Otherwise: run scripts/policy_reference.py."""
    command = [sys.executable, "scripts/policy_reference.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_section_and_every_gate_has_its_table() -> None:
    sections = {
        model.__name__
        for model in all_models(Section)
        if model.__module__.startswith("bot.policy.") and model.__module__.rpartition(".")[2] not in ELSEWHERE
    }
    assert {name for name in NAMED if not name.startswith("gate ")} == sections - ALIKE
    assert {name for name in NAMED if name.startswith("gate ")} == {f"gate {name}" for name in GATES}
    assert all(f"\n| `{kind.kind}` |" in TEXT for kind in KINDS)
    assert CalendarSection.__module__.endswith(ELSEWHERE[0])


def test_what_the_schema_fills_in_fits_the_schema() -> None:
    """An editor offers it: `7d`, and not `P7D`, which no policy may say."""
    whole = json_schema({name: gate.parameters for name, gate in GATES.items()})
    definitions = whole["$defs"]
    assert isinstance(definitions, dict)
    for name, definition in definitions.items():
        for key, field in definition.get("properties", {}).items():  # type: ignore[union-attr]
            if isinstance(field, dict) and "default" in field:
                wanted = {**field, "$defs": definitions}
                assert list(jsonschema.Draft202012Validator(wanted).iter_errors(field["default"])) == [], (
                    f"{name}.{key}"
                )


def test_every_row_says_what_it_means() -> None:
    rows = [line for line in TEXT.splitlines() if line.startswith("| `") and line.count("|") >= 5]
    silent = [row for row in rows if not re.search(r"[\w`.] \|$", row)]
    assert silent == []
    assert len(rows) > 100


@pytest.mark.parametrize("example", examples(), ids=lambda text: text.split(":", 1)[0])
def test_every_example_is_a_policy_that_loads(tmp_path: Path, example: str) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(whole(example), encoding="utf-8")
    load_policy(path)


def test_every_link_to_a_heading_leads_somewhere() -> None:
    headings = re.findall(r"^#+ (.+)$", TEXT, re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in headings}
    assert set(re.findall(r"\]\(#([\w-]+)\)", TEXT)) <= anchors
