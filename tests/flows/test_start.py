"""Starting: at once with the last seat, by itself where the request said when, else when somebody presses Start."""

from datetime import UTC, datetime
from typing import Any

import pytest

from bot.domain.change_request import Start
from bot.domain.environment import Colour
from bot.domain.refusal import Refusal
from bot.flows import close
from bot.flows.answer_incident import resolve
from tests.flows.fakes import NEXT_DIGEST, NEXT_TAG, OLD_TAG
from tests.flows.policy_text import AUTHORS_MAY, ONE_SEAT
from tests.flows.world import DAY, HOUR, MINUTE, SECOND, World

SATURDAY = datetime(2026, 11, 14, 15, 0, tzinfo=UTC)
MONDAY_MIDNIGHT = datetime(2026, 11, 16, 5, 0, tzinfo=UTC)


async def soaking(world: World, **changes: Any) -> World:
    """DEP-1 is approved, and its artifact soaks for 40 more minutes."""
    await world.ready()
    await world.prove(NEXT_TAG, NEXT_DIGEST, soaked=20 * MINUTE)
    await world.ask(artifact=NEXT_TAG, **changes)
    await world.run_timers()
    await world.approve("ada", "cy")
    assert await world.state_of() == "approved"
    await world.deliveries()
    return world


@pytest.mark.requirement("P1")
@pytest.mark.requirement("P9")
async def test_with_the_last_seat_and_every_gate_passed_it_starts_at_once(world: World) -> None:
    await world.ready()
    await world.ask()
    await world.run_timers()
    await world.approve("ada")
    assert world.deployer.started == []
    await world.approve("cy")
    (run,) = world.deployer.started
    request = await world.request()
    assert (run.id, run.artifact, run.rollback_target and run.rollback_target.tag) == (
        "DEP-1/1",
        request.artifact,
        OLD_TAG,
    )
    assert await world.state_of() == "live"
    assert await world.types("request/DEP-1") == [
        "request.submitted",
        "request.awaiting-approval",
        "request.starting",
        "request.live",
    ]


@pytest.mark.requirement("P3")
@pytest.mark.requirement("P9")
async def test_what_waited_and_said_no_instant_is_started_by_a_person_only(world: World) -> None:
    await soaking(world)
    await world.pass_time(40 * MINUTE)
    assert await world.state_of() == "approved"
    assert await world.told("request-answer", "lin") == ["ready-to-start"]
    await world.pass_time(HOUR)
    assert world.deployer.started == []
    assert await world.told("request-answer") == []  # told once
    await world.press_start()
    assert world.deployer.started == []  # durable first
    await world.run_timers()
    assert await world.state_of() == "live"
    (starting,) = [e for e in await world.entries("request/DEP-1") if e["type"] == "request.starting"]
    assert starting["by"]["person"] == "lin"


@pytest.mark.requirement("P3")
async def test_what_waited_and_said_when_starts_by_itself_at_that_instant(world: World) -> None:
    await soaking(world, start=Start(mode="next"))
    await world.pass_time(40 * MINUTE - SECOND)
    assert world.deployer.started == []
    await world.pass_time(SECOND)
    assert await world.state_of() == "live"
    assert world.deployer.started[0].intended_at == world.clock.now()


@pytest.mark.requirement("P6")
async def test_a_request_for_an_instant_starts_then_and_not_before(world: World) -> None:
    at = world.clock.now() + 3 * HOUR
    await world.ready()
    await world.ask(start=Start(mode="at", at=at))
    await world.run_timers()
    await world.approve("ada", "cy")
    assert await world.state_of() == "approved"
    assert "ready-to-start" not in await world.told("request-answer")
    await world.pass_until(at - SECOND)
    assert world.deployer.started == []
    await world.pass_until(at)
    assert await world.state_of() == "live"


@pytest.mark.requirement("K5")
async def test_what_was_to_start_by_itself_is_judged_again_at_the_instant(world: World) -> None:
    at = world.clock.now() + 3 * HOUR
    await world.ready()
    await world.ask(start=Start(mode="at", at=at))
    await world.run_timers()
    await world.approve("ada", "cy")
    await world.pass_time(HOUR)
    await world.see("production", "db", Colour.RED)
    await world.pass_until(at + HOUR)
    assert await world.state_of() == "approved"
    assert world.deployer.started == []
    await world.see("production", "db", Colour.GREEN)
    await world.run_timers()
    assert await world.state_of() == "live"


@pytest.mark.requirement("P6")
async def test_the_weekend_delays_until_it_is_over(world: World) -> None:
    world.clock.at = SATURDAY
    await world.ready()
    await world.ask(start=Start(mode="next"))
    await world.run_timers()
    await world.approve("ada", "vic")
    await world.pass_until(MONDAY_MIDNIGHT - SECOND)
    assert world.deployer.started == []
    await world.pass_until(MONDAY_MIDNIGHT)
    assert [r.intended_at for r in world.deployer.started] == [MONDAY_MIDNIGHT]


