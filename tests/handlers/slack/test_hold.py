"""Hold and resume in Slack: what is answered, what the card shows, and which button stands on it."""

from dataclasses import replace
from typing import Any

import pytest

from bot.domain.analysis import Finding, Verdict
from bot.domain.artifact import Artifact
from bot.domain.change_request import Actor, Hold, RequestState
from bot.domain.deployment import Frozen, Plan, Run, RunState
from bot.domain.verification import Look
from bot.flows.hold import Standing
from bot.policy import Policy
from handlers.slack import answers, hold, resume
from handlers.slack.request_card import render
from handlers.slack.voice import Voice
from tests.handlers.slack.examples import (
    MINUTE,
    NOW,
    READY,
    accepted_by_slack,
    buttons_of,
    closed,
    lines_of,
    readiness,
    request,
    text_of,
    view,
)
from tests.handlers.slack.test_answers import delivery

RUN = Run(
    id="DEP-42/1",
    request="DEP-42",
    service="checkout",
    environment="production",
    artifact=Artifact("7a3f9c2"),
    rollback_target=None,
    state=RunState.BETWEEN,
    intended_at=NOW,
    plan=Plan(steps=(25, 50, 100), dwell=5 * MINUTE),
    reached=25,
    next_at=NOW + 5 * MINUTE,
)
BACK = "./deploy.sh production 51be07d"
FREEZE = Frozen(rule="FRZ-3", since=NOW, until=NOW + 90 * MINUTE, reason="Peak <!channel>", declared=True)
HELD = Hold(by=Actor(via="x", person="ada"), at=NOW, reason="Errors <!here>")
ROLLING = request(
    state=RequestState.STARTING,
    approved_at=NOW,
    readiness=readiness(
        *(replace(o, facts={**o.facts, "command": BACK}) if o.gate == "rollback-target" else o for o in READY.outcomes)
    ),
)  # fmt: skip
UNJUDGED = replace(
    RUN,
    plan=replace(RUN.plan, analysed=True),
    look=Look(
        at=NOW, percent=25, findings=(Finding(name="errors", verdict=Verdict.UNKNOWN, code="no-prometheus"),)
    ),
)


@pytest.mark.requirement("P6")
@pytest.mark.requirement("F5")
@pytest.mark.parametrize(
    ("asked", "run", "first", "buttons"),
    [
        (ROLLING, RUN, "▶ Rolling out 25 % ▮▯▯▯", ["request_hold", "request_details"]),
        (ROLLING, replace(RUN, frozen=(FREEZE,)), "‖ Held at 25 % ▮▯▯▯", ["request_hold", "request_details"]),
        (replace(ROLLING, held=HELD), RUN, "‖ Held at 25 % ▮▯▯▯", ["request_resume", "request_details"]),
        (ROLLING, UNJUDGED, "‖ Held at 25 % ▮▯▯▯", ["request_resume", "request_details"]),
        (
            replace(ROLLING, held=HELD),
            replace(UNJUDGED, frozen=(FREEZE, replace(FREEZE, rule="FRZ-4"))),
            "‖ Held at 25 % ▮▯▯▯",
            ["request_resume", "request_details"],
        ),
        (
            ROLLING,
            replace(RUN, state=RunState.CALLING, reached=50),
            "▶ Rolling out 50 % ▮▮▯▯",
            ["request_details"],
        ),
        (
            ROLLING,
            replace(RUN, state=RunState.CALLING, reached=0, plan=Plan()),
            "▶ Rolling out",
            ["request_details"],
        ),
    ],
)
def test_the_card_of_a_rollout_says_how_far_it_is_and_what_can_be_done(
    asked: Any, run: Run, first: str, buttons: list[str], policy: Policy
) -> None:
    card = render(view(asked, runs=(run,)), policy)
    accepted_by_slack(card)
    assert lines_of(card)[0].startswith(f"*{first}: checkout")
    assert len(lines_of(card)) <= 12
    assert buttons_of(card) == buttons
    assert ("<!channel>" in text_of(card), "<!here>" in text_of(card)) == (False, False)


