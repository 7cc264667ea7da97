"""Reject, cancel and press Start: the safe direction is easy, and each is decided once."""

import pytest

from bot.domain.refusal import Refusal
from bot.flows import close
from tests.flows.policy_text import REWORDED
from tests.flows.world import DAY, MINUTE, World


@pytest.fixture
async def asked(world: World) -> World:
    """DEP-1 of Lin awaits approval, and nothing is owed."""
    await world.ready()
    await world.ask()
    await world.run_timers()
    await world.deliveries()
    return world


async def refused(doing: object) -> str:
    with pytest.raises(Refusal) as raised:
        await doing  # type: ignore[misc]
    return raised.value.code


@pytest.mark.requirement("P10")
async def test_a_rejection_keeps_its_reason_and_who_gave_it(asked: World) -> None:
    await asked.reject("bo", reason="  The café's till is open <!channel> ")
    request = await asked.request()
    assert request.state.value == "rejected"
    assert request.closing is not None
    assert (request.closing.by.person, request.closing.reason) == ("bo", "The café's till is open <!channel>")
    owed = [(d.kind, d.facts.get("code")) for d in await asked.deliveries()]
    assert owed == [("request-answer", "rejected"), ("request-card", None), ("request-note", "rejected")]
    assert await asked.next_timer() is None
    assert (await asked.entries("request/DEP-1"))[-1]["by"]["person"] == "bo"


@pytest.mark.requirement("P10")
@pytest.mark.parametrize("reason", [None, "", "  \n "])
async def test_a_rejection_without_a_reason_is_refused_and_leaves_nothing(
    asked: World, reason: str | None
) -> None:
    before = await asked.everything()
    assert await refused(asked.reject("bo", reason=reason)) == "no-reason"
    assert await asked.everything() == before


async def test_only_who_could_hold_a_seat_rejects(asked: World) -> None:
    assert await refused(asked.reject("lin")) == "own-request"
    assert await refused(asked.reject("mallory")) == "unknown-person"
    await asked.reload(("exclude: [requester,", "exclude: [requester, vic,"))
    await asked.run_timers()
    assert await refused(asked.reject("vic")) == "excluded"


async def test_rejecting_twice_is_one_rejection(asked: World) -> None:
    for _ in range(2):
        await close.reject(asked.ledger, asked.policy, asked.asker("bo"), "DEP-1", "No", key="view:V1")
    assert (await asked.types("request/DEP-1")).count("request.rejected") == 1
    assert await refused(asked.reject("ada")) == "not-awaiting-approval"


async def test_an_approved_request_can_still_be_rejected_before_it_starts(asked: World) -> None:
    asked.registry.silent = True  # so that it cannot start
    await asked.approve("ada", "cy")
    assert await asked.state_of() == "approved"
    await asked.reject("vic")
    asked.registry.silent = False
    await asked.pass_time(DAY)
    assert asked.deployer.started == []


async def test_the_requester_cancels_and_so_does_who_could_hold_a_seat(asked: World) -> None:
    await asked.cancel("lin")
    assert await asked.state_of() == "cancelled"
    assert await asked.told("request-answer") == []  # they did it themselves
    await asked.ask()
    await asked.cancel("ada", "DEP-2")  # while it is still checked
    assert await asked.told("request-answer", "lin") == ["cancelled"]


async def test_nobody_else_cancels(asked: World) -> None:
    await asked.ask("ada", environment="staging")
    assert await refused(asked.cancel("bo", "DEP-2")) == "not-yours"
    before = await asked.everything()
    assert await refused(asked.cancel("mallory")) == "unknown-person"
    assert await refused(asked.cancel("lin", "DEP-404")) == "unknown-request"
    assert await asked.everything() == before


async def test_what_started_cannot_be_cancelled_and_what_is_over_is_over(asked: World) -> None:
    await asked.sign("ada")
    await asked.sign("cy")
    await asked.fire("evaluate", "DEP-1")
    assert await asked.state_of() == "starting"
    assert await refused(asked.cancel("lin")) == "too-late"
    await asked.run_timers()
    assert await refused(asked.cancel("lin")) == "too-late"
    assert await refused(asked.reject("ada")) == "not-awaiting-approval"


async def test_cancelling_twice_is_one_cancellation(asked: World) -> None:
    for _ in range(2):
        done = await close.cancel(asked.ledger, asked.policy, asked.asker("lin"), "DEP-1", key="command:T1")
        assert done.state.value == "cancelled"
    assert (await asked.types("request/DEP-1")).count("request.cancelled") == 1


async def test_the_requester_cancels_what_left_the_policy(asked: World) -> None:
    await asked.reload(("  checkout:\n    image", "  cashier:\n    image"))
    assert await refused(asked.cancel("ada")) == "not-yours"
    assert await refused(asked.reject("ada")) == "no-longer-in-policy"
    await asked.cancel("lin")
    assert await asked.state_of() == "cancelled"


@pytest.mark.requirement("P9")
async def test_start_is_refused_before_the_quorum_approved(asked: World) -> None:
    assert await refused(asked.press_start()) == "not-approved"
    await asked.approve("ada")
    assert await refused(asked.press_start()) == "not-approved"


@pytest.mark.requirement("P9")
async def test_approvals_that_became_void_start_nothing(asked: World) -> None:
    asked.registry.silent = True
    await asked.approve("ada", "cy")
    asked.registry.silent = False
    await asked.press_start()
    await asked.reload(REWORDED)
    await asked.run_timers()
    assert await asked.state_of() == "awaiting-approval"
    assert asked.deployer.started == []
    assert "not-started" in await asked.told("request-answer")
    await asked.pass_time(MINUTE)
    assert asked.deployer.started == []