@pytest.mark.requirement("P6")
async def test_a_freeze_delays_until_it_lifts(world: World) -> None:
    world.clock.at = datetime(2026, 11, 30, 20, 0, tzinfo=UTC)
    await world.ready()
    await world.ask(start=Start(mode="next"))
    await world.run_timers()
    await world.approve("ada", "vic")
    lifted = datetime(2026, 12, 1, 5, 0, tzinfo=UTC)
    await world.pass_until(lifted)
    assert [r.intended_at for r in world.deployer.started] == [lifted]


async def test_start_when_something_blocks_says_so_and_starts_nothing(world: World) -> None:
    await soaking(world)
    await world.pass_time(40 * MINUTE)
    await world.see("production", "db", Colour.RED)
    await world.run_timers()
    await world.deliveries()
    await world.press_start()
    await world.run_timers()
    assert await world.told("request-answer", "lin") == ["not-started"]
    assert world.deployer.started == []
    assert (await world.request()).asked_to_start is None
    await world.see("production", "db", Colour.GREEN)
    await world.run_timers()
    assert world.deployer.started == []  # the press is used up
    assert await world.told("request-answer", "lin") == ["ready-to-start"]


async def test_an_approver_may_press_start_and_is_told_when_it_does_not(world: World) -> None:
    await soaking(world)
    await world.press_start("ada")
    await world.run_timers()
    owed = await world.deliveries("request-answer")
    assert {(d.destination, d.facts["code"]) for d in owed} == {
        ("slack:user:U05LIN", "not-started"),
        ("slack:user:U01ADA", "not-started"),
    }
    await world.pass_time(40 * MINUTE)
    await world.press_start("ada")
    await world.run_timers()
    assert await world.state_of() == "live"


async def test_nobody_else_may_press_start(world: World) -> None:
    await soaking(world)
    await world.reload(AUTHORS_MAY, ONE_SEAT)
    with pytest.raises(Refusal, match="no-seat"):
        await world.press_start("cy")


async def test_start_pressed_twice_starts_once(world: World) -> None:
    await soaking(world)
    await world.pass_time(40 * MINUTE)
    for _ in range(2):
        await close.ask_to_start(world.ledger, world.policy, world.asker("lin"), "DEP-1", key="action:1")
    await world.run_timers()
    assert len(world.deployer.started) == 1
    with pytest.raises(Refusal, match="not-approved"):
        await world.press_start()


async def test_a_warning_is_no_bar_for_who_gave_a_reason(world: World) -> None:
    world.clock.at = datetime(2026, 11, 13, 18, 30, tzinfo=UTC)  # Friday 13:30
    await soaking(world, reason="Refunds are stuck", start=Start(mode="next"))
    await world.pass_time(40 * MINUTE)
    assert await world.state_of() == "live"


async def test_two_rollouts_of_one_service_never_run_at_once_in_one_place(world: World) -> None:
    """The second is approved while the first rolls out; what it would replace is another version afterwards."""
    await world.ready()
    await world.prove(NEXT_TAG, NEXT_DIGEST, soaked=90 * MINUTE)
    await world.ask()
    await world.ask(artifact=NEXT_TAG)
    await world.run_timers()
    for person in ("ada", "cy"):
        await world.sign(person, "DEP-1")
        await world.sign(person, "DEP-2")
    await world.fire("evaluate", "DEP-1")
    await world.fire("evaluate", "DEP-2")
    assert [await world.state_of(r) for r in ("DEP-1", "DEP-2")] == ["starting", "approved"]
    assert await world.outcome("one-at-a-time", "DEP-2") == ("blocked", "another-run")
    await world.run_timers()
    assert [await world.state_of(r) for r in ("DEP-1", "DEP-2")] == ["live", "awaiting-approval"]
    assert len(world.deployer.started) == 1
    assert set((await world.standing("DEP-2")).values()) == {("void", "facts-changed")}
    await world.approve("ada", "cy", request_id="DEP-2")
    assert await world.state_of("DEP-2") == "live"


async def test_after_a_failed_rollout_the_next_one_is_offered_not_started(world: World) -> None:
    await world.ready()
    await world.prove(NEXT_TAG, NEXT_DIGEST, soaked=90 * MINUTE)
    world.deployer.result = type(world.deployer.result)(succeeded=False, code="exit-1", output="")
    await world.ask()
    await world.ask(artifact=NEXT_TAG)
    await world.run_timers()
    for person in ("ada", "cy"):
        await world.sign(person, "DEP-1")
        await world.sign(person, "DEP-2")
    await world.fire("evaluate", "DEP-1")
    await world.deliveries()
    await world.run_timers()
    assert [await world.state_of(r) for r in ("DEP-1", "DEP-2")] == ["failed", "approved"]
    assert len(world.deployer.started) == 1
    waiting = await world.request("DEP-2")
    assert waiting.readiness is not None
    assert "incident-open" in {o.code for o in waiting.readiness.outcomes}  # the failure opened one (P21)
    await resolve(world.ledger, world.policy, world.asker("cy"), "INC-1")
    await world.run_timers()
    assert "ready-to-start" in [
        d.facts["code"] for d in await world.deliveries("request-answer") if d.subject == "DEP-2"
    ]


async def test_an_approval_is_worth_nothing_after_the_request_expired(world: World) -> None:
    await soaking(world)
    await world.pass_time(2 * DAY)  # it waited for its soak, and lives a day from there
    assert await world.state_of() == "expired"
    assert world.deployer.started == []
