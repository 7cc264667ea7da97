"""The calendar's floor answers the question that the product answers: by hand, and beside the product."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bench.calendar_floor import Answer, answer, listing
from bench.calendar_rules import (
    ALLOW,
    DISCOURAGE,
    ENVIRONMENT,
    PREFER,
    PROHIBIT,
    WORDS,
    YEAR,
    YEAR_BEGINS,
    Row,
    instants,
    policy_text,
    rows,
)
from bot.domain.calendar import Calendar, Verdict
from bot.flows.reload_policy import load_policy

RULES = [
    Row("hours", "0 9 * * MON-FRI", (12, 0), ALLOW),
    Row("best", "0 10 * * TUE", (11, 0), PREFER),
    Row("report", "30 9 * * WED", (9, 40), DISCOURAGE),
    Row("batch", "50 11 * * WED", (13, 0), PROHIBIT),
]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "effect", "change", "allowed"),  # UTC; New York is four hours behind
    [
        ("2026-06-02 13:00", ALLOW, "2026-06-02 14:00", "2026-06-02 13:00"),
        ("2026-06-02 14:00", PREFER, "2026-06-02 15:00", "2026-06-02 14:00"),
        ("2026-06-02 16:00", PROHIBIT, "2026-06-03 13:00", "2026-06-03 13:00"),
        ("2026-06-03 13:30", DISCOURAGE, "2026-06-03 13:40", "2026-06-03 13:40"),
        ("2026-06-03 15:50", PROHIBIT, "2026-06-04 13:00", "2026-06-04 13:00"),  # closed when the batch ends
        ("2026-06-05 15:59", ALLOW, "2026-06-05 16:00", "2026-06-05 15:59"),
        ("2026-06-05 16:00", PROHIBIT, "2026-06-08 13:00", "2026-06-08 13:00"),  # over the weekend
    ],
)
def test_the_floor_answers_as_one_would_by_hand(at: str, effect: int, change: str, allowed: str) -> None:
    assert answer(RULES, utc(at)) == Answer(effect, utc(change), utc(allowed))


def product(folder: Path, rules: list[Row]) -> Calendar:
    (folder / "policy.yaml").write_text(policy_text(rules), encoding="utf-8")
    return load_policy(folder / "policy.yaml").calendar


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_floor_and_the_product_answer_alike(tmp_path: Path, seed: int) -> None:
    rules = rows(40, seed)
    calendar = product(tmp_path, rules)
    words = [Verdict.PREFERRED, Verdict.ALLOWED, Verdict.DISCOURAGED, Verdict.PROHIBITED]
    for at in instants(25, seed):
        found = calendar.at(at, environment=ENVIRONMENT)
        said = Answer(words.index(found.verdict), found.next_change, found.next_allowed)
        assert answer(rules, at) == said


def test_the_floor_lists_what_the_product_lists(tmp_path: Path) -> None:
    rules = rows(30, seed=4)
    end = YEAR_BEGINS + timedelta(days=60)
    occurring = product(tmp_path, rules).occurrences(YEAR_BEGINS, end)
    begun = sorted((each.start, each.end) for each in occurring if each.start >= YEAR_BEGINS)
    assert sorted(listing(rules, YEAR_BEGINS, end)) == begun


def test_the_policy_holds_the_rules_that_the_floor_is_given(tmp_path: Path) -> None:
    rules = rows(200, seed=5)
    read = {rule.name: rule.effect.word for rule in product(tmp_path, rules).rules}
    assert read == {row.name: WORDS[row.effect] for row in rules}
    assert {row.effect for row in rules} == {PREFER, ALLOW, DISCOURAGE, PROHIBIT}


def test_the_rules_and_instants_are_the_same_each_time_and_differ_by_seed() -> None:
    assert rows(50, 1) == rows(50, 1) != rows(50, 2)
    assert instants(50, 1) == instants(50, 1) != instants(50, 2)
    assert all(YEAR_BEGINS <= at < YEAR_BEGINS + YEAR for at in instants(50, 1))
