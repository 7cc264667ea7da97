from datetime import UTC, datetime, timedelta

import pytest

from handlers.wording.blindness import WATCH_NOTICES
from handlers.wording.facts import Facts

NOON = datetime(2026, 11, 10, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("code", WATCH_NOTICES)
@pytest.mark.parametrize(
    "facts",
    [
        {},
        {
            "references": 1,
            "probes": 7,
            "since": NOON.isoformat(),
            "at": (NOON + timedelta(minutes=12)).isoformat(),
        },
        {"references": "x", "probes": None, "since": "yesterday", "at": 5},
    ],
    ids=["nothing", "all", "nonsense"],
)
def test_every_notice_is_a_sentence_with_and_without_its_facts(code: str, facts: dict[str, object]) -> None:
    told = WATCH_NOTICES[code](Facts(facts), str)  # type: ignore[arg-type]

    assert told.startswith("Monitoring ")
    assert told.endswith(".")


def test_a_guess_that_was_wrong_is_said_too() -> None:
    said = WATCH_NOTICES["sees"](Facts({"because": "answered"}), str)
    assert said == (
        "Monitoring does see: Slack or PagerDuty answer, so our network works, and what fails from here on counts."
    )


def test_a_guess_is_said_as_one() -> None:
    assert "guess" in WATCH_NOTICES["blind-guess"](Facts({"probes": 7}), str)
    assert "All 7 probes" in WATCH_NOTICES["blind-guess"](Facts({"probes": 7}), str)
    assert "after 12 min" in WATCH_NOTICES["sees"](
        Facts({"since": NOON.isoformat(), "at": (NOON + timedelta(minutes=12)).isoformat()}), str
    )
