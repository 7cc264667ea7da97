"""Who may tick what, where a live source says who holds the role: asked when the button is pressed."""

import pytest

from bot.domain.refusal import Refusal
from bot.flows import attest
from tests.flows.live import TEAM, LiveWorld
from tests.flows.ticking import GATE, ITEMS, READY, entry, target

BY_TEAM = (f"{{item: {READY}, attest: engineer}}", f"{{item: {READY}, attest: security}}")
SECURITY = (
    '  engineer:        {people: "*"}\n',
    f'  engineer:        {{people: "*"}}\n  security: {{github_team: {TEAM}}}\n  on-duty: {{slack_usergroup: S0DUTY}}\n',
)
NOT_ON_DUTY = ("attest: security}", "attest: security, exclude: [on-duty]}")


@pytest.fixture
def world(live_world: LiveWorld) -> LiveWorld:
    return live_world


async def tick(world: LiveWorld, person: str) -> str:
    """The code of why it was refused, or `ticked`."""
    meant = await target(world, READY)
    try:
        await attest.tick(
            world.ledger, world.policy, world.asker(person), meant, key=world.key(), authority=world.authority
        )
    except Refusal as refusal:
        return refusal.code
    return "ticked"


@pytest.mark.requirement("P18")
async def test_a_member_of_the_team_ticks_and_nobody_else(world: LiveWorld) -> None:
    await world.under(SECURITY, GATE, ITEMS, BY_TEAM)
    assert (await entry(world, READY)).may == ("ada", "vic")
    assert await tick(world, "bo") == "may-not-tick"
    assert await tick(world, "ada") == "ticked"


@pytest.mark.requirement("P18")
async def test_a_silent_source_lets_nobody_tick(world: LiveWorld) -> None:
    await world.under(SECURITY, GATE, ITEMS, BY_TEAM)
    world.hub.fails["team"] = "timeout"
    assert await tick(world, "ada") == "may-not-tick"
    world.hub.fails.clear()
    assert await tick(world, "ada") == "ticked"


async def test_whoever_may_hold_an_excluded_role_ticks_nothing(world: LiveWorld) -> None:
    world.groups.groups["S0DUTY"] = {"U04VIC"}
    await world.under(SECURITY, GATE, ITEMS, BY_TEAM, NOT_ON_DUTY)
    assert (await entry(world, READY)).may == ("ada",)
    world.groups.fails = "unavailable"
    assert await tick(world, "ada") == "may-not-tick"
    world.groups.fails = None
    assert (await tick(world, "vic"), await tick(world, "ada")) == ("may-not-tick", "ticked")
