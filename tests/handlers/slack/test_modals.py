"""The form, the second factor and the reason: modals posted at the real app."""

import json
from typing import Any

import pytest

from bot.domain.approval import ApprovalState
from bot.domain.audit import Fact
from bot.domain.change_request import RequestState
from storage.ledger import Ledger
from tests.handlers.slack.conftest import People, Stub, until
from tests.handlers.slack.examples import request
from tests.handlers.slack.workspace import ADA, BO, CY, LIN, STRANGER, requests, shown, waiting


async def form(people: People, stub: Stub) -> dict[str, Any]:
    answer = await people.command(LIN, "request")
    assert "The form opens now" in shown(answer.body)
    opened = await until(lambda: stub.of("views.open"))
    view: dict[str, Any] = opened[0]["view"]
    return view


FILLED = {
    "service": "checkout",
    "artifact": "7a3f9c2",
    "environment": "production",
    "ticket": "CHG-1",
    "reason": "",
}


async def test_the_form_asks_like_the_command(people: People, ledger: Ledger, stub: Stub) -> None:
    answer = await people.submit(LIN, await form(people, stub), FILLED)
    assert answer.body == ""
    (made,) = await requests(ledger)
    assert (made.service, made.environment, made.ticket, made.reason) == (
        "checkout",
        "production",
        "CHG-1",
        None,
    )
    assert "DEP-1" in shown((await until(lambda: stub.replies))[0])
    reply = await ledger.read(lambda tx: tx.place("DEP-1", "reply"))
    assert reply is not None
    assert reply["user"] == LIN
    assert str(reply["response_url"]).endswith("/response/1")


@pytest.mark.parametrize(
    ("changed", "field", "said"),
    [
        ({"artifact": "no tag"}, "artifact", "is no image tag"),
        ({"artifact": ""}, "artifact", "is no image tag"),
        ({"ticket": "C" * 70}, "ticket", "The ticket has 70 characters"),
        ({"reason": "x" * 1001}, "reason", "The reason has 1001 characters"),
        ({"service": "gone"}, "service", "There is no service “gone”"),
    ],
)
async def test_what_a_field_is_refused_for_stands_beside_it(
    changed: dict[str, str], field: str, said: str, people: People, ledger: Ledger, stub: Stub
) -> None:
    answer = await people.submit(LIN, await form(people, stub), FILLED | changed)
    assert answer.body["response_action"] == "errors"
    assert said in answer.body["errors"][field]
    assert await requests(ledger) == []


async def test_the_same_form_sent_twice_asks_once(people: People, ledger: Ledger, stub: Stub) -> None:
    opened = await form(people, stub)
    await people.submit(LIN, opened, FILLED, view_id="V1")
    await people.submit(LIN, opened, FILLED, view_id="V1")
    assert len(await requests(ledger)) == 1


async def test_a_form_that_cannot_open_says_so(people: People, stub: Stub) -> None:
    stub.fail("expired_trigger_id")
    await people.command(LIN, "request")
    assert "Slack did not take the answer (expired_trigger_id)" in shown(
        (await until(lambda: stub.replies))[0]
    )


async def approve_modal(people: People, stub: Stub, user: str = ADA) -> dict[str, Any]:
    answer = await people.press(user, "request_approve", "DEP-42")
    assert (answer.status, answer.body) == (200, "")
    opened = await until(lambda: stub.of("views.open"))
    view: dict[str, Any] = opened[-1]["view"]
    return view


@pytest.mark.requirement("P8")
async def test_an_approval_needs_a_second_factor_and_is_bound_to_what_was_shown(
    people: People, ledger: Ledger, stub: Stub
) -> None:
    await waiting(ledger)
    opened = await approve_modal(people, stub)
    assert json.loads(opened["private_metadata"])["fingerprint"] == request().fingerprint
    answer = await people.submit(ADA, opened, {"code": "999 999"})
    assert answer.body["response_action"] == "update"
    assert "Recorded: you signed DEP-42." in answer.body["view"]["blocks"][0]["text"]["text"]
    (signature,) = await ledger.read(lambda tx: tx.approvals.of("DEP-42"))
    assert (signature.person, signature.state, signature.fingerprint) == (
        "ada",
        ApprovalState.SIGNED,
        request().fingerprint,
    )


