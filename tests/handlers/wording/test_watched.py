"""Every finding, phase and reason has words; none of them shows a code or markup that somebody else wrote."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.analysis import Finding, Verdict
from bot.domain.artifact import Artifact
from bot.domain.deployment import Run, RunState
from bot.domain.verification import EndedPhase, Look, PlannedPhase, TakenBack, Verification, WatchState
from handlers.wording import watched
from handlers.wording.facts import Facts

pytestmark = pytest.mark.requirement("P15")
AT = datetime(2026, 11, 10, 15, 0, tzinfo=UTC)
RUN = Run(
    id="DEP-1/1",
    request="DEP-1",
    service="checkout",
    environment="production",
    artifact=Artifact("7a3f9c2"),
    rollback_target=None,
    state=RunState.SUCCEEDED,
    intended_at=AT,
    reached=100,
)
PHASES = (
    PlannedPhase(name="immediate", ends_at=AT + timedelta(minutes=5), checks=("errors",)),
    PlannedPhase(name="extended", ends_at=AT + timedelta(minutes=30), checks=("errors",)),
)
HIGH = Finding(name="errors", verdict=Verdict.FAIL, code="above", value="0.06", limit="0.05")


def when(at: datetime) -> str:
    return f"{at:%H:%M}"


@pytest.mark.parametrize(
    ("finding", "words"),
    [
        (HIGH, "errors is 0.06, above 0.05"),
        (
            Finding(
                name="p99",
                verdict=Verdict.FAIL,
                code="above-baseline",
                value="0.61",
                baseline="0.2",
                limit="2",
            ),
            "p99 is 0.61, more than 2 × the 0.2 of before the deployment",
        ),
        (
            Finding(name="errors", verdict=Verdict.UNKNOWN, code="too-few", sample="12", limit="100"),
            "errors is made of 12 requests, and it takes 100",
        ),
        (
            Finding(name="errors", verdict=Verdict.UNKNOWN, code="no-data"),
            "errors: Prometheus has no data for it",
        ),
        (Finding(name="health", verdict=Verdict.FAIL, code="red", about="api"), "health: RED (api)"),
        (Finding(name="x", verdict=Verdict.UNKNOWN, code="new-code"), "x: unknown (new-code)"),
    ],
)
def test_a_finding_says_what_it_is_and_against_what(finding: Finding, words: str) -> None:
    assert watched.said([finding]) == words


def test_the_card_says_which_phase_is_on_and_which_passed() -> None:
    one = EndedPhase(name="immediate", at=AT, verdict=Verdict.PASS)
    first = replace(RUN, verification=Verification(phases=PHASES))
    second = replace(RUN, verification=Verification(phases=PHASES, ended=(one,)))
    done = replace(
        RUN,
        verification=Verification(
            phases=PHASES, ended=(one, replace(one, name="extended")), state=WatchState.PASSED
        ),
    )
    assert watched.live(first, when) == ["Watched: phase 1 of 2, immediate, until 15:05"]
    assert watched.live(second, when) == ["Watched: phase 2 of 2, extended, until 15:30 · ✓ immediate 15:00"]
    assert watched.live(done, when) == ["✓ Verified · ✓ immediate 15:00 · ✓ extended 15:00"]


def test_the_card_says_what_doubt_there_is_and_what_took_it_back() -> None:
    warned = replace(HIGH, verdict=Verdict.WARN, limit="0.01")
    look = Look(at=AT, percent=100, findings=(warned,))
    doubted = replace(RUN, verification=Verification(phases=PHASES, look=look))
    assert watched.live(doubted, when)[0].endswith("· ⚠ errors is 0.06, above 0.01")
    failed = Verification(phases=PHASES, look=look, state=WatchState.FAILED)
    back = replace(RUN, verification=failed, taken_back=TakenBack(at=AT, findings=(HIGH,), rollback="DEP-2"))
    assert watched.live(back, when) == [
        "✗ FAILED its verification",
        "✗ errors is 0.06, above 0.05: DEP-2 takes it back",
    ]
    stays = replace(back, taken_back=TakenBack(at=AT, findings=(HIGH,), why_not="switched-off"))
    assert "automatic_rollback: false" in watched.live(stays, when)[1]


SAID = Finding(name="deployer", verdict=Verdict.FAIL, code="call-failed", about="exit-3")


def failed(code: str | None) -> Facts:
    """The facts of a deployment whose deployer said that it failed, which is left for this reason or taken back."""
    found = {"name": "deployer", "verdict": "fail", "code": "call-failed", "about": "exit-3"}
    return Facts({"findings": [found], "request": "DEP-1", "by": "DEP-2", "to": "51be07d", "why_not": code})


@pytest.mark.requirement("D5")
def test_the_card_of_what_the_deployer_failed_says_what_follows_and_not_twice_that_it_failed() -> None:
    run = replace(RUN, state=RunState.FAILED, code="exit-3", reached=0)
    back = TakenBack(at=AT, findings=(SAID,), rollback="DEP-2")
    stays = TakenBack(at=AT, findings=(SAID,), why_not="old-runs", settled=True)
    assert watched.live(replace(run, taken_back=back), when) == ["↩ DEP-2 takes it back"]
    (line,) = watched.live(replace(run, taken_back=stays), when)
    assert line.startswith("– Not taken back by itself: there is nothing to take back")


@pytest.mark.requirement("D5")
@pytest.mark.parametrize("code", sorted(watched._WHY_NOT))
def test_every_reason_to_leave_it_is_told_in_the_threads_and_to_whoever_is_on_call(code: str) -> None:
    facts = failed(code)
    thread = watched.after_failure(facts)
    incident = watched.INCIDENT_NOTES["no-automatic-rollback"](facts, str, when)
    said = {"code": "no-automatic-rollback", "service": "checkout", "environment": "production",
            "artifact": "7a3f9c2", "incident": "INC-1"}  # fmt: skip
    told = watched.telling(Facts({**facts.said, **said}))
    assert told is not None
    for text in (thread, incident, told[2]):
        assert watched.why_not(code) in text
        assert text.endswith(".")
        assert "?" not in text
    assert incident.startswith("DEP-1 failed (the deployer failed with exit status 3)")
    assert ("Decide: roll back" in incident) == (code != "old-runs")
    assert ("Roll it back" in told[2]) == (code != "old-runs")


@pytest.mark.requirement("D5")
def test_what_the_deployer_failed_and_is_taken_back_is_told_as_such() -> None:
    assert watched.after_failure(Facts({"goes_back": True})) == "It is taken back now, by itself."
    assert watched.after_failure(Facts({})) == "Nothing was tried again by itself."
    assert watched.INCIDENT_NOTES["automatic-rollback"](failed(None), str, when) == (
        "DEP-1 failed (the deployer failed with exit status 3): DEP-2 takes it back to 51be07d by itself, as its approval "
        "contained."
    )


@pytest.mark.parametrize("code", [*watched.NOTES])
def test_every_note_of_a_request_is_a_sentence(code: str) -> None:
    found = {"name": "errors", "verdict": "fail", "code": "above", "value": "0.06", "limit": "0.05"}
    facts = Facts({"findings": [found], "percent": 25, "phase": "immediate", "code": code})
    said = watched.NOTES[code](facts, str, when)
    assert said.endswith(".")
    assert "?" not in said
    assert "None" not in said


@pytest.mark.parametrize("code", sorted(watched.CALLED))
def test_whoever_is_on_call_is_told_what_to_do(code: str) -> None:
    told = watched.telling(Facts({"code": code, "service": "checkout", "environment": "production", "to": "51be07d",
                                  "artifact": "7a3f9c2", "why_not": "switched-off", "incident": "INC-1",
                                  "gates": ["target-not-in-registry", "not-in-registry"]}))  # fmt: skip
    assert told is not None
    _, head, text = told
    assert "checkout in production" in head
    assert "?" not in head + text
    assert text.endswith(".")
