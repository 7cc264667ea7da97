"""The list at a glance, its buttons, and what a press is answered with: signed presses at the real app."""

from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from pydantic import JsonValue

from bot.domain.change_request import Actor, Attestation, RequestState
from bot.domain.outcome import GateOutcome, Readiness, Status
from bot.flows.attest import listed
from bot.policy import Policy
from handlers.slack import request_card
from handlers.slack.checklist import TICK, UNTICK, render
from storage.ledger import Ledger
from tests.handlers.slack.conftest import People, Stub, until
from tests.handlers.slack.examples import (
    MINUTE,
    NOW,
    POLICY,
    accepted_by_slack,
    gate,
    make_policy,
    request,
    text_of,
    view,
)
from tests.handlers.slack.workspace import ADA, BO, CY, LIN, STRANGER, requests, shown, waiting

WITH_LIST = (
    POLICY.replace(
        'gates: {ticket: {pattern: "^CHG-[0-9]+$"}}',
        'gates: {ticket: {pattern: "^CHG-[0-9]+$"}, checklist: {name: before}}',
        1,
    )
    + """\
checklists:
  before:
    - {item: Ticket named, gate: ticket}
    - {item: On-call <!channel> briefed, attest: platform-lead}
    - {item: Dashboards ready, attest: release-manager}
"""
)
BRIEFED, READY = "On-call <!channel> briefed", "Dashboards ready"


def tick_of(item: str, role: str, person: str, revision: int = 1) -> Attestation:
    by = Actor(via="slack:T0ACME/U", person=person)
    return Attestation(item=item, role=role, by=by, at=NOW - 3 * MINUTE, revision=revision)


READINESS = Readiness(outcomes=(gate("ticket", "ticket", ticket="CHG-1"),), judged_at=NOW, policy_digest="p")


@pytest.fixture
def policy() -> Policy:
    return make_policy(WITH_LIST)


def buttons(blocks: Any) -> dict[str, tuple[str, str]]:
    """Label and value of each button beside an item, by the item's line."""
    return {
        b["text"]["text"].split("\n")[0]: (b["accessory"]["action_id"], b["accessory"]["value"])
        for b in blocks
        if "accessory" in b
    }


async def value_of(ledger: Ledger, policy: Policy, item: str) -> str:
    found = await listed(ledger, policy, "DEP-42")
    key = next(e.key for e in found.entries if e.item.item == item)
    return f"DEP-42 {found.request.revision} {key}"


@pytest.mark.requirement("P18")
async def test_the_list_shows_each_item_who_ticked_it_and_who_may(people: People, ledger: Ledger) -> None:
    await waiting(ledger, readiness=READINESS, attested=(tick_of(READY, "release-manager", "bo"),))
    answer = await people.command(LIN, "checklist 42")
    said = shown(answer.body)
    assert said.startswith("*Checklist before: 2 of 3 ticked*  DEP-42 checkout `7a3f9c2` → production")
    assert "✓ *ticked* Ticket named\n      by the gate ticket, which passes" in said
    assert "○ *open* On-call &lt;!channel&gt; briefed\n      ada may tick it, as platform-lead" in said
    assert "✓ *ticked* Dashboards ready\n      bo, as release-manager, <!date^" in said
    assert "(3 min ago)" in said
    assert list(buttons(answer.body["blocks"])) == ["○ *open* On-call &lt;!channel&gt; briefed"]


async def test_untick_stands_beside_ones_own_tick_alone(people: People, ledger: Ledger) -> None:
    await waiting(ledger, readiness=READINESS, attested=(tick_of(READY, "release-manager", "bo"),))
    for reader, actions in ((BO, [TICK, UNTICK]), (ADA, [TICK])):
        answer = await people.command(reader, "checklist 42")
        assert [action for action, _ in buttons(answer.body["blocks"]).values()] == actions


@pytest.mark.requirement("P18")
async def test_a_press_by_the_right_person_ticks_it_and_replaces_the_list(
    people: People, ledger: Ledger, stub: Stub, policy: Policy
) -> None:
    await waiting(ledger, readiness=READINESS)
    value = await value_of(ledger, policy, READY)
    answer = await people.press(BO, TICK, value)
    assert answer.status == 200
    (reply,) = await until(lambda: stub.replies)
    assert reply["replace_original"] is True
    assert "✓ *ticked* Dashboards ready" in str(reply["blocks"])
    (made,) = await requests(ledger)
    assert [(t.item, t.by.person, t.role) for t in made.attested] == [(READY, "bo", "release-manager")]
    await people.press(BO, UNTICK, value, ts="2.1")
    await until(lambda: len(stub.replies) == 2)
    (made,) = await requests(ledger)
    assert made.attested == ()


@pytest.mark.requirement("P18")
@pytest.mark.parametrize(
    ("user", "said"),
    [
        (
            LIN,
            "“Dashboards ready” takes somebody who is release-manager, and you are not. Who may tick it: bo.",
        ),
        (STRANGER, "Your Slack account stands for nobody in the policy"),
    ],
)
async def test_a_press_by_somebody_without_the_role_is_refused_in_one_sentence(
    people: People, ledger: Ledger, stub: Stub, policy: Policy, user: str, said: str
) -> None:
    await waiting(ledger, readiness=READINESS)
    await people.press(user, TICK, await value_of(ledger, policy, READY))
    (reply,) = await until(lambda: stub.replies)
    assert said in reply["text"]
    assert reply["replace_original"] is False
    (made,) = await requests(ledger)
    assert made.attested == ()


