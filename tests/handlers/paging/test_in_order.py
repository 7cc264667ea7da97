"""PagerDuty ends up with what is so here, whatever order things happened in and whatever was lost on the way."""

import random
from collections.abc import Awaitable
from contextlib import suppress
from datetime import timedelta

import pytest

from bot.domain.refusal import Refusal
from bot.flows.escalate import raise_now
from tests.flows.paging_world import green, red
from tests.handlers.paging.outside import Outside

pytestmark = pytest.mark.requirement("F14")
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize("seed", range(8))
async def test_nothing_is_left_open_there_that_is_over_here(o: Outside, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    world = o.world
    await red(world)
    for number in range(12):
        match chance.choice(["fault", "lost", "acknowledge", "raise", "time", "time"]):
            case "fault":
                o.pagerduty.faults.arm("answer", path="enqueue", status=503, times=chance.randint(1, 7))
            case "lost":
                o.pagerduty.lose_answers += 1
            case "acknowledge":
                await _tried(o.acknowledge("ada"))
            case "raise":
                await _tried(
                    raise_now(world.ledger, world.policy, world.asker("ada"), "INC-1", key=f"k{number}")
                )
            case "time":
                await o.pass_time(timedelta(seconds=chance.choice([1, 30, 600])))
    await o.resolve("ada")
    await green(world)  # RED would be heard of again after an hour, as another incident

    async def told() -> bool:
        await o.pass_time(MINUTE)
        return "resolve" in o.actions() and not o.pagerduty.lose_answers

    o.pagerduty.lose_answers = 0
    await o.until(told, "the end to be told")
    for _ in range(10):
        await o.pass_time(10 * MINUTE)
    actions = o.actions()
    assert "trigger" not in actions[actions.index("resolve") :]
    assert o.pagerduty.incidents.open(o.key) is None
    assert len(o.pagerduty.incidents.all) <= 1


async def _tried(doing: Awaitable[None]) -> None:
    """What cannot be done now is left."""
    with suppress(Refusal):
        await doing
