"""How a rollback ended, in the words of the thread of the incident that it answers."""

from datetime import datetime
from typing import Any

import pytest

from handlers.wording.facts import Facts
from handlers.wording.incidents import NOTES

pytestmark = pytest.mark.requirement("P17")
USUAL = {"request": "DEP-2", "service": "checkout", "to": "0c4d9aa", "run": "DEP-2/1"}


def line(code: str, **facts: Any) -> str:
    return NOTES[code](Facts({**USUAL, **facts}), str.title, datetime.isoformat)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            line("rollback-live", verified=True, approved_by=["bo"]),
            "DEP-2 is live: checkout 0c4d9aa runs again, approved by Bo.",
        ),
        (line("rollback-live", verified=True), "DEP-2 is live: checkout 0c4d9aa runs again."),
        (
            line("rollback-live", verified=False, approved_by=["bo", "cy"]),
            (
                "DEP-2 ended well by the deployer's word, approved by Bo and Cy: checkout 0c4d9aa should run again, and "
                "nobody could confirm that it runs: look at it."
            ),
        ),
        (
            line("rollback-failed", outcome="exit-3"),
            "DEP-2 failed, so nothing is taken back yet: run DEP-2/1 ended with the code exit-3.",
        ),
        (
            line("rollback-failed", outcome="stopped"),
            "DEP-2 was stopped before anything was called: nothing was taken back.",
        ),
        (
            line("rollback-unresolved", outcome="lost"),
            (
                "Nobody knows what came of DEP-2: run DEP-2/1 ended with the code lost. Look at the environment before "
                "anything else."
            ),
        ),
    ],
)
def test_the_thread_says_how_it_ended(said: str, words: str) -> None:
    assert said == words


def test_green_again_does_not_sound_as_if_nobody_did_anything() -> None:
    assert (
        line("green") == "GREEN again: all monitors pass, so it is over without anybody pressing *Resolve*."
    )
