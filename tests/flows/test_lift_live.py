"""Who may lift a freeze, where a live source says who holds the role: asked when it is lifted, and only if need be."""

import pytest

from bot.flows import freeze
from tests.flows.freezing import declare, refused
from tests.flows.live import LEADS_BY_TEAM, ONE_LEAD, LiveWorld


@pytest.fixture
def world(live_world: LiveWorld) -> LiveWorld:
    return live_world


async def lift(world: LiveWorld, person: str) -> str | None:
    """Whose name stands on the lifted freeze."""
    asker = world.asker(person)
    await freeze.liftable(world.ledger, world.policy, asker, "FRZ-1", authority=world.authority)
    lifted = await freeze.lift(
        world.ledger, world.policy, asker, "FRZ-1", "over", key=world.key(), authority=world.authority
    )
    return None if lifted.lifted_by is None else lifted.lifted_by.person


@pytest.mark.requirement("P7")
async def test_a_member_of_the_team_lifts_what_somebody_else_declared(world: LiveWorld) -> None:
    await world.under(LEADS_BY_TEAM, ONE_LEAD)
    await declare(world, "lin")
    assert await refused(lift(world, "bo")) == "may-not-lift"
    assert await lift(world, "vic") == "vic"


@pytest.mark.requirement("P7")
async def test_a_silent_source_lets_nobody_lift(world: LiveWorld) -> None:
    await declare(world, "lin")
    world.hub.fails["team"] = "timeout"
    assert await refused(lift(world, "vic")) == "may-not-lift"
    world.hub.fails.clear()
    assert await lift(world, "vic") == "vic"


async def test_nobody_is_asked_about_whoever_may_by_the_policys_own_words(world: LiveWorld) -> None:
    await declare(world, "lin")
    assert await lift(world, "lin") == "lin"
    assert world.hub.asked == []
