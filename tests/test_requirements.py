"""The table of requirements is honest: nothing is called done that no test carries."""

import pytest

from tests.requirements_report import CARRIERS, declared, page


def test_what_is_claimed_is_carried_by_a_test_and_the_other_way_round(request: pytest.FixtureRequest) -> None:
    carriers = request.config.stash[CARRIERS]
    if [str(a).rstrip("/").rpartition("/")[2] for a in request.config.args] != ["tests"]:
        pytest.skip("only a run of all tests knows all carriers")
    claimed = {name for name, said in declared().items() if "status" in said}
    assert claimed ^ set(carriers) == set()


def test_partly_says_what_is_missing() -> None:
    silent = [n for n, s in declared().items() if s.get("status") == "partly" and not s.get("rest")]
    assert silent == []


def test_a_claim_without_a_test_is_shown_as_not_yet() -> None:
    shown = page({"P1": {"title": "x", "status": "done"}}, {})
    assert "○ not yet" in shown
    assert "✓ done" not in shown
