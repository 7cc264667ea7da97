"""`portcullis calendar list`: a table that a person reads, the same as JSON, and ranges that cannot be listed."""

from pathlib import Path
from typing import Any

import pytest

POLICY = (Path(__file__).parent / "contract_instants" / "every_kind.yaml").read_text(encoding="utf-8")


@pytest.fixture
def policy(host: Any) -> Path:
    path: Path = host.folder / "policy.yaml"
    path.write_text(POLICY)
    return path


def ask(host: Any, start: str, end: str, *words: str) -> Any:
    return host.call("calendar", "list", "--from", start, "--to", end, *words)


def test_a_list_holds_what_is_in_force_in_the_range_aligned(host: Any, policy: Path) -> None:
    ended = ask(host, "2026-07-11", "2026-07-13T00:00:00-04:00", "--environment", "production")
    assert ended.status == 0
    assert ended.out.splitlines() == [
        "Sat 2026-07-11 00:00 EDT – Mon 2026-07-13 00:00 EDT  prohibit    restriction  weekend",
        "Sat 2026-07-11 18:00 EDT – Sun 2026-07-12 00:00 EDT  discourage  restriction  evening",
        "Sun 2026-07-12 18:00 EDT – Mon 2026-07-13 00:00 EDT  discourage  restriction  evening",
    ]
    assert "declared in Slack are not included" in ended.err


def test_without_an_environment_every_rule_is_listed_with_its_place(host: Any, policy: Path) -> None:
    lines = ask(host, "2026-07-14", "2026-07-15", "--kind", "freeze").out.splitlines()
    assert lines == [
        "Thu 2026-01-01 00:00:00 EST – Mon 2029-01-01 00:00:00 EST  prohibit  freeze  closed     staging",
        "Tue 2026-07-14 12:00:30 EDT – Wed 2026-07-15 00:00:00 EDT  prohibit  freeze  migration  checkout in everywhere  New schema",
    ]


def test_the_json_says_the_same(host: Any, policy: Path) -> None:
    listed = ask(host, "2026-07-14", "2026-07-15", "--kind", "freeze", "--kind", "restriction", "--json")
    assert listed.err == ""
    assert listed.json == [
        {
            "name": "closed",
            "kind": "freeze",
            "effect": "prohibit",
            "start": "2026-01-01T05:00:00Z",
            "end": "2029-01-01T05:00:00Z",
            "environments": ["staging"],
            "services": None,
            "break_glass": False,
            "reason": None,
        },
        {
            "name": "migration",
            "kind": "freeze",
            "effect": "prohibit",
            "start": "2026-07-14T16:00:30Z",
            "end": "2026-07-15T04:00:00Z",
            "environments": None,
            "services": ["checkout"],
            "break_glass": False,
            "reason": "New schema",
        },
        {
            "name": "evening",
            "kind": "restriction",
            "effect": "discourage",
            "start": "2026-07-14T22:00:00Z",
            "end": "2026-07-15T04:00:00Z",
            "environments": ["production"],
            "services": None,
            "break_glass": False,
            "reason": None,
        },
    ]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["--service", "web"], {"closed", "standard", "weekdays", "evening"}),
        (["--service", "checkout"], {"closed", "standard", "weekdays", "evening", "migration"}),
        (["--environment", "staging"], {"closed"}),
        (["--environment", "staging", "--service", "checkout"], {"closed", "migration"}),
        (["--kind", "window"], {"standard", "weekdays"}),
        (["--kind", "holiday"], set()),
    ],
)
def test_a_list_can_be_narrowed(host: Any, policy: Path, words: list[str], names: set[str]) -> None:
    ended = ask(host, "2026-07-14", "2026-07-15", *words, "--json")
    assert {each["name"] for each in ended.json} == names


@pytest.mark.parametrize("as_json", [False, True])
def test_an_empty_result_says_so_beside_the_output(host: Any, policy: Path, *, as_json: bool) -> None:
    words = ["--kind", "holiday", *(["--json"] if as_json else [])]
    ended = ask(host, "2026-07-14", "2026-07-15", *words)
    assert (ended.status, ended.out) == (0, "[]\n" if as_json else "")
    assert "nothing is in force from Tue 2026-07-14 00:00:00 EDT to Wed 2026-07-15 00:00:00 EDT" in ended.err


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        ("2026-07-12", "2026-07-11", "ends before"),
        ("2026-01-01", "2029-01-01", "longer than"),
        ("2026-13-01", "2026-01-01", "not a date"),
        ("2026-02-29", "2026-03-01", "not a date"),
        ("tomorrow", "2026-03-01", "not a time"),
        ("2026-07-12T00:00", "2026-07-13", "no offset"),
        ("1900-01-01", "1900-01-02", "outside the years"),
        ("0001-01-01", "2026-03-01", "outside the years"),
        ("2026-03-01", "9999-12-31", "outside the years"),
        ("2026-03-01", "9999-12-31T23:59:59-12:00", "outside the years"),
    ],
)
def test_a_range_that_cannot_be_listed_is_exit_2(
    host: Any, policy: Path, start: str, end: str, message: str
) -> None:
    ended = ask(host, start, end)
    assert (ended.status, ended.out) == (2, "")
    assert message in ended.err


def test_a_freeze_to_the_year_9999_is_listed_without_an_end(host: Any, policy: Path) -> None:
    name = "closed"
    (line,) = (each for each in POLICY.splitlines() if f"name: {name}," in each)
    policy.write_text(POLICY.replace(line, line.replace("2029-01-01", "9999-12-31")))
    ended = ask(host, "2090-07-14", "2090-07-15", "--kind", "freeze", "--environment", "staging")
    assert ended.out.startswith("Thu 2026-01-01 00:00 EST – until lifted")


def test_an_unknown_kind_is_exit_2(host: Any, policy: Path) -> None:
    assert ask(host, "2026-07-12", "2026-07-13", "--kind", "holidays").status == 2
