"""The contract's JSON for the contract's calendar, against a table that was worked out by hand, not by the code."""

import importlib.util
import io
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from bot.__main__ import main
from bot.policy.document import as_json, mapping_at, read

HERE = Path(__file__).parent / "contract_instants"
POLICY = HERE / "policy.yaml"
CONTRACT = Path(__file__).resolve().parents[3] / "shared" / "policy-contract.yaml"
KEYS = [
    "at",
    "environment",
    "service",
    "verdict",
    "break_glass",
    "rules",
    "next_change",
    "next_allowed",
    "next_preferred",
]
KINDS = {
    "standard": ("window", "prefer"),
    "weekdays": ("window", "allow"),
    "friday-afternoon": ("restriction", "discourage"),
    "evening": ("restriction", "discourage"),
    "weekend": ("restriction", "prohibit"),
    "holidays-US-NY": ("holiday", "prohibit"),
    "black-friday": ("freeze", "prohibit"),
    "company": ("freeze", "prohibit"),
    "outside-windows": ("outside-windows", "prohibit"),
}
STATUS = {"preferred": 0, "allowed": 0, "discouraged": 0, "prohibited": 3}


def _table() -> ModuleType:
    spec = importlib.util.spec_from_file_location("contract_table", HERE / "table.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ROWS = [(name, row) for name, rows in _table().TABLE.items() for row in rows]


def expected(row: Any) -> dict[str, Any]:
    """The row as the contract's JSON; the order of the rules is left open there."""
    return {
        "at": row.at,
        "environment": row.environment,
        "service": None,
        "verdict": row.verdict,
        "break_glass": row.break_glass,
        "rules": sorted(
            (
                {"name": name, "kind": KINDS[name][0], "effect": KINDS[name][1], "until": until}
                for name, until in row.rules.items()
            ),
            key=lambda rule: rule["name"],
        ),
        "next_change": row.change,
        "next_allowed": row.allowed,
        "next_preferred": row.preferred,
    }


def said(line: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(line)
    answer["rules"] = sorted(answer["rules"], key=lambda rule: rule["name"])
    return answer


@pytest.mark.requirement("P12")
@pytest.mark.parametrize(("rule", "row"), ROWS, ids=[f"{name} {row.at}" for name, row in ROWS])
def test_the_calendar_says_what_a_person_reads_out_of_the_policy(
    rule: str, row: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--policy", str(POLICY), "--environment", row.environment, "--at", row.at, "--json"]
    assert main(["calendar", "at", *words]) == STATUS[row.verdict]
    line = capsys.readouterr().out
    assert list(json.loads(line)) == KEYS
    assert said(line) == expected(row)


@pytest.mark.requirement("P12")
def test_the_stream_says_the_same_as_the_single_question(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [row for _, row in ROWS if row.environment == "production"]
    sent = "".join(f"{row.at}\n" for row in rows).encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(sent)))
    words = ["--policy", str(POLICY), "--environment", "production", "--at", "-"]
    assert main(["calendar", "at", *words]) == 0
    assert [said(line) for line in capsys.readouterr().out.splitlines()] == [expected(row) for row in rows]


def test_the_table_is_about_the_calendar_of_the_contract() -> None:
    if not CONTRACT.is_file():
        pytest.skip("the contract (shared/policy-contract.yaml beside the repository) is not here")
    contract, ours = (
        as_json(mapping_at(read(path.read_text(encoding="utf-8"), path.name).plain, "calendar"))
        for path in (CONTRACT, POLICY)
    )
    assert ours == contract
