"""Every code that a monitor can have is a sentence, with what is known and without what is not."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import JsonValue

from handlers.wording.colours import cause

ROOT = Path(__file__).resolve().parents[3]
SOURCES = (
    "adapters/*_monitor.py",
    "adapters/health_contract.py",
    "adapters/failures.py",
    "adapters/probes.py",
    "adapters/captured_process.py",
    "flows/alerts.py",
    "flows/told.py",
    "flows/colours.py",
    "jobs/reference.py",
)


@pytest.mark.requirement("K4")
@pytest.mark.parametrize(
    ("code", "facts", "said"),
    [
        ("http-503", {"expected": 200}, "answered 503, not 200"),
        ("http-503", {}, "answered 503"),
        (
            "exit-3",
            {"last_line": "2 of 9 checks failed"},
            "ended with exit status 3 (“2 of 9 checks failed”)",
        ),
        ("exit-3", {}, "ended with exit status 3"),
        ("signal-9", {}, "was ended by signal 9"),
        ("out-of-bounds", {"value": 0.07, "above": 0.05}, "is out of its bounds (0.07, above 0.05)"),
        ("out-of-bounds", {}, "is out of its bounds"),
        (
            "tls-expires",
            {"certificate_until": "2026-12-01T00:00:00+00:00"},
            "has a TLS certificate that is over soon (on 1 Dec 2026)",
        ),
        ("tls-expired", {"certificate_until": "soon"}, "has a TLS certificate that is over"),
        (
            "check-missing",
            {"missing": ["database"]},
            "leaves out a check that it has to report (database)",
        ),
        (
            "check-failed",
            {"failed": ["database", "pioneer"]},
            "reports failing checks (database and pioneer)",
        ),
        ("alerts", {"failed": ["HighErrors", "DiskFull"]}, "reports HighErrors and DiskFull"),
        ("alerts", {}, "has alerts that fire"),
        (
            "never-ended",
            {"failed": ["Down"], "told_at": "2026-11-10T15:00:01+00:00"},
            "heard last of Down at 10 Nov, 15:00 UTC, and never that it ended; if it did, resolve an incident here",
        ),
        ("never-ended", {}, "has alerts that ceased to be repeated, and was never told that they ended"),
        ("something-new", {}, "says something-new"),
    ],
)
def test_a_cause_is_a_sentence(code: str, facts: Mapping[str, JsonValue], said: str) -> None:
    assert cause(code, facts) == said


def test_every_code_that_is_given_out_has_words_of_its_own() -> None:
    given = set()
    for pattern in SOURCES:
        for path in (ROOT / "bot").glob(pattern):
            text = path.read_text("utf-8")
            given |= set(re.findall(r'Colour\.[A-Z]+, "([a-z-]+)"', text))
            given |= set(re.findall(r'code="([a-z-]+)"', text))
            given |= set(re.findall(r'(?:_NoAnswer|_Failed)\("([a-z-]+)"', text))
            if path.name in ("failures.py", "captured_process.py"):
                given |= set(re.findall(r'return "([a-z-]+)"', text))
    given -= {"unfinished", "http"}
    assert len(given) > 25
    assert [code for code in sorted(given) if cause(code, {}).startswith("says ")] == []
