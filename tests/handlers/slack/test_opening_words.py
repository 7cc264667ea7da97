"""What people read around an opening: frozen until lifted, superseded, overtaken, several ready at once."""

from dataclasses import replace

import pytest

from bot.domain.change_request import Actor, Hold, RequestState, Start
from bot.domain.outcome import GateOutcome, Status
from bot.domain.owed import Delivery
from bot.policy import Policy
from handlers.slack import answers, notes, request_card
from handlers.slack.voice import Voice
from handlers.wording.requests import headline
from handlers.wording.times import utc
from tests.handlers.slack.examples import (
    HOUR,
    MINUTE,
    NOW,
    PASSED,
    READY,
    WAITING,
    accepted_by_slack,
    buttons_of,
    closed,
    readiness,
    request,
    text_of,
    view,
)

pytestmark = pytest.mark.requirement("P6")

FROZEN = readiness(
    *PASSED,
    GateOutcome(
        gate="calendar",
        status=Status.WAITING,
        code="frozen",
        awaits="FRZ-3",
        facts={
            "awaits": ["FRZ-3"],
            "may_lift": ["Ada", "Bo"],
            "rules": [{"name": "FRZ-3", "kind": "freeze", "effect": "prohibit", "reason": "Peak trading"}],
        },
    ),
)
APPROVED, AWAITING = RequestState.APPROVED, RequestState.AWAITING_APPROVAL


def owed(code: str, kind: str = "request-answer", **facts: str) -> Delivery:
    said = {"code": code, "at": NOW.isoformat(), **facts}
    return Delivery(
        key="k", kind=kind, destination="slack:user:U01LIN", subject="DEP-42", due_at=NOW, facts=said
    )


@pytest.mark.parametrize(
    ("state", "start", "said"),
    [
        (APPROVED, Start(mode="next"), "starts by itself once FRZ-3 is lifted: nobody knows when that is"),
        (AWAITING, Start(mode="next"), "starts by itself once FRZ-3 is lifted, if it is approved by then:"),
        (AWAITING, Start(), "starts no earlier than FRZ-3 is lifted, and then somebody has to press Start:"),
        (APPROVED, Start(), "can be started once FRZ-3 is lifted, and the requester is told then:"),
    ],
)
def test_frozen_is_told_with_what_happens_once_it_is_lifted_and_when_it_expires(
    state: RequestState, start: Start, said: str, policy: Policy
) -> None:
    asked = request(state=state, start=start, readiness=FROZEN)
    told = headline(asked, now=NOW, when=utc, names=str).text
    assert told.startswith(said)
    assert told.endswith("and it expires 2026-11-11T14:22:00Z")
    card = request_card.render(view(asked), policy)
    accepted_by_slack(card)
    assert "frozen by FRZ-3 (Peak trading) until somebody lifts it" in text_of(card)
    assert text_of(card).count("expires") == 1


def test_a_card_that_waits_says_the_earliest_start_beside_the_gate_that_waits(policy: Policy) -> None:
    later = replace(WAITING, earliest=NOW + 26 * HOUR)
    card = text_of(request_card.render(view(request(readiness=later)), policy))
    assert "; earliest start <!date^" in card
    assert "Starts no earlier than <!date^" in card


def test_superseded_names_the_newer_one_on_the_card_to_the_requester_and_in_the_thread(
    policy: Policy,
) -> None:
    over = closed(RequestState.CANCELLED, "superseded", why="DEP-43")
    shown = view(over)
    assert "DEP-43 is newer and started instead" in text_of(request_card.render(shown, policy))
    told = answers.to_requester(owed("superseded", newer="DEP-43", artifact="c0ffee1"), shown, policy)
    assert "DEP-43 is newer and started instead" in text_of(told)
    line = notes.render(
        owed("superseded", "request-note", newer="DEP-43", artifact="c0ffee1"), Voice(policy, NOW)
    )
    assert "DEP-43 (c0ffee1) is newer and started instead, so this one is cancelled" in text_of(line)


def test_overtaken_says_that_it_stays_open_and_how_to_cancel_it(policy: Policy) -> None:
    waiting = view(request(state=APPROVED, approved_at=NOW))
    told = answers.to_requester(owed("overtaken", newer="DEP-43", artifact="c0ffee1"), waiting, policy)
    accepted_by_slack(told)
    assert "⚠ DEP-43 (`c0ffee1`) is newer and began to roll out first" in text_of(told)
    assert "/deploy cancel DEP-42" in text_of(told)


def test_several_that_became_ready_are_one_message_with_a_button_each(policy: Policy) -> None:
    ready = [
        request(id=f"DEP-{n}", number=n, state=APPROVED, readiness=READY, approved_at=NOW)
        for n in range(42, 72)
    ]
    told = answers.to_requester(owed("ready-to-start"), view(ready[0], also_ready=tuple(ready[1:])), policy)
    accepted_by_slack(told)
    text = text_of(told)
    assert text.startswith("*✓ 30 approved requests of yours can start now*\nDEP-71 ")
    assert "and 10 more" in text
    assert len(buttons_of(told)) == 5


def test_one_that_became_ready_has_its_own_message(policy: Policy) -> None:
    alone = view(request(state=APPROVED, readiness=READY, approved_at=NOW))
    told = answers.to_requester(owed("ready-to-start"), alone, policy)
    assert "DEP-42" in text_of(told)
    assert buttons_of(told) == ["request_start", "request_details"]


def test_what_somebody_holds_says_who_and_offers_no_start(policy: Policy) -> None:
    hold = Hold(by=Actor(via="x", person="bo"), at=NOW - 5 * MINUTE, reason="wait for the sale")
    held = view(request(state=APPROVED, readiness=READY, approved_at=NOW, held=hold))
    card = request_card.render(held, policy)
    assert "request_start" not in buttons_of(card)
    assert "wait for the sale" in text_of(card)
    assert "/deploy resume DEP-42" in text_of(card)
