"""Who hears outside Slack of what went live: every PagerDuty integration that the policy pages, once."""

import pytest

from bot.domain.owed import Delivery
from bot.flows.change_news import went_live
from bot.ports import Transaction
from tests.flows.paging_world import CHAIN
from tests.flows.policy_text import policy_of
from tests.flows.world import World

pytestmark = pytest.mark.requirement("F14")


async def owed(world: World, *changes: tuple[str, str], times: int = 1) -> list[Delivery]:
    await world.ask()

    def step(tx: Transaction) -> None:
        request = tx.requests.get("DEP-1")
        assert request is not None
        for _ in range(times):
            went_live(tx, policy_of(*changes), request)

    await world.ledger.write(step)
    return await world.deliveries("change-news")


async def test_every_integration_of_the_policy_hears_of_it(world: World) -> None:
    pages = (CHAIN[0], CHAIN[1].replace("incidents: {rounds: 2}", "incidents: {pages: [default, data-team]}"))
    found = await owed(world, pages, times=2)
    assert sorted(d.destination for d in found) == ["pagerduty:data-team", "pagerduty:default"]
    assert {d.subject for d in found} == {"DEP-1"}


async def test_a_policy_that_pages_nobody_there_owes_nothing(world: World) -> None:
    assert await owed(world) == []
