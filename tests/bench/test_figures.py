"""The statistics behind every figure that is quoted."""

import json
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.figures import Aim, Figure, percentile, table, taking_turns

POSITIVE = st.floats(min_value=0.001, max_value=1e6)


def figure(product: tuple[float, ...], floor: tuple[float, ...], aim: Aim | None = None) -> Figure:
    return Figure(name="it", unit="ms", product=product, floor=floor, floor_is="less of it", aim=aim)


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        ([7.0], 50, 7.0),
        ([7.0], 99, 7.0),
        ([1.0, 2.0, 3.0, 4.0], 50, 2.0),
        (list(range(1, 101)), 99, 99),
        (list(range(1, 1001)), 99, 990),
        ([3.0, 1.0, 2.0], 100, 3.0),
    ],
)
def test_percentile_is_the_nearest_rank(values: list[float], percent: float, expected: float) -> None:
    assert percentile(values, percent) == expected


@given(st.lists(POSITIVE, min_size=1), st.floats(min_value=0.1, max_value=100))
def test_percentile_was_really_measured_and_that_many_are_not_above_it(values: list[float], p: float) -> None:
    found = percentile(values, p)
    assert found in values
    assert sum(v <= found for v in values) >= len(values) * p / 100 - 1e-9


@pytest.mark.parametrize("percent", [0, -1, 100.1])
def test_there_is_no_percentile_outside_its_range(percent: float) -> None:
    with pytest.raises(ValueError, match="percentile"):
        percentile([1.0], percent)


def test_there_is_no_percentile_of_nothing() -> None:
    with pytest.raises(ValueError, match="percentile"):
        percentile([], 50)


@given(st.lists(st.tuples(POSITIVE, POSITIVE), min_size=1, max_size=9))
def test_a_ratio_is_that_of_the_medians(pairs: list[tuple[float, float]]) -> None:
    product, floor = zip(*pairs, strict=True)
    found = figure(product, floor)
    assert found.ratio == median(product) / median(floor)
    assert len(found.ratios) == len(pairs)


@pytest.mark.parametrize(
    ("product", "floor"),
    [((), ()), ((1.0,), (1.0, 2.0)), ((0.0,), (1.0,)), ((1.0,), (float("nan"),)), ((float("inf"),), (1.0,))],
)
def test_a_figure_without_a_measurement_in_every_round_does_not_exist(
    product: tuple[float, ...], floor: tuple[float, ...]
) -> None:
    with pytest.raises(ValueError, match="it:"):
        figure(product, floor)


def test_a_result_has_exactly_the_five_keys_that_are_agreed_on() -> None:
    line = json.loads(json.dumps(figure((30.0, 10.0, 20.0), (10.0, 10.0, 10.0)).as_json()))
    assert line == {"name": "it", "value": 20.0, "unit": "ms", "floor": 10.0, "ratio": 2.0}


@given(st.lists(st.text(min_size=1), min_size=1, max_size=4, unique=True), st.integers(1, 12))
def test_everybody_is_measured_once_a_round(names: list[str], rounds: int) -> None:
    turns = taking_turns(names, rounds)
    assert len(turns) == rounds
    assert all(sorted(turn) == sorted(names) for turn in turns)


def test_nobody_is_always_first() -> None:
    assert [turn[0] for turn in taking_turns(["a", "b", "c"], 6)] == ["a", "b", "c"] * 2


@pytest.mark.parametrize(
    ("aim", "ratio", "met"),
    [
        (Aim(0.7, at_least=True), 0.7, True),
        (Aim(0.7, at_least=True), 0.69, False),
        (Aim(2, at_least=False), 2.0, True),
        (Aim(2, at_least=False), 2.01, False),
    ],
)
def test_an_aim_is_a_least_throughput_or_a_most_time(aim: Aim, ratio: float, met: bool) -> None:
    assert aim.met(ratio) is met


def test_the_table_shows_medians_ranges_and_whether_the_aim_is_met() -> None:
    shown = table(
        [
            figure((5.0, 4.0, 9.0), (2.0, 2.0, 2.0), Aim(2, at_least=False)),
            figure((1.0,), (2.0,), Aim(2, at_least=False)),
        ]
    )
    _, missed, met = shown.splitlines()
    assert "5 [4-9] ms" in missed
    assert "2.5 [2-4.5]" in missed
    assert "≤ 2 MISSED" in missed
    assert "≤ 2 met" in met