async def test_a_wrong_code_stands_beside_its_field_and_is_counted(
    people: People, ledger: Ledger, stub: Stub
) -> None:
    await waiting(ledger)
    opened = await approve_modal(people, stub)
    answer = await people.submit(ADA, opened, {"code": "000000"})
    assert answer.body["errors"] == {
        "code": "That code is wrong. 4 tries are left. Codes change every 30 seconds."
    }
    for _ in range(3):
        await people.submit(ADA, opened, {"code": "000000"})
    last = await people.submit(ADA, opened, {"code": "000000"})
    assert "approving is locked for you for 15 minutes" in last.body["errors"]["code"]
    locked = await people.submit(ADA, opened, {"code": "999999"})
    assert "Too many wrong codes" in locked.body["view"]["blocks"][0]["text"]["text"]
    assert await ledger.read(lambda tx: tx.approvals.of("DEP-42")) == []


async def test_the_same_approval_sent_twice_signs_once(people: People, ledger: Ledger, stub: Stub) -> None:
    await waiting(ledger)
    opened = await approve_modal(people, stub)
    for _ in range(2):
        answer = await people.submit(ADA, opened, {"code": "999999"}, view_id="V9")
        assert answer.body["response_action"] == "update"
    assert len(await ledger.read(lambda tx: tx.approvals.of("DEP-42"))) == 1


async def test_what_changed_while_it_was_read_is_not_approved(
    people: People, ledger: Ledger, stub: Stub
) -> None:
    await waiting(ledger)
    opened = await approve_modal(people, stub)
    await ledger.write(lambda tx: tx.requests.put(request(revision=2, fingerprint="sha256:" + "cd" * 32), Fact(type="request.revised")))  # fmt: skip
    answer = await people.submit(ADA, opened, {"code": "999999"})
    assert "changed while you read it" in answer.body["view"]["blocks"][0]["text"]["text"]
    assert await ledger.read(lambda tx: tx.approvals.of("DEP-42")) == []


@pytest.mark.parametrize(
    ("user", "action", "said"),
    [
        (LIN, "request_approve", "nobody approves their own change"),
        (
            CY,
            "request_approve",
            "This takes somebody who is platform-lead or release-manager, and you are not.",
        ),
        (STRANGER, "request_approve", "Your Slack account stands for nobody"),
        (LIN, "request_reject", "nobody approves their own change"),
        (CY, "request_reject", "and you are not"),
        (CY, "request_start", "DEP-42 cannot start: it waits for approval."),
    ],
)
async def test_whoever_may_not_is_told_why_and_alone(
    user: str, action: str, said: str, people: People, ledger: Ledger, stub: Stub
) -> None:
    await waiting(ledger)
    assert (await people.press(user, action, "DEP-42")).status == 200
    (reply,) = await until(lambda: stub.replies)
    assert said in shown(reply)
    assert not stub.calls


async def test_whoever_has_no_second_factor_learns_how_to_get_one(
    people: People, ledger: Ledger, stub: Stub
) -> None:
    await ledger.write(lambda tx: tx.requests.put(request(), Fact(type="request.submitted")))
    await people.press(ADA, "request_approve", "DEP-42")
    assert "You have no second factor here yet" in shown((await until(lambda: stub.replies))[0])


@pytest.mark.requirement("P10")
async def test_a_rejection_keeps_its_reason(people: People, ledger: Ledger, stub: Stub) -> None:
    await waiting(ledger)
    await people.press(BO, "request_reject", "DEP-42")
    opened = (await until(lambda: stub.of("views.open")))[0]["view"]
    empty = await people.submit(BO, opened, {"reason": "   "})
    assert empty.body["errors"]["reason"].startswith("Give a reason")
    assert (await people.submit(BO, opened, {"reason": "Not before the sale ends"})).body == ""
    (made,) = await requests(ledger)
    assert made.state is RequestState.REJECTED
    assert (made.closing.by.person, made.closing.reason) == ("bo", "Not before the sale ends")


async def test_details_are_for_whoever_asks_alone(people: People, ledger: Ledger, stub: Stub) -> None:
    await waiting(ledger)
    await people.press(CY, "request_details", "DEP-42")
    (reply,) = await until(lambda: stub.replies)
    assert shown(reply).startswith("*DEP-42 waits for approval: ")