@pytest.mark.requirement("P14")
@pytest.mark.requirement("P6")
def test_a_frozen_card_says_by_what_until_when_and_both_ways_out(policy: Policy) -> None:
    text = text_of(render(view(ROLLING, runs=(replace(RUN, frozen=(FREEZE,)),)), policy))
    for words in ("FRZ-3 (Peak", "has held it since", "until <!date^", "/deploy unfreeze FRZ-3", BACK):
        assert words in text


@pytest.mark.parametrize(
    ("state", "buttons"),
    [
        (
            RequestState.AWAITING_APPROVAL,
            ["request_approve", "request_reject", "request_resume", "request_details"],
        ),
        (RequestState.APPROVED, ["request_reject", "request_resume", "request_details"]),
    ],
)
def test_what_is_held_before_its_start_says_so_and_offers_to_resume(
    state: RequestState, buttons: list[str], policy: Policy
) -> None:
    card = render(view(request(state=state, held=HELD, approved_at=NOW)), policy)
    accepted_by_slack(card)
    assert lines_of(card)[0].startswith("*‖ Held: checkout")
    assert "ada has held it since" in text_of(card).lower()
    assert buttons_of(card) == buttons


@pytest.mark.requirement("F5")
@pytest.mark.parametrize(
    ("asked", "state", "words"),
    [
        (closed(RequestState.FAILED, "exit-3"), RunState.FAILED, "It stands at 25 %."),
        (closed(RequestState.UNRESOLVED, "lost"), RunState.LOST, "may stand at 50 % by now"),
    ],
)
def test_a_rollout_that_did_not_get_through_says_where_it_left_the_traffic(
    asked: Any, state: RunState, words: str, policy: Policy
) -> None:
    assert words in text_of(render(view(asked, runs=(replace(RUN, state=state),)), policy))


def test_whoever_stopped_a_rollout_is_named(policy: Policy) -> None:
    stopped = closed(RequestState.FAILED, "stopped", person="ada")
    text = text_of(render(view(stopped, runs=(replace(RUN, state=RunState.FAILED, code="stopped"),)), policy))
    assert "stopped it before its next step" in text


@pytest.mark.parametrize("code", ["held", "resumed", "frozen", "thawed", "no-analysis"])
@pytest.mark.parametrize("asked", [ROLLING, replace(ROLLING, held=HELD), request(held=HELD)])
def test_the_requester_is_told_how_it_stands(code: str, asked: Any, policy: Policy) -> None:
    runs = (RUN,) if asked.state is RequestState.STARTING else ()
    shown = answers.to_requester(delivery("request-answer", code), view(asked, runs=runs), policy)
    accepted_by_slack(shown)
    assert ("Held" in lines_of(shown)[0]) == (asked.held is not None)


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (None, "It does not start until somebody resumes it: `/deploy resume DEP-42`"),
        (RUN, "It stays at 25 % until"),
        (replace(RUN, state=RunState.CALLING), "It goes to 50 %, which is under way, and no further until"),
        (replace(RUN, state=RunState.INTENDED, reached=0), "It does not start until"),
    ],
)
def test_the_answer_to_hold_says_where_it_stays(run: Run | None, words: str) -> None:
    answered = hold.said(Standing(replace(ROLLING, held=HELD), run))
    accepted_by_slack(answered)
    assert words in text_of(answered)


@pytest.mark.parametrize(
    ("asked", "run", "words"),
    [
        (request(), None, "The gates are asked once more"),
        (ROLLING, RUN, "It goes on to 50 % at <!date^"),
        (ROLLING, replace(RUN, next_at=NOW), "It goes on to 50 % now."),
        (ROLLING, replace(RUN, state=RunState.CALLING), "goes on after the step that is under way"),
        (ROLLING, UNJUDGED, "judged by somebody who may approve"),
        (ROLLING, replace(RUN, frozen=(FREEZE,)), "FRZ-3 still holds it, until <!date^"),
        (ROLLING, replace(RUN, frozen=(replace(FREEZE, until=None),)), "until it is lifted"),
    ],
)
def test_the_answer_to_resume_says_what_happens_now(
    asked: Any, run: Run | None, words: str, policy: Policy
) -> None:
    answered = resume.said(Standing(asked, run), Voice(policy, NOW))
    accepted_by_slack(answered)
    assert words in text_of(answered)
