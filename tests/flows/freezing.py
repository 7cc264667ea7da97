"""What people do with freezes in the flow tests, and what is announced of them."""

from typing import Any

import pytest

from bot.domain.freeze import Freeze
from bot.domain.refusal import Refusal
from bot.flows import freeze
from tests.flows.world import World


async def declare(world: World, person: str = "lin", **changes: Any) -> Freeze:
    key = changes.pop("key", None) or world.key()
    usual: dict[str, Any] = {"environments": ["production"], "reason": "Peak trading"}
    wanted = freeze.Declaration(**(usual | changes))
    return await freeze.declare(world.ledger, world.policy, world.asker(person), wanted, key=key)


async def lift(world: World, person: str = "lin", freeze_id: str = "FRZ-1", **changes: Any) -> Freeze:
    key = changes.pop("key", None) or world.key()
    reason = changes.pop("reason", "It went well")
    return await freeze.lift(world.ledger, world.policy, world.asker(person), freeze_id, reason, key=key)


async def refused(work: Any) -> str:
    with pytest.raises(Refusal) as caught:
        await work
    return caught.value.code


async def told(world: World) -> list[tuple[str, str]]:
    """What is announced since it was asked last: subject and code."""
    found = await world.deliveries("freeze-note")
    assert {d.destination for d in found} <= {"slack:channel:releases"}
    return [(d.subject, str(d.facts["code"])) for d in found]


async def waiting(world: World, **changes: Any) -> World:
    """DEP-1 is judged and waits for approval; every gate but the calendar has what it wants."""
    await world.ready()
    await world.ask(**changes)
    await world.run_timers()
    return world
