"""The report in words: how it ended, what was let through, what came back and whether that runs; no secret in it (D5)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.artifact import Artifact
from bot.domain.change_request import RequestState
from bot.domain.deployment import Plan, Run, RunState
from bot.domain.environment import Colour, Turn
from bot.domain.evidence import Evidence, EvidenceKind
from bot.domain.ran import Ran
from bot.flows.report import Output, Report
from handlers.slack.report import render
from handlers.wording.report import (
    LONGEST_LINE,
    document,
    gates_said,
    headline,
    shown,
    taken_back,
    verification,
)
from handlers.wording.times import utc
from tests.handlers.slack.aftermath import over
from tests.handlers.slack.examples import (
    CLOSED,
    DIGEST,
    NOW,
    PASSED,
    accepted_by_slack,
    closed,
    make_policy,
    readiness,
    signed,
    text_of,
)

pytestmark = pytest.mark.requirement("D5")
ZONE = ZoneInfo("America/New_York")
RUN = Run(
    id="RUN-1",
    request="DEP-42",
    service="checkout",
    environment="production",
    artifact=Artifact("7a3f9c2", DIGEST),
    rollback_target=Artifact("51be07d"),
    state=RunState.FAILED,
    intended_at=NOW,
    finished_at=NOW + timedelta(minutes=1),
    code="exit-3",
    output_digest=DIGEST,
)
OLD = Ran(artifact=Artifact("51be07d"), at=NOW - timedelta(days=1), request="DEP-40")


def report(**changes: Any) -> Report:
    usual: dict[str, Any] = {
        "request": closed(RequestState.FAILED, "exit-3", readiness=readiness(*PASSED)),
        "build": None,
        "approvals": (signed("ada"), signed("bo")),
        "outputs": (Output(run=RUN, lines=("migrating", "boom"), count=2),),
        "rollbacks": (),
        "incidents": (over(),),
        "runs_now": OLD,
        "verified": None,
        "colour": Turn(since=NOW, colour=Colour.RED, causes=("api",)),
        "place": None,
        "now": NOW + timedelta(minutes=5),
    }
    return Report(**(usual | changes))


@pytest.mark.parametrize(
    ("state", "code", "words"),
    [
        (RequestState.FAILED, "exit-3", "failed"),
        (RequestState.UNRESOLVED, "lost", "ended without anybody knowing how"),
        (RequestState.LIVE, "exit-0", "went live"),
        (RequestState.LIVE, "rolled-back", "went live and was taken back"),
    ],
)
def test_how_it_ended_is_in_its_first_line(state: RequestState, code: str, words: str) -> None:
    found = report(request=closed(state, code))
    assert headline(found) == words
    assert f"production {words}" in document(found, str, ZONE).splitlines()[0]


def test_the_gates_that_did_not_simply_pass_are_named() -> None:
    assert gates_said(closed(RequestState.FAILED, readiness=readiness(*PASSED))) == "8 of 8 gates passed"
    said = gates_said(
        closed(RequestState.FAILED, readiness=readiness(*PASSED, replace(CLOSED, bypassed=True)))
    )
    assert said == "8 of 9 gates passed; ◷ calendar: waiting (prohibited) (bypassed by break-glass)"


@pytest.mark.parametrize(
    ("state", "code", "words"),
    [
        (RequestState.LIVE, "verified", "verified by the deployer's own status"),
        (RequestState.LIVE, "unverified", "not verified"),
        (RequestState.FAILED, "exit-1", "✗"),
        (RequestState.UNRESOLVED, "lost", "nobody knows whether it worked"),
        (RequestState.CANCELLED, "cancelled", "cancelled"),
    ],
)
def test_what_came_back_says_how_surely(state: RequestState, code: str, words: str) -> None:
    back = closed(state, code, id="DEP-43", rolls_back="DEP-42")
    (line,) = taken_back(report(rollbacks=(back,)), utc)
    assert "DEP-43 back to" in line
    assert words in line


def test_what_runs_now_is_told_with_who_verified_it_and_what_the_monitors_see() -> None:
    proven = Evidence(
        id="e",
        kind=EvidenceKind.VERIFICATION,
        service="checkout",
        artifact="51be07d",
        digest=None,
        environment="production",
        passed=False,
        at=NOW,
        received_at=NOW,
        source="ci",
    )
    done = replace(RUN, state=RunState.SUCCEEDED, code="exit-0")
    assert verification(report(verified=proven, outputs=(Output(run=done, lines=(), count=0),)), utc) == [
        "Runs there now: 51be07d (DEP-40) since 2026-11-09T14:22:00Z",
        "Verification by ci 2026-11-10T14:22:00Z: FAILED",
        "The monitors say RED (api) since 2026-11-10T14:22:00Z",
    ]
    assert verification(report(runs_now=None, colour=None), utc) == [
        "Nobody knows what runs there now",
        "No monitor has said anything of the environment yet",
    ]
    assert "Nobody has verified it there since" in verification(report(), utc)


@pytest.mark.parametrize("state", [RunState.FAILED, RunState.LOST])
def test_what_a_run_that_ended_badly_left_there_is_not_claimed_to_be_known(state: RunState) -> None:
    ended = Output(run=replace(RUN, state=state), lines=(), count=0)
    said = verification(report(outputs=(ended,)), utc)[0]
    assert said == (
        "Known to run there last: 51be07d (DEP-40) since 2026-11-09T14:22:00Z; "
        "what the run that ended badly left there, nobody has told"
    )
    later = replace(OLD, at=NOW + timedelta(minutes=2))  # it was brought back since
    assert verification(report(outputs=(ended,), runs_now=later), utc)[0].startswith(
        "Runs there now: 51be07d"
    )


@pytest.mark.parametrize(
    "line",
    [
        "DB_PASSWORD=hunter2-secret",
        '{"api_key": "hunter2-secret"}',
        "Authorization: Bearer hunter2-secret",
        "token = 'hunter2-secret'",
        "https://ada:hunter2-secret@example.com/",
        "passphrase: hunter2-secret",
    ],
)
def test_what_a_program_prints_of_its_secrets_is_not_shown(line: str) -> None:
    found = report(outputs=(Output(run=RUN, lines=("before", line, "after"), count=3),))
    text = document(found, str, ZONE)
    assert "hunter2-secret" not in text
    assert "before" in text
    assert DIGEST in text  # of what is kept, so that it can be compared
    assert "after" in text


@given(st.lists(st.text(alphabet="abpassword=:`|x \"'", max_size=40), max_size=10))
def test_whatever_is_printed_the_document_stands(lines: list[str]) -> None:
    found = report(outputs=(Output(run=RUN, lines=tuple(lines), count=len(lines) + 3),))
    assert document(found, str, ZONE).startswith("# DEP-42")


def test_a_line_without_end_is_cut_and_takes_no_time() -> None:
    (line,) = shown(("x" * 250_000,))
    assert line.endswith(f"[… {250_000 - LONGEST_LINE} characters more]")
    assert len(shown(("a.-_" * 60_000, "password" * 30_000))) == 2


def test_the_message_holds_the_facts_and_nothing_that_was_printed() -> None:
    said = render(report(), make_policy())
    accepted_by_slack(said)
    text = text_of(said)
    for words in (
        "Report: DEP-42 failed",
        "approved by ada and bo",
        "8 of 8 gates",
        "sha256 9f2c6a019f2c",
        "INC-7 (P0)",
    ):
        assert words in text
    assert "boom" not in text


def test_a_rollout_in_steps_says_how_far_it_got() -> None:
    stepped = replace(RUN, plan=Plan(steps=(25, 100)), reached=25)
    found = report(outputs=(Output(run=stepped, lines=(), count=0),))
    assert "at 25 % of the traffic" in document(found, str, ZONE)
