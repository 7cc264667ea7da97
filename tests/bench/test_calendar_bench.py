"""The calendar's benchmark, in small: it measures both sides, and gives no figure where they disagree."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bench import calendar as bench_calendar
from bench.calendar_rules import YEAR_BEGINS, instants, rows
from bench.processes import Failed
from bot.domain.calendar import Calendar, Effect


@pytest.fixture
def plan(tmp_path: Path) -> bench_calendar.Plan:
    return bench_calendar.Plan(tmp_path, rounds=1, seconds=0.01, lines=30)


def test_a_verdict_is_measured_beside_its_floor(plan: bench_calendar.Plan) -> None:
    figure = bench_calendar.verdict(plan, 10)
    assert (figure.name, len(figure.product), len(figure.floor)) == ("calendar-verdict-10", 1, 1)
    assert figure.ratio > 1


@pytest.mark.parametrize("measure", ["compiling", "freezing", "linting"])
def test_compiling_freezing_and_linting_are_measured(plan: bench_calendar.Plan, measure: str) -> None:
    figure = getattr(bench_calendar, measure)(plan, 10)
    assert figure.unit == "ms"
    assert figure.value > 0


def test_the_command_line_and_its_floor_print_one_object_of_one_shape_for_each_instant(
    plan: bench_calendar.Plan,
) -> None:
    assert bench_calendar.reading(plan).unit == "instants/s"
    assert len((plan.folder / "product.jsonl").read_text(encoding="utf-8").splitlines()) == plan.lines


def test_there_is_no_figure_where_floor_and_product_disagree(tmp_path: Path) -> None:
    other = bench_calendar.compiled(tmp_path, rows(20, seed=1))
    with pytest.raises(Failed, match="the product says"):
        bench_calendar.agree(other, rows(20, seed=2), instants(20, seed=1))


def test_there_is_no_figure_for_a_freeze_that_does_not_hold() -> None:
    with pytest.raises(Failed, match="does not hold"):
        bench_calendar.prohibited(Calendar([], Effect.PROHIBIT), 1)


def test_a_turn_lasts_as_long_as_it_should_and_asks_at_least_twice() -> None:
    asked: list[datetime] = []
    plan = bench_calendar.Plan(Path(), rounds=1, seconds=0.0)
    moments = [YEAR_BEGINS + timedelta(days=n) for n in range(5)]
    assert bench_calendar.each_second(plan, moments, asked.append) > 0
    assert asked[:2] == moments[:2]
