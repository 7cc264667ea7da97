"""Slack fails in every way it has: commands are still acknowledged, what is owed arrives, and nothing counts twice."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.change_request import RequestState
from tests.scenarios.conftest import Make
from tests.scenarios.hands import ADA, DEPLOYMENTS, INCIDENTS, LIN, RELEASES
from tests.scenarios.stage import GOOD, Stage

PASSING: list[dict[str, Any]] = [
    {"kind": "429", "times": 2, "retry_after": 1},
    {"kind": "500", "times": 2},
    {"kind": "hang", "seconds": 1.0},
    {"kind": "reset_after_accept"},
    {"kind": "ok_false", "error": "internal_error"},
    {"kind": "ok_false", "error": "invalid_auth"},  # an operator mends it; tried again after a minute
]


def calls(stage_requests: list[dict[str, Any]], method: str) -> list[dict[str, Any]]:
    return [one for one in stage_requests if one["direction"] == "in" and one["name"] == method]


@pytest.mark.parametrize("fault", PASSING, ids=lambda f: f"{f['kind']} {f.get('error', '')}".strip())
async def test_commands_are_acknowledged_and_the_card_appears_in_the_end(
    stage: Stage, fault: dict[str, Any]
) -> None:
    await stage.people.fault(**{"method": "chat.postMessage", **fault})
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")
    for text in ("status", f"status {request}", "help"):
        assert await stage.deploy(LIN, text)  # it asserts the ack, which Slack waits three seconds for

    async def failed() -> bool:
        made = calls(await stage.people.requests(), "chat.postMessage")
        return any(one["note"] for one in made)

    await stage.wait(failed, what="the fault")
    if fault.get("error") == "invalid_auth":
        await stage.advance(timedelta(seconds=61))
    await stage.card(request, "Approve catalogue")
    await stage.approve("ada", request)
    await stage.until(request, RequestState.LIVE)
    await stage.message(RELEASES, "Live", GOOD)
    await stage.intact()


async def test_a_message_whose_answer_was_lost_is_posted_again_under_the_same_key(stage: Stage) -> None:
    await stage.people.fault("reset_after_accept", method="chat.postMessage")
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")

    async def twice() -> bool:
        return len(await stage.people.messages(DEPLOYMENTS)) == 2

    await stage.wait(twice, what="the duplicate")
    first, second = await stage.people.messages(DEPLOYMENTS)
    assert first["metadata"] == second["metadata"]
    assert all(request in stage.people.text_of(one) for one in (first, second))
    # Both carry buttons, and what is decided on one of them is decided once.
    for card in (first, second):
        await stage.press(ADA, "Approve", card)
        await stage.modal(ADA, f"Approve {request}")
    assert (await stage.people.submit(ADA, {"code": stage.code("ada")})).errors == {}
    await stage.until(request, RequestState.LIVE)
    assert len(stage.calls()) == 1
    assert len(await stage.entries("approval.signed")) == 1


@pytest.mark.parametrize("error", ["not_in_channel", "channel_not_found", "is_archived"])
async def test_a_channel_that_is_dead_delays_no_other(stage: Stage, error: str) -> None:
    newer = await stage.publish()
    await stage.people.fault("ok_false", method="chat.postMessage", error=error)
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")
    await stage.told(LIN, request, "Waits for approval")
    other = await stage.ask(f"catalogue {newer} ticket=CHG-2")
    await stage.card(other, "Approve")
    owed = await stage.read(lambda tx: tx.requests.get(request))
    assert owed is not None
    assert owed.state is RequestState.AWAITING_APPROVAL


async def test_a_channel_that_hangs_does_not_hold_up_the_incident(stage: Stage) -> None:
    await stage.people.fault("hang", method="chat.postMessage", seconds=60)
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")

    async def hanging() -> bool:
        faults = await stage.people._get("faults")
        return bool(faults["faults"] == [])

    await stage.wait(hanging, what="the call that hangs")
    await stage.health("error")
    await stage.message(INCIDENTS, "RED", "production")
    assert (await stage.people.messages(DEPLOYMENTS)) == []
    assert (await stage.request(request)).state is RequestState.AWAITING_APPROVAL


async def test_blocks_that_slack_refuses_do_not_cost_the_message(stage: Stage) -> None:
    await stage.people.fault("ok_false", method="chat.postMessage", error="invalid_blocks")
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")
    card = await stage.card(request, GOOD)
    assert not card.get("blocks")


async def test_a_rate_limited_modal_or_a_dead_trigger_is_told_to_the_person(stage: Stage) -> None:
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")
    card = await stage.card(request, "Approve")
    await stage.people.fault("ok_false", method="views.open", error="expired_trigger_id")
    await stage.press(ADA, "Approve", card)
    await stage.told(ADA, "expired_trigger_id", "nothing was changed")
    assert (await stage.request(request)).state is RequestState.AWAITING_APPROVAL
    await stage.approve("ada", request)
    await stage.until(request, RequestState.LIVE)


@pytest.mark.parametrize("socket_mode", [False, True], ids=["http", "socket-mode"])
async def test_what_slack_delivers_twice_decides_once(make_stage: Make, socket_mode: bool) -> None:
    stage = await make_stage(socket_mode=socket_mode)
    people = stage.people
    await people.fault("deliver_twice", method="/deploy")
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")
    card = await stage.card(request, "Approve")
    assert [r.id for r in await stage.read(lambda tx: tx.requests.newest(limit=9))] == [request]
    await people.fault("deliver_twice", method="request_approve")
    await stage.press(ADA, "Approve", card)
    await stage.modal(ADA, f"Approve {request}")
    await people.fault("deliver_twice", method="view_submission")
    sent = await people.submit(ADA, {"code": stage.code("ada")})
    assert (sent.acknowledged, sent.errors) == (True, {})
    await stage.until(request, RequestState.LIVE)
    assert len(await stage.entries("approval.signed")) == 1
    assert await stage.entries("factor.failed") == []
    assert len(stage.calls()) == 1
    await stage.intact()


async def test_a_rejection_and_a_cancellation_delivered_twice_happen_once(stage: Stage) -> None:
    newer = await stage.publish()
    first = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")
    second = await stage.ask(f"catalogue {newer} ticket=CHG-2")
    await stage.card(first, "Approve")
    await stage.card(second, "Approve")
    await stage.people.fault("deliver_twice", method="view_submission")
    await stage.reject("bo", first, "No")
    await stage.people.fault("deliver_twice", method="/deploy", gap=0.1)
    await stage.deploy(LIN, f"cancel {second}")
    await stage.card(first, "Rejected")
    await stage.card(second, "Cancelled")
    assert len(await stage.entries("request.rejected")) == 1
    assert len(await stage.entries("request.cancelled")) == 1


@pytest.mark.parametrize("socket_mode", [False, True], ids=["http", "socket-mode"])
async def test_a_command_whose_ack_was_lost_stands_all_the_same(make_stage: Make, socket_mode: bool) -> None:
    stage = await make_stage(socket_mode=socket_mode)
    await stage.people.fault("drop_ack", method="/deploy")
    lost = await stage.people.command(LIN, f"request catalogue {GOOD} ticket=CHG-1", channel=DEPLOYMENTS)
    assert not lost.acknowledged
    await stage.told(LIN, "DEP-1", "Waits for approval")
    again = await stage.deploy(LIN, f"request catalogue {GOOD} ticket=CHG-1")
    assert "DEP-1" in again
    assert len(await stage.read(lambda tx: tx.requests.newest(limit=9))) == 1


async def test_a_modal_whose_ack_was_lost_can_be_sent_again_and_counts_once(stage: Stage) -> None:
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")
    await stage.open_approval("ada", request)
    await stage.people.fault("drop_ack", method="view_submission")
    code = {"code": stage.code("ada")}
    assert not (await stage.people.submit(ADA, code)).acknowledged
    second = await stage.people.submit(ADA, code)
    assert (second.acknowledged, second.errors) == (True, {})
    await stage.until(request, RequestState.LIVE)
    assert len(await stage.entries("approval.signed")) == 1


async def test_a_closed_socket_is_opened_again_and_nothing_is_lost(make_stage: Make) -> None:
    stage = await make_stage(socket_mode=True)
    assert stage.bot is not None
    mode = stage.bot.socket_mode
    assert mode is not None
    await stage.people.fault("close_socket")
    request = await asyncio.wait_for(_when_taken(stage), 20)
    await stage.card(request, "Approve")
    await stage.people.wait_for(lambda: mode.connected() == 2, what="both sockets again", timeout=25)
    await stage.approve("bo", request)
    await stage.until(request, RequestState.LIVE)


async def _when_taken(stage: Stage) -> str:
    """Ask until a socket stands that takes it; who asks twice asks for the same request."""
    while True:
        sent = await stage.people.command(LIN, f"request catalogue {GOOD} ticket=CHG-1", channel=DEPLOYMENTS)
        if sent.acknowledged:
            return "DEP-1"
        await asyncio.sleep(0.2)
