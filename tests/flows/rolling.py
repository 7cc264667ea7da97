"""What the tests of rollouts in steps share: their policy, freezes put straight into the ledger, and who holds what."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from bot.domain.audit import Fact
from bot.domain.change_request import Actor
from bot.domain.deployment import Run
from bot.domain.freeze import Freeze, FreezeClass
from bot.flows import hold as holding
from bot.flows.rollouts import wake_rollouts
from bot.policy import Policy
from bot.ports import Transaction
from tests.flows.policy_text import policy_of
from tests.flows.world import World

SHIFTS = (
    'start: [./deploy.sh, "{environment}", "{artifact}"]',
    'start: [./deploy.sh, "{artifact}", "{percent}"], shift: [./shift.sh, "{artifact}", "{percent}"]',
)
IN_STEPS = ("    severity: P0\n", "    severity: P0\n    rollout: {steps: [25, 50, 100], hold: 5m}\n")
ANALYSED = (
    "    severity: P0\n",
    "    severity: P0\n    rollout: {steps: [25, 50, 100], hold: 5m, analysis: [{name: errors, query: up, fail_above: 1}]}\n",
)


def stepped_policy(*changes: tuple[str, str]) -> Policy:
    """The usual policy, with steps of traffic in production."""
    return policy_of(SHIFTS, *(changes or (IN_STEPS,)))


async def rolling(world: World, *changes: tuple[str, str]) -> None:
    """DEP-1 is approved and its run intended in steps; nothing was called, and nothing is owed."""
    await world.reload(SHIFTS, *(changes or (IN_STEPS,)))
    await world.ready()
    await world.ask()
    await world.run_timers()
    await world.sign("ada")
    await world.sign("cy")
    await world.fire("evaluate", "DEP-1")
    assert [r.state.value for r in await world.runs()] == ["intended"]
    await world.deliveries()


async def declare(world: World, name: str = "FRZ-1", *, hours: float | None = None, **changes: Any) -> None:
    """A freeze of production from now on, as whoever declares one leaves it: recorded, and every rollout woken."""
    now = world.clock.now()
    freeze = Freeze(
        id=name,
        environments=("production",),
        services=(),
        strength=FreezeClass.HARD,
        reason="Peak trading",
        begins_at=now,
        ends_at=None if hours is None else now + timedelta(hours=hours),
        break_glass=False,
        declared_by=Actor(via="slack:T1/U04VIC", person="vic"),
        declared_at=now,
    )

    def step(tx: Transaction) -> None:
        tx.freezes.put(replace(freeze, **changes), Fact(type="freeze.declared"))
        wake_rollouts(tx)

    await world.ledger.write(step)


async def lift(world: World, name: str = "FRZ-1") -> None:
    """Nobody wants the freeze any more."""

    def step(tx: Transaction) -> None:
        freeze = tx.freezes.get(name, lock=True)
        assert freeze is not None
        lifted = replace(freeze, lifted_at=tx.now, lifted_by=freeze.declared_by, lift_reason="It went well")
        tx.freezes.put(lifted, Fact(type="freeze.lifted"))
        wake_rollouts(tx)

    await world.ledger.write(step)


async def hold(
    world: World, person: str, reason: str | None = None, request_id: str = "DEP-1", key: str | None = None
) -> holding.Standing:
    return await holding.hold(
        world.ledger, world.policy, world.asker(person), request_id, reason, key=key or world.key()
    )


async def resume(
    world: World, person: str, reason: str | None = None, request_id: str = "DEP-1", key: str | None = None
) -> holding.Standing:
    return await holding.resume(
        world.ledger, world.policy, world.asker(person), request_id, reason, key=key or world.key()
    )


async def run(world: World, request_id: str = "DEP-1") -> Run:
    """The newest run."""
    return (await world.runs(request_id))[-1]


async def stands(world: World) -> tuple[str, int]:
    """The state of DEP-1's run, and its per cent."""
    found = await run(world)
    return found.state.value, found.reached


def called(world: World) -> list[int]:
    """The per cent of every call that the deployer got, in order."""
    return [r.aim for r in (*world.deployer.started, *world.deployer.shifted)]


async def notes(world: World) -> list[Mapping[str, Any]]:
    """The facts of the notes that are owed; asking takes everything owed away."""
    return [d.facts for d in await world.deliveries("request-note")]


async def due_in(world: World) -> timedelta | None:
    """How far off the run's timer is."""
    due: datetime | None = await world.next_timer()
    return None if due is None else due - world.clock.now()
