"""The messages of a broken glass: who, which ticket, what is bypassed and what each gate said; and the command's answers."""

from dataclasses import replace
from typing import Any

import pytest

from bot.domain.change_request import Actor, BrokenGlass, ChangeRequest, Kind, RequestState, Review
from bot.domain.outcome import Status
from bot.domain.owed import Delivery
from bot.flows import loud
from bot.flows.request import Submitted
from bot.policy import Policy
from bot.ports import Later, Undeliverable
from handlers.slack import break_glass, review
from handlers.slack.voice import Voice
from handlers.wording.break_glass import GLASS_NOTES, HEADS, card_line
from handlers.wording.notes import note
from tests.handlers.slack.examples import (
    CLOSED,
    HOUR,
    MINUTE,
    NOW,
    PASSED,
    VULNERABLE,
    accepted_by_slack,
    closed,
    gate,
    readiness,
    request,
    text_of,
    view,
)

pytestmark = pytest.mark.requirement("P13")

LIN = Actor(via="slack:T0ACME/U01LIN", person="lin")
FROZEN = replace(
    CLOSED,
    bypassed=True,
    facts={
        "rules": [
            {
                "name": "black-friday",
                "kind": "freeze",
                "effect": "prohibit",
                "until": None,
                "reason": "Peak trading",
            }
        ]
    },
)
JUDGED = readiness(*PASSED, FROZEN)


def glass(**changes: Any) -> BrokenGlass:
    usual: dict[str, Any] = {
        "by": LIN,
        "at": NOW - 5 * MINUTE,
        "ticket": "INC-7",
        "reason": "Checkout charges <!channel> twice",
        "bypasses": ("calendar", "soak"),
        "expires_at": NOW + 4 * HOUR,
        "told": ("cy",),
        "told_at": NOW - 4 * MINUTE,
    }
    return BrokenGlass(**(usual | changes))


def broken(state: RequestState = RequestState.AWAITING_APPROVAL, **changes: Any) -> ChangeRequest:
    made = changes.pop("glass", glass())
    usual = {"kind": Kind.EMERGENCY, "emergency": "INC-7", "break_glass": made, "readiness": JUDGED}
    return request(state=state, **(usual | changes)) if state.is_open else closed(state, **(usual | changes))


def used(**changes: Any) -> ChangeRequest:
    made = glass(used_at=NOW - HOUR, review_due=NOW + 119 * HOUR, **changes)
    return broken(RequestState.LIVE, glass=made)


def owed(code: str, to: str = "channel:incidents", **facts: Any) -> Delivery:
    return Delivery(
        key="k",
        kind=loud.NOTICE,
        destination=f"slack:{to}",
        subject="DEP-42",
        due_at=NOW,
        facts={"code": code, "at": NOW.isoformat(), **facts},
    )


def told(asked: ChangeRequest, code: str, policy: Policy, **facts: Any) -> str:
    shown = break_glass.notice(owed(code, **facts), view(asked), policy)
    accepted_by_slack(shown)
    return text_of(shown)


@pytest.mark.parametrize("code", sorted({*HEADS, "brand-new"}))
@pytest.mark.parametrize(
    "asked",
    [
        broken(),
        broken(RequestState.APPROVED),
        broken(RequestState.STARTING),
        broken(RequestState.REFUSED),
        broken(RequestState.EXPIRED),
        broken(RequestState.EVALUATING, readiness=None, glass=glass(told=(), told_at=None)),
        used(),
        used(bypasses=()),
    ],
)
def test_every_message_names_who_the_ticket_the_reason_as_text_and_what_may_be_bypassed(
    code: str, asked: ChangeRequest, policy: Policy
) -> None:
    shown = told(asked, code, policy)
    assert "DEP-42" in shown.split("\n")[0]
    assert "INC-7" in shown
    assert "Lin, for" in shown or "lin, for" in shown
    assert "&lt;!channel&gt;" in shown
    assert "<!channel>" not in shown
    assert "calendar" in shown or "The policy lets it pass no gate" in shown


def test_what_each_gate_said_stands_beside_its_name(policy: Policy) -> None:
    shown = told(broken(), "broken", policy)
    assert "⚡ bypassed: calendar (closed by the freeze black-friday (Peak trading)" in shown
    assert "It may pass soak as well" in shown


def test_a_listed_gate_that_it_may_not_pass_and_one_that_is_not_listed_are_told_as_what_holds_it(
    policy: Policy,
) -> None:
    held = broken(readiness=readiness(*PASSED, replace(FROZEN, bypassed=False), VULNERABLE))
    shown = told(held, "broken", policy)
    assert "and break-glass may not pass it now" in shown
    assert "✗ vulnerabilities: 1 critical" in shown


def test_only_the_message_that_tells_whoever_is_on_call_calls_them(policy: Policy) -> None:
    calling = told(broken(), "broken", policy, notifies=True)
    quiet = told(broken(), "broken", policy)
    mention = f"<@{policy.people['cy'].slack}>"
    assert mention in calling
    assert "<@" not in quiet
    assert "On call: " in quiet


