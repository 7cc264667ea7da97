"""An opening, the whole way: two approved requests wait for it, the newest starts, the older is told so."""

from datetime import timedelta

import pytest

from bot.adapters.clock import SystemClock
from bot.domain.change_request import RequestState
from bot.flows.asking import Asker
from bot.flows.freeze import Declaration, declare, lift
from tests.scenarios.conftest import Make
from tests.scenarios.hands import ADA, DEPLOYMENTS, LIN, RELEASES
from tests.scenarios.stage import GOOD, Stage

pytestmark = [pytest.mark.requirement("P6"), pytest.mark.requirement("P9"), pytest.mark.requirement("P12")]

LASTS = timedelta(hours=2)
FREEZES = "  freezes:\n"
NO_CLOCK = ("contract: true, ", "")
"""The health that production answers with says when it was; ours is hours ahead of that."""


def frozen_for_two_hours() -> tuple[str, str]:
    """An edit of the policy: the catalogue, which is open at any hour, is frozen around now."""
    now = SystemClock().now().replace(microsecond=0)
    dates = f'from: "{(now - LASTS).isoformat()}", to: "{(now + LASTS).isoformat()}"'
    rule = f"{{name: stocktaking, services: [catalogue], environments: [production], {dates}, reason: Stocktaking}}"
    return FREEZES, f"{FREEZES}    - {rule}\n"


async def two_wait(stage: Stage) -> tuple[str, str, str]:
    """An older and a newer request that are approved and start by themselves, and one that nobody approved."""
    newer_tag = await stage.publish(soaked=timedelta(minutes=110))
    third_tag = await stage.publish(soaked=timedelta(minutes=45))
    older = await stage.ask(f"catalogue {GOOD} ticket=CHG-1 at=next")
    newer = await stage.ask(f"catalogue {newer_tag} ticket=CHG-2 at=next")
    third = await stage.ask(f"catalogue {third_tag} ticket=CHG-3 at=next")
    await stage.approve("ada", older)
    await stage.approve("bo", newer)
    for request in (older, newer):
        await stage.until(request, RequestState.APPROVED)
    await stage.card(third, "Approve")
    assert stage.calls() == []
    return older, newer, third


async def the_newest_started(stage: Stage, older: str, newer: str, third: str) -> None:
    ended = await stage.until(older, RequestState.CANCELLED)
    await stage.until(newer, RequestState.LIVE)
    assert ended.closing is not None
    assert (ended.closing.code, ended.closing.reason) == ("superseded", newer)
    card = await stage.card(older, "Cancelled", f"{newer} is newer and started instead")
    await stage.message(DEPLOYMENTS, f"{newer}", "is newer and started instead", thread_of=card["ts"])
    await stage.told(LIN, older, f"{newer} is newer and started instead")
    await stage.message(RELEASES, "Live", newer)
    assert (await stage.request(third)).state is RequestState.AWAITING_APPROVAL
    live = await stage.request(newer)
    assert stage.calls() == [f"start catalogue production {live.artifact.digest}"]
    await stage.intact()


async def test_when_a_freeze_ends_the_newest_that_was_approved_starts_and_nothing_else(
    make_stage: Make,
) -> None:
    stage = await make_stage(NO_CLOCK, frozen_for_two_hours())
    older, newer, third = await two_wait(stage)
    await stage.card(newer, "Starts by itself", "closed by the freeze stocktaking (Stocktaking)")
    acked = await stage.deploy(LIN, "when catalogue production")
    assert "Looking for the earliest start of catalogue in production" in acked
    await stage.told(LIN, "earliest start", "stocktaking", "/deploy request catalogue", "at=next")
    await stage.advance(LASTS - timedelta(minutes=10))
    await stage.quiet()
    assert stage.calls() == []
    await stage.advance(timedelta(minutes=11))
    await the_newest_started(stage, older, newer, third)


async def test_when_a_freeze_without_an_end_is_lifted_the_newest_that_was_approved_starts(
    make_stage: Make,
) -> None:
    stage = await make_stage(NO_CLOCK)
    ada = Asker(team="T1", user=ADA)
    policy = stage.policy()
    freeze = await declare(stage.ledger, policy, ada, Declaration(reason="Stocktaking"), key="declare")
    older, newer, third = await two_wait(stage)
    lifts = f"Ada or Bo may: /deploy unfreeze {freeze.id}"
    await stage.card(newer, f"frozen by {freeze.id} (Stocktaking) until somebody lifts it; {lifts}")
    await stage.advance(timedelta(hours=3))
    await stage.quiet()
    assert stage.calls() == []
    await lift(stage.ledger, policy, ada, freeze.id, "Counted", key="lift")
    await the_newest_started(stage, older, newer, third)


async def test_a_start_at_an_instant_that_is_frozen_is_told_at_once_with_the_opening(
    make_stage: Make,
) -> None:
    stage = await make_stage(NO_CLOCK, frozen_for_two_hours())
    at = (stage.clock.now() + LASTS / 2).isoformat(timespec="seconds")
    answer = await stage.deploy(LIN, f"request catalogue {GOOD} ticket=CHG-1 at={at}")
    assert "The calendar is closed at" in answer
    assert "it opens" in answer
    request = "DEP-1"
    await stage.approve("ada", request)
    await stage.until(request, RequestState.APPROVED)
    await stage.advance(LASTS / 2 + timedelta(minutes=5))
    await stage.quiet()
    assert stage.calls() == []
    await stage.advance(LASTS / 2)
    await stage.until(request, RequestState.LIVE)
