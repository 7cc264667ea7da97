"""The rule: what is beyond a bound, what is not, and what nobody can conclude anything from."""

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.analysis import Answer, Bounds, Figures, Verdict, judged, worst

pytestmark = pytest.mark.requirement("F5")
ABSOLUTE = Bounds(name="errors", warn_above=0.01, fail_above=0.05)
RELATIVE = Bounds(name="p99", warn_above_baseline=1.1, fail_above_baseline=2)
BOTH = Bounds(name="both", fail_above=5, warn_above_baseline=1.1, fail_above_baseline=2)
SAMPLED = Bounds(name="errors", fail_above=0.05, minimum_sample=100)
NONE = Answer()


def said(bounds: Bounds, value: Answer | float, **more: Any) -> tuple[str, str]:
    figures = {
        name: Answer((each,)) if isinstance(each, float | int) else each for name, each in more.items()
    }
    number = value if isinstance(value, Answer) else Answer((value,))
    found = judged(bounds, Figures(value=number, **figures))
    return found.verdict.value, found.code


@pytest.mark.parametrize(
    ("bounds", "value", "more", "expected"),
    [
        (ABSOLUTE, 0.0, {}, ("pass", "within")),
        (ABSOLUTE, 0.01, {}, ("pass", "within")),
        (ABSOLUTE, 0.011, {}, ("warn", "above")),
        (ABSOLUTE, 0.05, {}, ("warn", "above")),
        (ABSOLUTE, 0.06, {}, ("fail", "above")),
        (RELATIVE, 0.2, {"baseline": 0.2}, ("pass", "within")),
        (RELATIVE, 0.23, {"baseline": 0.2}, ("warn", "above-baseline")),
        (RELATIVE, 0.4, {"baseline": 0.2}, ("warn", "above-baseline")),
        (RELATIVE, 0.61, {"baseline": 0.2}, ("fail", "above-baseline")),
        (RELATIVE, 0.2, {}, ("unknown", "baseline-missing")),
        (RELATIVE, 0.2, {"baseline": NONE}, ("unknown", "baseline-missing")),
        (RELATIVE, 0.2, {"baseline": math.nan}, ("unknown", "baseline-missing")),
        (RELATIVE, 0.2, {"baseline": math.inf}, ("unknown", "baseline-missing")),
        (RELATIVE, 0.2, {"baseline": Answer((1.0, 2.0))}, ("unknown", "baseline-missing")),
        (RELATIVE, 0.2, {"baseline": 0.0}, ("unknown", "baseline-zero")),
        (RELATIVE, 0.0, {"baseline": 0.0}, ("pass", "within")),
        (RELATIVE, 0.2, {"baseline": -1.0}, ("unknown", "baseline-zero")),
        (BOTH, 0.2, {"baseline": 0.0}, ("pass", "within")),
        (BOTH, 6.0, {"baseline": 0.0}, ("fail", "above")),
        (BOTH, 6.0, {"baseline": NONE}, ("fail", "above")),
        (BOTH, 4.0, {"baseline": NONE}, ("unknown", "baseline-missing")),
        (BOTH, 3.0, {"baseline": 1.0}, ("fail", "above-baseline")),
        (ABSOLUTE, math.nan, {}, ("unknown", "not-a-number")),
        (ABSOLUTE, math.inf, {}, ("unknown", "not-a-number")),
        (ABSOLUTE, -math.inf, {}, ("unknown", "not-a-number")),
        (ABSOLUTE, NONE, {}, ("unknown", "no-data")),
        (ABSOLUTE, Answer((0.0, 9.0)), {}, ("unknown", "several-series")),
        (ABSOLUTE, Answer(problem="bad-query"), {}, ("unknown", "bad-query")),
        (SAMPLED, 0.9, {"sample": 99}, ("unknown", "too-few")),
        (SAMPLED, 0.9, {"sample": 100}, ("fail", "above")),
        (SAMPLED, 0.0, {"sample": 100}, ("pass", "within")),
        (SAMPLED, 0.9, {}, ("unknown", "sample-missing")),
        (SAMPLED, 0.9, {"sample": math.nan}, ("unknown", "sample-missing")),
        (SAMPLED, 0.0, {"sample": NONE}, ("unknown", "sample-missing")),
    ],
)
def test_figures_are_held_against_their_bounds(
    bounds: Bounds, value: Answer | float, more: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert said(bounds, value, **more) == expected


def test_a_finding_says_its_figures_as_people_read_them() -> None:
    found = judged(
        RELATIVE, Figures(value=Answer((0.6123456,)), baseline=Answer((0.2,)), sample=Answer((12345,)))
    )
    assert (found.value, found.baseline, found.sample, found.limit) == ("0.6123", "0.2", "1.234e+04", "2")


def test_an_answer_with_numbers_and_a_problem_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="or the reason"):
        Answer((1.0,), "no-data")


