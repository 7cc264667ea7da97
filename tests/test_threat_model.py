"""The table of docs/threat-model.md is honest: each of its tests exists, and no attack test is missing from it."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "threat-model.md"
NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(test_\w+))?`")
COLUMNS = 3


def rows() -> list[list[str]]:
    """The cells of every row of every table whose head says threat, countermeasure, test."""
    found: list[list[str]] = []
    inside = False
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            inside = False
        elif cells == ["threat", "countermeasure", "test"]:
            inside = True
        elif inside and set(line) - set("|- :"):
            found.append(cells)
    return found


@cache
def names_in(path: str) -> frozenset[str]:
    """The names of the tests in a file, without importing it."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    nodes = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(n.name for n in tree.body if isinstance(n, nodes) and n.name.startswith("test_"))


ROWS = rows()


def test_there_is_a_table() -> None:
    assert len(ROWS) > 30


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:60])
def test_every_threat_has_a_countermeasure_and_tests_that_exist(row: list[str]) -> None:
    assert len(row) == COLUMNS, row
    threat, countermeasure, tests = row
    assert threat
    assert countermeasure
    named = NAMED.findall(tests)
    assert named, f"no test: {threat}"
    for path, name in named:
        assert (ROOT / path).is_file(), path
        assert name, f"{path}: say which test"
        assert name in names_in(path), f"{path} has no {name}"
    assert not NAMED.sub("", tests).strip(" ,;·"), "the last column holds tests and nothing else"


def test_every_attack_stands_in_the_table() -> None:
    named = {(path, name) for row in ROWS for path, name in NAMED.findall(row[2])}
    files = sorted((ROOT / "tests" / "attacks").rglob("test_*.py"))
    assert files
    there = {(str(p.relative_to(ROOT)), t) for p in files for t in names_in(str(p.relative_to(ROOT)))}
    assert there - named == set()
