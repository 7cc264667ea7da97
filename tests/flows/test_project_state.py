"""The project's state: recorded and announced when it changes, and its rules are in force from then on."""

import pytest

from bot.flows.project_state import ProjectState, project_state
from bot.flows.reload_policy import put_in_force
from handlers.wording.facts import Facts
from handlers.wording.notes import POLICY_NOTICES, note
from tests.flows.policy_text import REWORDED
from tests.flows.world import HOUR, World

PRE = ("organization: acme", "organization: acme\nstate: pre-production")


async def state(world: World) -> ProjectState | None:
    return await world.ledger.read(project_state)


@pytest.mark.requirement("K1")
async def test_a_change_of_state_is_recorded_and_announced_with_the_policy_that_makes_it(
    world: World,
) -> None:
    assert await state(world) is None
    await world.reload(PRE)
    began = world.clock.now()
    assert await state(world) == ProjectState(state="pre-production", since=began, before=None)
    assert await world.deliveries() == []
    world.clock.advance(HOUR)
    await world.reload()
    assert await state(world) == ProjectState(
        state="production", since=world.clock.now(), before="pre-production"
    )
    (entry,) = await world.entries("project")
    assert (entry["type"], entry["facts"]) == (
        "project.state",
        {"from": "pre-production", "to": "production", "policy": world.policy.digest},
    )
    (notice,) = [d for d in await world.deliveries() if d.facts["code"] == "project-state"]
    assert notice.destination == "slack:channel:releases"
    assert note(POLICY_NOTICES, notice.facts, str) == (
        "The project went from pre-production to production: the rules of that state are in force from now on, as the "
        f"policy has them ({Facts(notice.facts).digest('policy')})."
    )


@pytest.mark.requirement("K1")
async def test_another_policy_of_the_same_state_is_no_change_of_state(world: World) -> None:
    await put_in_force(world.ledger, world.policy)
    first = await state(world)
    await world.reload(REWORDED)
    await world.restart()
    await put_in_force(world.ledger, world.policy)
    assert await state(world) == first
    assert await world.entries("project") == []
