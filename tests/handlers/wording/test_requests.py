from dataclasses import replace

import pytest

from bot.domain.change_request import RequestState, Start
from bot.domain.deployment import RunState
from handlers.wording.deployer import deployer_said
from handlers.wording.requests import SIGNS, STATE_WORDS, headline
from handlers.wording.times import utc
from tests.handlers.slack.examples import BLOCKED, EVERY_STATE, NOW, READY, WAITING, request


def test_every_state_has_a_sign_and_words() -> None:
    assert set(SIGNS) == set(STATE_WORDS) == set(RequestState)


@pytest.mark.parametrize("name", EVERY_STATE)
def test_every_state_has_a_headline(name: str) -> None:
    shown = headline(EVERY_STATE[name], now=NOW, when=utc, names=str)
    assert shown.sign
    assert shown.word
    assert shown.text
    assert "None" not in shown.text


@pytest.mark.parametrize(
    ("state", "readiness", "start", "said"),
    [
        ("awaiting-approval", READY, Start(), "starts at once with the last approval"),
        (
            "awaiting-approval",
            WAITING,
            Start(),
            (
                "starts no earlier than 2026-11-10T15:00:00Z (in 38 min); approved sooner, "
                "it waits for somebody to press Start"
            ),
        ),
        (
            "awaiting-approval",
            WAITING,
            Start(mode="next"),
            "starts by itself 2026-11-10T15:00:00Z (in 38 min), if it is approved by then",
        ),
        ("awaiting-approval", BLOCKED, Start(), "nothing starts while a gate is blocked or unknown"),
        ("approved", READY, Start(), "every gate passes: the requester or an approver can press Start"),
        (
            "approved",
            WAITING,
            Start(),
            "can be started from 2026-11-10T15:00:00Z (in 38 min); the requester is told then",
        ),
        ("approved", WAITING, Start(mode="next"), "starts by itself 2026-11-10T15:00:00Z (in 38 min)"),
        (
            "approved",
            replace(WAITING, earliest=None),  # a warning without a reason is in the way by then
            Start(mode="next"),
            "starts by itself as soon as every gate passes, no earlier than 2026-11-10T15:00:00Z (in 38 min)",
        ),
    ],
)
def test_what_happens_next_is_said(state: str, readiness: object, start: Start, said: str) -> None:
    asked = replace(request(state=RequestState(state), start=start), readiness=readiness)  # type: ignore[arg-type]
    assert headline(asked, now=NOW, when=utc, names=str).text == said


def test_how_a_deployer_ended_is_said_in_words() -> None:
    assert deployer_said("exit-0") == "the deployer finished"
    assert deployer_said("exit-3") == "the deployer failed with exit status 3"
    assert deployer_said("signal-9") == "the deployer was killed by signal 9"
    assert "time limit" in deployer_said("timed-out")
    assert deployer_said("raised-OSError") == "the deployer ended with the code raised-OSError"
    assert RunState.LOST == "lost"
    assert "nobody" not in deployer_said("lost")
