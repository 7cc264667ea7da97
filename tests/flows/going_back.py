"""What the tests of rollbacks and withdrawals share: a version that is live, and the verbs that take it back."""

from datetime import timedelta
from typing import Any

from bot.domain.approval import SecondFactor
from bot.domain.deployment import RunResult
from bot.domain.second_factor import Intent, Purpose
from bot.flows import roll_back as rolling_back
from bot.flows import withdraw as withdrawing
from bot.flows.acts import ACTS
from tests.flows.policy_text import ONE_SEAT
from tests.flows.world import World

RUNS = RunResult(succeeded=True, code="looked-up-succeeded", output="it runs\n")
RUNS_NOT = RunResult(succeeded=False, code="looked-up-failed", output="another one runs\n")
WAY_BACK = (
    "    severity: P0\n",
    "    severity: P0\n    rollback: {seats: [{role: [platform-lead, on-call-sre]}]}\n",
)
"""Production's rollbacks take the platform lead or whoever is on call."""


async def live(world: World, *changes: tuple[str, str]) -> None:
    """DEP-1 is live in production, approved by Ada, after the version of the day before; nothing is owed."""
    await world.reload(*(changes or (ONE_SEAT,)))
    await world.ready()
    world.deployer.found = RUNS
    await world.ask()
    await world.run_timers()
    await world.approve("ada")
    assert await world.state_of() == "live"
    world.clock.advance(timedelta(minutes=5))
    await world.deliveries()


async def ask_back(world: World, person: str = "ada", **changes: Any) -> rolling_back.Filed:
    usual: dict[str, Any] = {
        "asker": world.asker(person),
        "key": world.key(),
        "service": "checkout",
        "environment": "production",
        "incident": "INC-9",
        "reason": "Tills are slow",
    }
    return await rolling_back.roll_back(world.ledger, world.policy, rolling_back.Wanted(**(usual | changes)))


async def rolled_back(world: World, person: str = "ada", **changes: Any) -> str:
    """Ask for it, and sign it oneself, as a rollback allows."""
    filed = await ask_back(world, person, **changes)
    await world.run_timers()
    await world.approve(person, request_id=filed.request.id)
    return filed.request.id


async def withdraw(
    world: World, person: str = "ada", request_id: str = "DEP-1", **changes: Any
) -> withdrawing.Withdrawal:
    usual: dict[str, Any] = {"asker": world.asker(person), "key": world.key(), "request": request_id}
    wanted = withdrawing.Wanted(**(usual | changes))
    return await withdrawing.withdraw(world.ledger, world.policy, wanted)


async def proved(
    world: World,
    person: str = "ada",
    request_id: str = "DEP-1",
    words: str = "INC-9 Tills are slow",
    **changes: Any,
) -> None:
    """As if a factor had just been used on our page for what `/deploy withdraw` opened."""
    request = await world.request(request_id)
    now = world.clock.now()
    usual: dict[str, Any] = {
        "id": "x",
        "purpose": Purpose.WITHDRAW,
        "person": person,
        "via": world.asker(person).via,
        "created_at": now,
        "expires_at": now + timedelta(minutes=10),
        "request": request.id,
        "revision": request.revision,
        "fingerprint": request.fingerprint,
        "words": words,
    }
    intent = Intent(**(usual | changes))
    factor = SecondFactor(method="passkey", credential=f"passkey/{person}", at=now)
    await world.ledger.write(lambda tx: ACTS[Purpose.WITHDRAW](tx, world.policy, intent, factor))
