"""A pytest plugin: collects which tests carry which requirement and, after a full green run, writes
docs/requirements.md from that and tests/requirements.toml."""

import tomllib
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "requirements.md"
SIGNS = {"done": "✓ done", "partly": "◐ partly", "not yet": "○ not yet"}


def declared() -> dict[str, dict[str, str]]:
    """The requirements as declared, in the order of the file."""
    return tomllib.loads((ROOT / "tests" / "requirements.toml").read_text(encoding="utf-8"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Note the carriers; an unknown id is a mistake in the test."""
    known = declared()
    carriers: dict[str, set[str]] = defaultdict(set)
    for item in items:
        for marker in item.iter_markers("requirement"):
            for requirement in marker.args:
                if requirement not in known:
                    raise pytest.UsageError(f"{item.nodeid}: there is no requirement {requirement}")
                carriers[requirement].add(item.nodeid.partition("[")[0])
    config.stash[CARRIERS] = carriers


CARRIERS: pytest.StashKey[dict[str, set[str]]] = pytest.StashKey()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Where several processes run the tests, each has collected all of them: the one that writes the page has not."""
    told: dict[str, list[str]] = getattr(node, "workeroutput", {}).get("carriers", {})
    if told:
        node.config.stash[CARRIERS] = {requirement: set(tests) for requirement, tests in told.items()}


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write the page after a green run of everything."""
    config = session.config
    if hasattr(config, "workerinput"):
        carried = config.stash.get(CARRIERS, {})
        config.workeroutput["carriers"] = {requirement: [*tests] for requirement, tests in carried.items()}
        return
    narrowed = config.option.keyword or config.option.markexpr or getattr(config.option, "lf", False)
    everything = [str(a) for a in config.args] in (["tests"], [str(ROOT / "tests")])
    if exitstatus == 0 and everything and not narrowed:
        PAGE.write_text(page(declared(), config.stash[CARRIERS]), encoding="utf-8")


def page(requirements: dict[str, dict[str, str]], carriers: dict[str, set[str]]) -> str:
    """The page. A claim without a test does not count."""
    lines = [
        "# Requirements and the tests that carry them",
        "",
        "Written by `make test` from the tests' `requirement` markers and `tests/requirements.toml`.",
        "",
        "| | asks for | | missing | tests |",
        "|---|---|---|---|---|",
    ]
    for name, said in requirements.items():
        tests = sorted(carriers.get(name, ()))
        status = (
            said["status"] if tests else "not yet"
        )  # a carrier without a claim is a KeyError: say how far
        rest = said.get("rest", "") if tests else ""
        files = sorted({t.partition("::")[0] for t in tests})
        shown = ", ".join(
            f"[{len([t for t in tests if t.startswith(f + '::')])} in {Path(f).name}](../{f})" for f in files
        )
        lines.append(f"| {name} | {said['title']} | {SIGNS[status]} | {rest} | {shown} |")
    return "\n".join(lines) + "\n"
