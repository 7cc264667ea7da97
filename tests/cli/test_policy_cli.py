"""`portcullis policy`: problems on standard error with their lines, exit statuses that a pipeline can trust."""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from bot.cli import policy as cli

ROOT = Path(__file__).parents[2]
SOUND = """\
version: 1
timezone: Europe/Berlin
environments:
  production: {gates: {immutable-artifact: {}, rollback-target: {}}, approval: {minimum: 2}}
  staging: {kind: staging, gates: {immutable-artifact: {}}}
"""


def run(*words: str | Path) -> int:
    parser = argparse.ArgumentParser()
    cli.add_parser(parser.add_subparsers())
    args = parser.parse_args(["policy", *map(str, words)])
    code: int = args.run(args)
    return code


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(SOUND)
    return path


def test_a_sound_policy_is_one_line_with_its_digest(sound: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", "--policy", sound) == 0
    told = capsys.readouterr()
    assert told.out.count("\n") == 1
    assert "sha256:" in told.out
    assert "2 environments, 3 gates" in told.out
    assert told.err == ""


def test_the_file_may_stand_without_its_option_but_not_twice(
    sound: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("check", sound) == 0
    assert str(sound) in capsys.readouterr().out
    with pytest.raises(SystemExit):
        run("check", sound, "--policy", sound)
    assert "not allowed with argument" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ('monitoring: {reference: [{tcp: "192.0.2.1"}]}', "write HOST:PORT, such as example.com:443"),
        ("escalation: [{notify: []}]", "escalation.0.notify: this is empty: write at least one entry"),
        ("incidents: {pages: ['']}", "incidents.pages.0: this is empty: write at least one character"),
        (f"incidents: {{pages: [{', '.join(['a'] * 21)}]}}", "expected at most 20 entries, not 21"),
    ],
)
def test_what_is_wrong_is_said_in_words_of_our_own(
    sound: Path, capsys: pytest.CaptureFixture[str], section: str, words: str
) -> None:
    sound.write_text(f"{SOUND}{section}\n")
    assert run("check", sound) == 2
    assert words in capsys.readouterr().err


def test_one_of_a_kind_is_counted_as_one(sound: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sound.write_text(SOUND + "\npeople: {ada: {slack: U01ADA}}\n")
    assert run("check", "--policy", sound) == 0
    assert "0 services, 0 roles, 1 person, 0 calendar rules" in capsys.readouterr().out


def test_problems_go_to_standard_error_and_the_exit_status_is_2(
    sound: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sound.write_text(SOUND.replace("minimum", "minimun").replace("Berlin", "Berln"))
    assert run("check", "--policy", sound, "--json") == 2
    told = capsys.readouterr()
    assert [line.rpartition("policy.yaml")[2].split(":")[1] for line in told.err.splitlines()] == ["2", "4"]
    answer = json.loads(told.out)
    assert (answer["ok"], [each["line"] for each in answer["problems"]]) == (False, [2, 4])


def test_what_stops_the_reading_otherwise_is_one_line_and_no_traceback(
    sound: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RecursionError("maximum recursion depth exceeded")

    monkeypatch.setattr("bot.flows.reload_policy.load", broken)
    assert run("check", "--policy", sound) == 2
    why = "RecursionError: maximum recursion depth exceeded"
    assert capsys.readouterr().err == f"{sound}:1: the policy could not be read ({why})\n"


def test_a_missing_file_is_a_wrong_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", "--policy", tmp_path / "none.yaml") == 2
    assert "none.yaml:1: cannot be read" in capsys.readouterr().err


def test_the_schema_is_a_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("schema") == 0
    schema = json.loads(capsys.readouterr().out)
    Draft202012Validator.check_schema(schema)
    assert "soak" in schema["$defs"]["Environment"]["properties"]["gates"]["properties"]


def test_a_difference_is_exit_1_and_none_is_exit_0(sound: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = sound.with_name("other.yaml")
    other.write_text(SOUND.replace("minimum: 2", "minimum: 3"))
    assert run("diff", sound, other) == 1
    assert capsys.readouterr().out == "~ environments.production.approval.minimum: 2 -> 3\n"
    assert run("diff", sound, other, "--json") == 1
    assert json.loads(capsys.readouterr().out)["differences"] == [
        {"path": "environments.production.approval.minimum", "before": 2, "after": 3}
    ]
    assert run("diff", sound, sound) == 0
    assert run("diff", sound, sound.with_name("none.yaml")) == 2


def test_building_the_parser_imports_nothing_heavy() -> None:
    program = (
        "import sys, argparse, bot.cli.calendar, bot.cli.policy as p;"
        "p.add_parser(argparse.ArgumentParser().add_subparsers());"
        "print([m for m in ('pydantic', 'ruamel.yaml', 'holidays', 'croniter') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.stdout.strip() == "[]"


def test_approval_that_nobody_can_give_is_a_problem_of_the_policy(
    sound: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It loads, for its calendar may be all that is asked; but each request would end at its card."""
    sound.write_text(SOUND + "services: {checkout: {}}\n")
    assert run("check", "--policy", sound) == 2
    told = capsys.readouterr().err.splitlines()
    assert [line.partition("policy.yaml:")[2].split(": ")[:2] for line in told] == [
        ["4", "environments.production.approval.minimum"],
        ["5", "environments.staging"],
    ]
