"""The contract's policy file is read as it stands, by the command line, with nothing taken out of it."""

import io
import json
import shutil
from pathlib import Path

import pytest

from bot.__main__ import main

HERE = Path(__file__).parent / "contract_instants"
CONTRACT = Path(__file__).resolve().parents[3] / "shared" / "policy-contract.yaml"
INSTANTS = [
    "2026-07-07T10:00:00-04:00",
    "2026-07-10T15:00:00-04:00",
    "2026-07-11T12:00:00-04:00",
    "2026-11-26T12:00:00-05:00",
    "2026-12-25T12:00:00-05:00",
]


@pytest.fixture
def contract(tmp_path: Path) -> Path:
    """A copy of the contract, beside the calendar file that it names."""
    if not CONTRACT.is_file():
        pytest.skip("the contract (shared/policy-contract.yaml beside the repository) is not here")
    shutil.copy(CONTRACT, tmp_path / "policy.yaml")
    shutil.copy(HERE / "freezes.ics", tmp_path / "freezes.ics")
    return tmp_path / "policy.yaml"


@pytest.mark.requirement("P18")
def test_the_contract_has_no_problem(contract: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "check", "--policy", str(contract)]) == 0, capsys.readouterr()


def test_without_the_calendar_file_that_it_names_that_alone_is_wrong(
    contract: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (contract.parent / "freezes.ics").unlink()
    assert main(["policy", "check", "--policy", str(contract)]) == 2
    (told,) = [line for line in capsys.readouterr().err.splitlines() if ":" in line]
    assert "freezes.ics" in told


@pytest.mark.requirement("P12")
def test_its_calendar_answers_as_the_calendar_alone_does(
    contract: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = []
    for policy in (contract, HERE / "policy.yaml"):
        sent = "".join(f"{at}\n" for at in INSTANTS).encode()
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(sent)))
        words = ["--policy", str(policy), "--environment", "production", "--at", "-"]
        assert main(["calendar", "at", *words]) == 0
        lines = capsys.readouterr().out.splitlines()
        answers.append([{**json.loads(line), "service": None} for line in lines])
    assert [each["verdict"] for each in answers[0]] == [
        "preferred",
        "discouraged",
        "prohibited",
        "prohibited",
        "prohibited",
    ]
    assert answers[0] == answers[1]
