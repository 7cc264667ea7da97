"""Whatever goes wrong with a fetched calendar has words, and the words are a sentence."""

import inspect
import re

import pytest

from bot.adapters import failures, ics_feed, ics_trial
from handlers.wording import feeds
from handlers.wording.facts import Facts

pytestmark = pytest.mark.requirement("P6")


def test_every_code_of_the_fetcher_has_words() -> None:
    told = inspect.getsource(ics_feed) + inspect.getsource(ics_trial)
    raised = set(re.findall(r'(?:_Failed|Fetched)\("([a-z-]+)"', told)) | {
        "too-slow",
        "trial-failed",
        "not-a-calendar",
    }
    named = set(re.findall(r"`([a-z-]+)`", failures.code_of.__doc__ or ""))
    assert (raised | named) - {"ok"} <= set(feeds.PROBLEMS)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (
            {"age": None, "problem": "dns"},
            "upstream has never been fetched: there is no host of that name. Nobody",
        ),
        (
            {"age": 90_000, "problem": "http-503"},
            "upstream was last good 1 d 1 h ago: it answers with HTTP 503. Nobody",
        ),
        ({"age": 90_000, "problem": None}, "upstream was last good 1 d 1 h ago. Nobody knows"),
        ({"age": 90_000, "problem": "brand-new"}, "ago: code: brand-new. Nobody knows"),
    ],
)
def test_a_stale_calendar_is_told_with_its_age_and_what_is_wrong(
    facts: dict[str, object], words: str
) -> None:
    assert words in feeds.stale(Facts({"name": "upstream", **facts}))  # type: ignore[dict-item]


def test_a_calendar_that_is_well_again_is_told_by_its_name() -> None:
    assert "freeze upstream is up to date again" in feeds.well(Facts({"name": "upstream"}))
