"""`portcullis calendar`: the contract's JSON, RFC 3339 and nothing else, and exit statuses."""

import argparse
import io
import json
from pathlib import Path

import pytest

from bot.cli import calendar as cli

POLICY = """\
version: 1
timezone: America/New_York
services: {checkout: {}}
environments:
  production: {kind: production}
  staging: {kind: staging}
calendar:
  windows:
    - {name: standard, environments: [production], start: "0 10 * * TUE-THU", until: "14:00", effect: prefer}
    - {name: weekdays, environments: [production], start: "0 0 * * MON-FRI", until: "24:00"}
  restrictions:
    - {name: weekend, environments: [production], start: "0 0 * * SAT", until: "MON 00:00", break_glass: true}
    - {name: evening, environments: [production], start: "0 18 * * *", until: "24:00", effect: discourage}
  freezes:
    - {name: closed, environments: [staging], from: "2026-01-01", to: "2029-01-01"}
"""


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return path


def run(*words: str | Path) -> int:
    parser = argparse.ArgumentParser()
    cli.add_parser(parser.add_subparsers())
    args = parser.parse_args(["calendar", *map(str, words)])
    code: int = args.run(args)
    return code


def ask(policy: Path, *words: str, environment: str = "production") -> int:
    return run("at", "--policy", policy, "--environment", environment, *words)


@pytest.mark.requirement("P12")
def test_the_json_is_the_contracts(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(policy, "--service", "checkout", "--at", "2026-07-11T12:00:00-04:00", "--json") == 3
    assert json.loads(capsys.readouterr().out) == {
        "at": "2026-07-11T16:00:00Z",
        "environment": "production",
        "service": "checkout",
        "verdict": "prohibited",
        "break_glass": True,
        "rules": [
            {"name": "weekend", "kind": "restriction", "effect": "prohibit", "until": "2026-07-13T04:00:00Z"},
            {
                "name": "outside-windows",
                "kind": "outside-windows",
                "effect": "prohibit",
                "until": "2026-07-13T04:00:00Z",
            },
        ],
        "next_change": "2026-07-13T04:00:00Z",
        "next_allowed": "2026-07-13T04:00:00Z",
        "next_preferred": "2026-07-14T14:00:00Z",
    }


@pytest.mark.parametrize(
    ("moment", "environment", "code"),
    [
        ("2026-07-07T14:00:00Z", "production", 0),  # preferred
        ("2026-07-07T20:00:00Z", "production", 0),  # allowed
        ("2026-07-07T23:00:00Z", "production", 0),  # discouraged
        ("2026-07-11T16:00:00Z", "production", 3),  # prohibited until Monday
        ("2026-07-11T16:00:00Z", "staging", 1),  # prohibited for more than 400 days
        ("2028-07-11T16:00:00Z", "staging", 3),
    ],
)
def test_the_exit_status_says_yes_no_or_not_yet(
    policy: Path, moment: str, environment: str, code: int
) -> None:
    assert ask(policy, "--at", moment, environment=environment) == code


def test_several_instants_and_standard_input_give_one_line_each(
    policy: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = ["2026-07-07T14:00:00Z", "2026-07-11T16:00:00.500000Z"]
    assert ask(policy, "--json", "--at", *moments) == 0
    listed = capsys.readouterr().out
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(["", *moments, ""])))
    assert ask(policy, "--at", "-") == 0
    assert capsys.readouterr().out == listed
    assert [json.loads(line)["at"] for line in listed.splitlines()] == moments


def test_a_malformed_line_of_standard_input_is_named(
    policy: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("2026-07-07T14:00:00Z\nsoon\n"))
    assert ask(policy, "--at", "-") == 2
    told = capsys.readouterr()
    assert told.out.count("\n") == 1
    assert "line 2: 'soon' is not a time" in told.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--at", "2026-07-07T14:00:00"], "has no offset"),
        (["--at", "2026-07-07"], "is not a time"),
        (["--at", "2026-02-30T14:00:00Z"], "is not a time"),
        (["--at", "1900-01-01T00:00:00Z"], "outside the years"),
        (["--at", "0001-01-01T00:00:00+14:00"], "outside the years"),
        (["--at", "2026-07-07T14:00:00Z", "--service", "chekout"], "did you mean 'checkout'?"),
    ],
)
def test_wrong_usage_is_exit_2_with_a_sentence(
    policy: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(policy, *words) == 2
    assert message in capsys.readouterr().err


def test_an_unknown_environment_and_a_broken_policy_are_exit_2(
    policy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(policy, "--at", "2026-07-07T14:00:00Z", environment="prodution") == 2
    assert "did you mean 'production'?" in capsys.readouterr().err
    policy.write_text(POLICY.replace("TUE-THU", "THU-TUE"))
    assert ask(policy, "--at", "2026-07-07T14:00:00Z") == 2
    assert "policy.yaml:9: calendar.windows.0.start" in capsys.readouterr().err


def test_a_person_reads_local_times(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ask(policy, "--at", "2026-07-11T16:00:00Z")
    told = capsys.readouterr().out
    assert "production, Sat 2026-07-11 12:00:00 EDT: prohibited" in told
    assert "break-glass: possible" in told
    assert "next preferred: Tue 2026-07-14 10:00:00 EDT" in told


def test_a_list_holds_what_is_in_force_in_the_range(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "list",
        "--policy",
        str(policy),
        "--environment",
        "production",
        "--from",
        "2026-07-11",
        "--to",
        "2026-07-12T00:00:00-04:00",
    ]
    assert run(*words) == 0
    assert capsys.readouterr().out.splitlines()[0] == (
        "Sat 2026-07-11 00:00:00 EDT – Mon 2026-07-13 00:00:00 EDT  prohibit   restriction weekend"
    )
    assert run(*words, "--json") == 0
    listed = json.loads(capsys.readouterr().out)
    assert [(each["name"], each["start"], each["end"]) for each in listed] == [
        ("weekend", "2026-07-11T04:00:00Z", "2026-07-13T04:00:00Z"),
        ("evening", "2026-07-11T22:00:00Z", "2026-07-12T04:00:00Z"),
    ]


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        ("2026-07-12", "2026-07-11", "ends before"),
        ("2026-01-01", "2029-01-01", "longer than"),
        ("2026-13-01", "2026-01-01", "not a date"),
    ],
)
def test_a_range_that_cannot_be_listed_is_exit_2(
    policy: Path, start: str, end: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("list", "--policy", policy, "--from", start, "--to", end) == 2
    assert message in capsys.readouterr().err