async def test_a_list_that_is_gone_is_told_again_below(
    people: People, ledger: Ledger, stub: Stub, policy: Policy
) -> None:
    await waiting(ledger, readiness=READINESS)
    stub.failures.append(web.Response(status=404, text="message_not_found"))
    await people.press(BO, TICK, await value_of(ledger, policy, READY))
    await until(lambda: len(stub.replies) == 2)
    assert [r["replace_original"] for r in stub.replies] == [True, False]
    (made,) = await requests(ledger)
    assert len(made.attested) == 1


@pytest.mark.parametrize(
    "value", ["", "DEP-42", "DEP-42 1", "DEP-42 0 0123456789ab", "DEP-42 1 0123456789ab x"]
)
async def test_a_button_of_another_shape_changes_nothing(
    people: People, ledger: Ledger, stub: Stub, value: str
) -> None:
    await waiting(ledger, readiness=READINESS)
    await people.press(BO, TICK, value)
    (reply,) = await until(lambda: stub.replies)
    assert "Something broke here" in reply["text"]
    (made,) = await requests(ledger)
    assert made.attested == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("checklist", "Say which request: /deploy checklist ID."),
        ("checklist soon", "“soon” is no request."),
        ("checklist 404", "There is no request DEP-404."),
    ],
)
async def test_bad_input_gets_one_clear_sentence(people: People, text: str, said: str) -> None:
    assert said in shown((await people.command(LIN, text)).body)


async def test_an_environment_without_one_says_so(people: People, ledger: Ledger) -> None:
    await waiting(ledger, environment="staging")
    answer = await people.command(LIN, "checklist 42")
    assert "staging asks for no checklist, so DEP-42 has none." in shown(answer.body)


async def test_a_void_tick_is_shown_as_such(people: People, ledger: Ledger) -> None:
    old = tick_of(READY, "release-manager", "bo")
    await waiting(ledger, readiness=READINESS, revision=2, attested=(old,))
    said = shown((await people.command(CY, "checklist 42")).body)
    assert (
        "bo may tick it, as release-manager; bo ticked it 3 min ago for revision 1, which is void: "
        "what is asked for changed" in said
    )


@pytest.mark.parametrize("state", [RequestState.LIVE, RequestState.STARTING, RequestState.EVALUATING])
async def test_what_cannot_be_ticked_has_no_buttons(
    people: People, ledger: Ledger, state: RequestState
) -> None:
    await waiting(ledger, readiness=READINESS, state=state)
    answer = await people.command(BO, "checklist 42")
    assert buttons(answer.body["blocks"]) == {}
    assert "nothing is ticked now." in shown(answer.body)


async def test_the_longest_list_keeps_slacks_limits(ledger: Ledger) -> None:
    items = "\n".join(f"    - {{item: '{n:02} {'<&>' * 65}', attest: platform-lead}}" for n in range(40))
    longest = make_policy(WITH_LIST.partition("checklists:")[0] + f"checklists:\n  before:\n{items}\n")
    await waiting(ledger, readiness=READINESS)
    answer = render(await listed(ledger, longest, "DEP-42"), longest, "ada")
    accepted_by_slack(answer)
    assert len(buttons(answer.blocks)) == 40


# The card

ITEMS: list[JsonValue] = [
    {"item": "Plan written", "gate": "ticket", "status": "passed"},
    {"item": "On-call briefed", "role": "platform-lead"},
    {"item": "Dashboards ready", "role": "release-manager", "by": "bo", "at": NOW.isoformat()},
]
OPEN = GateOutcome(
    gate="checklist",
    status=Status.WAITING,
    code="open",
    awaits="checklist before",
    facts={"name": "before", "request": "DEP-42", "items": ITEMS},
)


@pytest.mark.requirement("P18")
@pytest.mark.parametrize("state", [RequestState.AWAITING_APPROVAL, RequestState.APPROVED])
def test_the_card_counts_names_what_is_open_and_leads_to_the_list(
    state: RequestState, policy: Policy
) -> None:
    asked = request(state=state, readiness=replace(READINESS, outcomes=(*READINESS.outcomes, OPEN)))
    card = request_card.render(view(asked), policy)
    accepted_by_slack(card)
    said = text_of(card)
    assert "◷ *waits* checklist 2 of 3; open: On-call briefed (platform-lead)" in said
    assert "is lifted" not in said
    assert said.count("xpires") == 1
    assert "request_checklist" in str(card.blocks)


@pytest.mark.requirement("P18")
async def test_the_cards_button_shows_the_list(people: People, ledger: Ledger, stub: Stub) -> None:
    await waiting(ledger, readiness=READINESS)
    await people.press(ADA, request_card.CHECKLIST, "DEP-42")
    (reply,) = await until(lambda: stub.replies)
    assert reply["replace_original"] is False
    assert "Checklist before: 1 of 3 ticked" in reply["text"]
