"""Every refusal that can be raised has a sentence; whatever its facts are, a sentence comes out."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from bot.domain.refusal import Refusal
from handlers.wording.refusals import SENTENCES, sentence

ROOT = Path(__file__).resolve().parents[3]
RAISED = re.compile(r'Refusal\(\s*"([a-z-]+)"')
NAMED = re.compile(r'\bknown\(\s*"([a-z-]+)"')
FAILED = re.compile(r'_failed\([^)]*"([a-z-]+)"\)')


def raised() -> set[str]:
    """The codes in the source of every flow and handler."""
    found: set[str] = set()
    for folder in ("bot", "handlers"):
        for path in (ROOT / folder).rglob("*.py"):
            text = path.read_text()
            found |= set(RAISED.findall(text)) | set(FAILED.findall(text))
            found |= {f"unknown-{kind}" for kind in NAMED.findall(text)}
    return found


def test_the_source_is_searched() -> None:
    assert {"own-request", "unknown-service", "bad-code", "unknown-key"} <= raised()


def test_every_code_that_is_raised_has_a_sentence() -> None:
    assert sorted(raised() - set(SENTENCES)) == []


def test_a_code_without_a_sentence_shows_itself() -> None:
    said = sentence(Refusal("brand-new-code"))
    assert "brand-new-code" in said
    assert "nothing was changed" in said


@pytest.mark.parametrize("code", sorted(SENTENCES))
def test_a_sentence_stands_even_without_facts(code: str) -> None:
    said = sentence(Refusal(code))
    assert said[0].isupper() or said[0] in "“?"
    assert said.rstrip("”").endswith((".", "?"))
    assert "None" not in said


FACTS = st.dictionaries(
    st.sampled_from(
        ["name", "meant", "known", "request", "by", "state", "roles", "unanswered", "at", "left", "minutes"]
    ),
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=30)
    | st.lists(st.text(max_size=9), max_size=3),
)


@given(st.sampled_from(sorted(SENTENCES)), FACTS)
def test_no_facts_break_a_sentence(code: str, facts: dict[str, JsonValue]) -> None:
    assert sentence(Refusal(code, facts))


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (
            Refusal("unknown-service", {"name": "chekout", "meant": "checkout", "known": ["checkout"]}),
            "There is no service “chekout” in the policy. Did you mean “checkout”?",
        ),
        (
            Refusal(
                "unknown-environment", {"name": "moon", "meant": None, "known": ["production", "staging"]}
            ),
            "There is no environment “moon” in the policy. It has these environments: production and staging.",
        ),
        (
            Refusal("no-seat", {"roles": ["platform-lead", "release-manager"], "unanswered": []}),
            "This takes somebody who is platform-lead or release-manager, and you are not. One of them can do it.",
        ),
        (
            Refusal("wrong-code", {"left": 1, "minutes": 15}),
            "That code is wrong. One try is left. Codes change every 30 seconds.",
        ),
        (
            Refusal("wrong-code", {"left": 0, "minutes": 15}),
            (
                "That code is wrong. That was the last try: approving is locked for you for 15 minutes, nothing else is. "
                "Codes change every 30 seconds."
            ),
        ),
        (
            Refusal("already-asked", {"request": "DEP-7", "by": "lin", "state": "awaiting-approval"}),
            (
                "LIN asked for the same already: DEP-7, which waits for approval. "
                "Follow that one, or have it cancelled first (/deploy cancel DEP-7)."
            ),
        ),
        (
            Refusal("start-in-the-past", {"at": "2026-03-02T10:00:00+00:00"}),
            "The start 2026-03-02T10:00:00Z is over. Name a later one, or leave at= out to start as soon as it may.",
        ),
    ],
)
def test_a_refusal_says_what_why_and_what_next(refusal: Refusal, said: str) -> None:
    assert sentence(refusal, names=str.upper) == said