def test_with_nobody_on_call_that_is_said_and_who_is_told_instead(policy: Policy) -> None:
    shown = told(broken(glass=glass(told=())), "broken", policy, instead=["bo"], notifies=True)
    assert "Nobody is on call." in shown
    assert f"<@{policy.people['bo'].slack}>" in shown
    assert "nobody is on call, so you are told" in told(
        broken(glass=glass(told=())), "on-call", policy, instead=["bo"]
    )


def test_the_channels_wait_for_the_first_judgement_but_not_for_long_and_whoever_is_on_call_does_not(
    policy: Policy,
) -> None:
    fresh = broken(RequestState.EVALUATING, readiness=None, glass=glass(at=NOW))
    with pytest.raises(Later):
        told(fresh, "broken", policy)
    assert "you are on call" in told(fresh, "on-call", policy)
    late = replace(fresh, break_glass=glass(at=NOW - break_glass.PATIENCE))
    assert "calendar and soak" in told(late, "broken", policy)


def test_a_request_without_a_glass_has_no_such_message(policy: Policy) -> None:
    with pytest.raises(Undeliverable):
        told(request(), "broken", policy)


def test_its_use_names_the_approvers_and_the_review_that_is_owed(policy: Policy) -> None:
    shown = told(used(), "used", policy)
    assert "Approved by" in shown
    assert "/deploy review DEP-42" in shown
    passed = told(used(), "passed", policy, rules=["FRZ-3"], percent=25)
    assert "⚡ bypassed: calendar (FRZ-3 would hold its next step at 25 %" in passed


@pytest.mark.parametrize(
    ("state", "head"),
    [
        (RequestState.EXPIRED, "expired unused"),
        (RequestState.LIVE, "was not needed"),
        (RequestState.REJECTED, "expired unused"),
    ],
)
def test_the_end_of_an_unused_one_says_whether_it_was_needed(
    state: RequestState, head: str, policy: Policy
) -> None:
    assert head in told(broken(state, glass=glass(expires_at=NOW)), "expired", policy).split("\n")[0]


# The card's line, the thread's notes


@pytest.mark.parametrize(
    ("asked", "begins", "ends"),
    [
        (broken(), "⚡ bypassed: calendar (closed by the freeze black-friday", "until T"),
        (broken(readiness=readiness(*PASSED)), "⚡ break-glass: nothing had to be bypassed", "until T"),
        (broken(glass=glass(expires_at=NOW)), "⚡ bypassed: calendar", "over since T"),
        (used(), "⚡ bypassed: calendar", "review due T: /deploy review DEP-42"),
        (used(review=Review(by=LIN, at=NOW, words="x")), "⚡ bypassed: calendar", "reviewed"),
    ],
)
def test_the_card_has_one_line_about_it(asked: ChangeRequest, begins: str, ends: str) -> None:
    shown = card_line(asked, now=NOW, when=lambda _: "T")
    assert shown is not None
    assert shown.startswith(begins)
    assert shown.endswith(ends)


def test_a_card_without_a_glass_has_none() -> None:
    assert card_line(request(), now=NOW, when=str) is None


@pytest.mark.parametrize("code", sorted(GLASS_NOTES))
def test_the_notes_of_a_glass_have_words(code: str) -> None:
    for facts in (
        {"code": code},
        {"code": code, "rules": ["FRZ-3"], "person": "bo", "reason": "It was the pool"},
    ):
        assert "code:" not in note(GLASS_NOTES, facts, str)


# The answers


def submitted(**changes: Any) -> Submitted:
    usual: dict[str, Any] = {
        "request_id": "DEP-42", "service": "checkout", "artifact": "7a3f9c2", "environment": "production",
        "gates": 9, "repeated": False,
    }  # fmt: skip
    return Submitted(**(usual | changes))


def test_whoever_asks_is_told_what_emergency_does(policy: Policy) -> None:
    plain = text_of(break_glass.submitted(submitted(), policy))
    assert "glass" not in plain
    none = text_of(break_glass.submitted(submitted(emergency="INC-7"), policy))
    assert "INC-7 is recorded, and passes no gate: the policy has no break-glass for production" in none
    some = text_of(break_glass.submitted(submitted(emergency="INC-7", glass=glass()), policy))
    assert "it may pass calendar and soak" in some
    assert "nothing starts before that has arrived" in some
    nobody = text_of(break_glass.submitted(submitted(emergency="INC-7", glass=glass(told=())), policy))
    assert (
        "Nobody is on call, so the policy's contact, or else the channel of incidents, is told now" in nobody
    )


def test_a_review_that_is_owed_is_one_line(policy: Policy) -> None:
    soon = review._line(used(), Voice(policy, NOW))
    assert soon.startswith("◷ *DEP-42*")
    assert "bypassed calendar" in soon
    late = review._line(used(), Voice(policy, NOW + 200 * HOUR))
    assert late.startswith("⚠ *DEP-42*")
    assert "overdue by" in late


def test_the_way_back_that_it_demands_is_told(policy: Policy) -> None:
    outcome = gate("rollback-target", "no-plan", Status.BLOCKED, environment="production")
    shown = Voice(policy, NOW).gate(outcome)
    assert "break-glass needs a way back" in shown.text
    assert shown.unblocks