def test_nothing_to_look_at_is_not_known() -> None:
    assert worst([]) is Verdict.UNKNOWN
    assert worst([Verdict.PASS, Verdict.UNKNOWN, Verdict.WARN]) is Verdict.UNKNOWN
    assert worst([Verdict.UNKNOWN, Verdict.FAIL]) is Verdict.FAIL


ANY = st.floats(allow_nan=True, allow_infinity=True)
ANSWERS = st.one_of(
    st.lists(ANY, max_size=3).map(lambda values: Answer(tuple(values))),
    st.sampled_from(["no-data", "bad-query", "prometheus-unreachable"]).map(
        lambda code: Answer(problem=code)
    ),
)
LIMIT = st.one_of(st.none(), st.floats(min_value=0.001, max_value=1e6))


@st.composite
def bounds_of(draw: st.DrawFn) -> Bounds:
    warn, fail, times, more = (draw(LIMIT) for _ in range(4))
    low = None if warn is None or fail is None else min(warn, fail)
    return Bounds(
        name="x",
        warn_above=low if low is not None else warn,
        fail_above=fail if low is None else max(warn or 0, fail or 0),
        warn_above_baseline=times,
        fail_above_baseline=None if times is None or more is None else max(times, more),
        minimum_sample=draw(st.integers(min_value=0, max_value=1000)),
    )


@given(bounds_of(), ANSWERS, st.one_of(st.none(), ANSWERS), st.one_of(st.none(), ANSWERS))
def test_nothing_passes_or_fails_without_one_finite_number_and_enough_of_it(
    bounds: Bounds, value: Answer, baseline: Answer | None, sample: Answer | None
) -> None:
    found = judged(bounds, Figures(value=value, baseline=baseline, sample=sample))
    if found.verdict in (Verdict.PASS, Verdict.FAIL, Verdict.WARN):
        assert value.wrong is None
        assert found.value is not None
        if bounds.minimum_sample:
            assert sample is not None
            assert sample.values[0] >= bounds.minimum_sample
    if found.verdict is Verdict.FAIL:
        limits = [
            limit
            for limit in (
                bounds.fail_above,
                None
                if bounds.fail_above_baseline is None or baseline is None or baseline.wrong is not None
                else bounds.fail_above_baseline * max(baseline.values[0], 0),
            )
            if limit is not None
        ]
        assert value.values[0] > min(limits)


@given(st.floats(min_value=-1e9, max_value=1e9), st.floats(min_value=0, max_value=1e9), bounds_of())
def test_more_is_never_better(value: float, more: float, bounds: Bounds) -> None:
    fixed = {"baseline": Answer((1.0,)), "sample": Answer((1e9,))}
    low = judged(bounds, Figures(value=Answer((value,)), **fixed))
    high = judged(bounds, Figures(value=Answer((value + more,)), **fixed))
    assert high.verdict.rank >= low.verdict.rank


@given(ANSWERS)
def test_without_enough_requests_the_value_does_not_matter(value: Answer) -> None:
    few = Answer((3.0,))
    found = judged(replace(ABSOLUTE, minimum_sample=100), Figures(value=value, sample=few))
    assert found.verdict is Verdict.UNKNOWN
