"""Rollbacks, withdrawals and reminders in Slack: what is typed, what the messages say, and that text stays text."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bot.domain.artifact import Artifact
from bot.domain.change_request import Kind, RequestState
from bot.domain.deployment import Run, RunState
from bot.domain.refusal import Refusal
from bot.domain.second_factor import Purpose
from bot.flows.asking import Asker
from bot.flows.going_back import GoingBack
from bot.flows.roll_back import Filed
from bot.flows.withdraw import Withdrawal
from bot.policy import Policy
from handlers.slack import reminder, request_card, roll_back, withdraw
from handlers.slack.context import SlackContext
from handlers.slack.payloads import Command
from handlers.wording import rollbacks
from handlers.wording.factors import question
from handlers.wording.refusals import SENTENCES
from handlers.wording.requests import sign_of, stands
from tests.handlers.slack.examples import (
    NOW,
    OTHER,
    accepted_by_slack,
    buttons_of,
    closed,
    lines_of,
    request,
    text_of,
    view,
    view_accepted_by_slack,
)
from tests.handlers.slack.test_answers import delivery

pytestmark = pytest.mark.requirement("P16")

OLD = Artifact("51be07d", OTHER)
AWAY = Artifact("7a3f9c2", "sha256:" + "9f2c6a01" * 8)
BACK = request(
    kind=Kind.ROLLBACK,
    artifact=OLD,
    rollback_target=AWAY,
    rolls_back="DEP-41",
    ticket="INC-9",
    reason="Slow <!channel>",
)
ENDED = {
    "kind": Kind.ROLLBACK, "artifact": OLD, "rollback_target": AWAY, "rolls_back": "DEP-41", "ticket": "INC-9",
}  # fmt: skip
FACTS = {
    "service": "checkout",
    "environment": "production",
    "from": "7a3f9c2",
    "to": "51be07d",
    "run": "DEP-42/1",
}


def typed(text: str, policy: Policy) -> Any:
    asker = Asker(team="T1", user="U02ADA")
    command = Command(asker=asker, name="/deploy", text=text, trigger_id="t", channel="C1")
    return roll_back.taken_apart(cast(SlackContext, SimpleNamespace(policy=policy)), command, text)


@pytest.mark.parametrize(
    ("text", "incident", "to", "reason"),
    [
        ("checkout production", None, None, None),
        ("checkout production INC-9", "INC-9", None, None),
        ("checkout production INC-9 it is slow", "INC-9", None, "it is slow"),
        ("checkout production it is slow INC-9", None, None, "it is slow INC-9"),
        ("checkout production to=51be07d INC-9 slow", "INC-9", "51be07d", "slow"),
        ("checkout to=51be07d  production INC-9 slow", "INC-9", "51be07d", "slow"),
        ("checkout production INC0012345 slow", "INC0012345", None, "slow"),
        ("checkout production INC-9 up=to=down", "INC-9", None, "up=to=down"),
    ],
)
def test_what_is_typed_is_taken_apart(
    text: str, incident: str | None, to: str | None, reason: str | None, policy: Policy
) -> None:
    wanted = typed(text, policy)
    assert (wanted.service, wanted.environment) == ("checkout", "production")
    assert (wanted.incident, wanted.to, wanted.reason) == (incident, to, reason)


@pytest.mark.parametrize(
    ("text", "code"),
    [("checkout", "too-few-words"), ("checkout production to=", "key-empty"), ("a b to=1 to=2", "key-twice")],
)
def test_what_cannot_be_taken_apart_is_refused(text: str, code: str, policy: Policy) -> None:
    with pytest.raises(Refusal) as caught:
        typed(text, policy)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("asked", "first"),
    [
        (BACK, "Roll back checkout in production from `7a3f9c2` to `51be07d`?"),
        (replace(BACK, state=RequestState.EVALUATING), "Being checked: checkout in production from"),
        (closed(RequestState.LIVE, "verified", **ENDED), "✓ Rolled back: checkout in production from"),
        (
            closed(RequestState.FAILED, "not-running", **ENDED),
            "✗ Rollback failed: checkout in production from",
        ),
        (
            closed(RequestState.LIVE, "rolled-back", why="DEP-43"),
            "↩ Rolled back: checkout `7a3f9c2` → production",
        ),
    ],
)
def test_the_card_says_from_what_to_what(asked: Any, first: str, policy: Policy) -> None:
    card = request_card.render(view(asked), policy)
    accepted_by_slack(card)
    assert first in lines_of(card)[0]
    assert len(lines_of(card)) <= 12
    assert "<!channel>" not in text_of(card)
    assert ("way back" in text_of(card)) is (asked.kind is not Kind.ROLLBACK)


def test_a_rollback_under_way_is_no_rollout(policy: Policy) -> None:
    run = Run(
        id="DEP-42/1", request="DEP-42", service="checkout", environment="production", artifact=OLD,
        rollback_target=AWAY, state=RunState.CALLING, intended_at=NOW, rolls_back=True,
    )  # fmt: skip
    card = request_card.render(view(replace(BACK, state=RequestState.STARTING), runs=(run,)), policy)
    assert "▶ Rolling back: checkout in production" in lines_of(card)[0]
    assert "told to go back" in text_of(card)


@pytest.mark.requirement("P17")
@pytest.mark.parametrize(
    ("code", "said"),
    [("verified", "status confirms that it runs"), ("unverified", "nobody could confirm that it runs")],
)
def test_the_card_says_how_sure_it_is(code: str, said: str, policy: Policy) -> None:
    assert said in text_of(request_card.render(view(closed(RequestState.LIVE, code, **ENDED)), policy))


def test_what_was_taken_back_is_not_called_live_anywhere() -> None:
    undone = closed(RequestState.LIVE, "rolled-back", why="DEP-43")
    assert (stands(undone), sign_of(undone)) == ("was rolled back", "↩")
    assert stands(closed(RequestState.LIVE)) == "is live"


@pytest.mark.requirement("P17")
@pytest.mark.parametrize(
    ("code", "head", "more"),
    [
        (
            "rolled-back",
            "↩ Rolled back checkout in production from 7a3f9c2 to 51be07d",
            "It takes DEP-41 back",
        ),
        (
            "rollback-failed",
            "✗ The rollback of checkout in production from 7a3f9c2 to 51be07d FAILED",
            "Find out which",
        ),
        ("rollback-unresolved", "⚠ Nobody knows what came of the rollback of checkout", "Find out which"),
        (
            "rollback-unverified",
            "⚠ Rolled back checkout in production from 7a3f9c2 to 51be07d, unconfirmed",
            "Find out",
        ),
    ],
)
def test_what_is_told_outside_the_thread(code: str, head: str, more: str, policy: Policy) -> None:
    facts = {**FACTS, "undoes": "DEP-41", "verified": True, "outcome": "not-running", "on_call": "cy"}
    owed = replace(delivery("rollback-note", code, **facts), destination="slack:channel:incidents")
    told = roll_back.note(owed, view(BACK), policy)
    accepted_by_slack(told)
    assert head in lines_of(told)[0]
    assert more in text_of(told)
    assert ("<@U04CY>" in text_of(told)) is (code != "rolled-back")  # nobody is called who has nothing to do


def test_a_hostile_fact_stays_text(policy: Policy) -> None:
    facts = {**FACTS, "service": "<!channel> *x*", "outcome": "<!here>", "from": "\u202eabc"}
    for code in ("rolled-back", "rollback-failed", "taken-back"):
        told = roll_back.note(delivery("rollback-note", code, **facts), view(BACK), policy)
        accepted_by_slack(told)
        assert "<!" not in text_of(told)
        assert "\u202e" not in text_of(told)
    facts = {"person": "ada", "ticket": "<!channel>", "reason": "<!here>"}
    for code in ("withdrawn", "withdrawn-started"):
        told = withdraw.note(delivery("withdrawal-note", code, **facts), view(), policy)
        accepted_by_slack(told)
        assert "<!" not in text_of(told)


def test_the_first_answer_names_what_stops_for_it() -> None:
    shown = roll_back.said(Filed(request=BACK, stops="DEP-41"))
    accepted_by_slack(shown)
    assert "DEP-41 goes no further meanwhile" in text_of(shown)
    assert "asked for already" in text_of(roll_back.said(Filed(request=BACK, repeated=True)))


def test_the_form_fits_slack(policy: Policy) -> None:
    form = roll_back.render(policy, {"response_url": "https://slack.test/x", "channel": "C1", "user": "U1"})
    view_accepted_by_slack(form)
    assert set(roll_back.FIELDS.values()) <= {block["block_id"] for block in form["blocks"]}
    assert set(roll_back.FIELDS) <= set(SENTENCES)


def test_withdrawing_after_the_start_says_what_a_second_factor_would_do() -> None:
    back = GoingBack(target=OLD, away=AWAY, undoes=None)
    lines = withdraw.asked(Withdrawal(request=request(state=RequestState.LIVE), token="t", back=back))
    assert "goes back from `7a3f9c2` to `51be07d` at once" in lines[1]
    lines = withdraw.asked(Withdrawal(request=request(state=RequestState.STARTING), token="t"))
    assert "nothing changes" in lines[1]
    shown = withdraw.said(Withdrawal(request=request()))
    accepted_by_slack(shown)
    assert "Your approval of DEP-42 is withdrawn" in text_of(shown)


@pytest.mark.requirement("P10")
@pytest.mark.parametrize(
    ("code", "said", "buttons"),
    [
        ("sign", "Waits for your approval", ["request_approve", "request_reject", "request_details"]),
        ("enrol", "once you have a second factor", ["request_reject", "request_details"]),
        ("nobody", "Nobody can approve what you asked for", ["request_details"]),
    ],
)
def test_a_reminder_has_the_button_that_answers_it(
    code: str, said: str, buttons: list[str], policy: Policy
) -> None:
    told = reminder.note(delivery("reminder-note", code, expires=NOW.isoformat()), view(), policy)
    assert told is not None
    accepted_by_slack(told)
    assert said in lines_of(told)[0]
    assert buttons_of(told) == buttons


@pytest.mark.requirement("P10")
@pytest.mark.parametrize("state", [RequestState.APPROVED, RequestState.LIVE, RequestState.REJECTED])
def test_a_reminder_that_comes_too_late_is_not_sent(state: RequestState, policy: Policy) -> None:
    assert reminder.note(delivery("reminder-note", "sign"), view(request(state=state)), policy) is None


def test_our_page_asks_for_a_rollback_in_the_words_of_its_card() -> None:
    back = rollbacks.back(BACK)
    card = request_card.title(BACK).replace("`", "")
    assert question(Purpose.APPROVE, back, takes_back=True) == f"Roll back {card}?"
    assert question(Purpose.WITHDRAW, back, takes_back=True).endswith(f"of the rollback of {card}?")
