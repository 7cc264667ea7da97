"""What counts as the sample of a ratio: its divisor, counted; and nothing where that is not certain."""

import pytest

from bot.policy.environments import Analysis
from bot.policy.problems import PolicyError
from bot.policy.promql import counted_divisor

pytestmark = pytest.mark.requirement("F5")
OF_THE_CONTRACT = 'sum(rate(http_requests_total{code=~"5.."}[5m]))/sum(rate(http_requests_total[5m]))'


@pytest.mark.parametrize(
    ("query", "sample"),
    [
        (OF_THE_CONTRACT, "sum(increase(http_requests_total[5m]))"),
        ("100 * sum(rate(a[5m])) / sum(rate(b[1m]))", "sum(increase(b[1m]))"),
        ('rate(a[5m]) / rate(b{path="/rate(x"}[5m])', 'increase(b{path="/rate(x"}[5m])'),
        (
            "sum(rate(a[5m])) / (sum(rate(b[5m])) + sum(rate(c[5m])))",
            "(sum(increase(b[5m])) + sum(increase(c[5m])))",
        ),
        ("histogram_quantile(0.99, sum by (le) (rate(a[5m])))", None),
        ("sum(rate(a[5m]))", None),
        ("a / b", None),
        ("rate(a[5m]) / rate(b[5m]) * 100", None),
        ("1 - rate(a[5m]) / rate(b[5m])", None),
        ("rate(a[5m]) / rate(b[5m]) > 0", None),
        ("rate(a[5m]) / rate(b[5m]) or vector(0)", None),
        ("rate(a[5m]) / on(pod) rate(b[5m])", None),
        ("rate(a[5m]) / irate(b[5m])", None),
        ("(rate(a[5m]) / rate(b[5m]))", None),
        ("rate(a[5m]) / rate(b[5m]", None),
        ("rate(a[5m])) / rate(b[5m])", None),
        ("rate(a[5m]) / rate(b[5m]) # and more / rate(c[5m])", None),
    ],
)
def test_the_divisor_is_counted_where_the_query_is_a_ratio_of_rates(query: str, sample: str | None) -> None:
    assert counted_divisor(query) == sample


def test_a_minimum_needs_something_to_count() -> None:
    of_ratio = Analysis(name="errors", query=OF_THE_CONTRACT, fail_above=0.05, minimum_sample=100)
    assert of_ratio.sample_query == "sum(increase(http_requests_total[5m]))"
    own = Analysis(name="p99", query="p99", fail_above=1, minimum_sample=5, sample="sum(b)")
    assert own.sample_query == "sum(b)"
    assert Analysis(name="errors", query=OF_THE_CONTRACT, fail_above=1).sample_query is None


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"minimum_sample": 5}, "minimum_sample needs `sample`"),
        ({"sample": "sum(b)"}, "there is none"),
        ({"fail_above": float("nan")}, "finite"),
        ({"fail_above": float("inf")}, "finite"),
        ({"fail_above_baseline": 0}, "greater"),
        ({"fail_above_baseline": float("inf")}, "finite"),
    ],
)
def test_what_cannot_be_judged_is_refused_when_the_policy_is_read(wrong: dict[str, object], why: str) -> None:
    with pytest.raises((ValueError, PolicyError), match=why):
        Analysis.model_validate({"name": "p99", "query": "p99", "fail_above": 1.0, **wrong})
