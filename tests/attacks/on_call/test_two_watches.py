"""Two processes on one ledger that do not see the same, and silence that is never counted to its end."""

from datetime import timedelta

import pytest

from bot.domain.environment import Colour, Reading
from bot.flows import observe
from bot.flows.heartbeats import heartbeat, named
from bot.flows.listening import listen
from bot.flows.one_watcher import take_or_keep
from bot.policy import Monitor
from tests.flows.paging_world import Post
from tests.flows.world import HOUR, SECOND, World

pytestmark = pytest.mark.requirement("F14")


async def test_two_processes_that_disagree_are_one_incident(world: World) -> None:
    """One of them cannot reach production, the other one can, for a quarter of an hour. Whoever has the lease counts
    its readings in, as `jobs/watch` does; the other one stands by, and takes over when the first one is gone."""
    await world.green()
    db: Monitor = next(m for m in world.policy.environments["production"].monitors if m.name == "db")
    blind, seeing, post = observe.Watched(), observe.Watched(), Post(world)
    for _ in range(30):
        world.clock.advance(15 * SECOND)
        for name, watched, colour in (("one", blind, Colour.RED), ("two", seeing, Colour.GREEN)):
            world.clock.advance(7 * SECOND)
            if not (await take_or_keep(world.ledger, name)).mine:
                continue
            reading = Reading(colour=colour, code="probe", at=world.clock.now())
            await observe.observe(world.ledger, world.policy, "production", db, reading, watched)
            await observe.age(world.ledger, world.policy)
            await post.deliver()
        await world.run_timers()
    assert len(await world.ledger.read(lambda tx: tx.incidents.newest(limit=50))) <= 2


async def test_a_daily_heartbeat_that_fell_silent_alarms_though_the_bot_is_away_for_a_moment_each_day(
    world: World,
) -> None:
    """Somebody restarts the bot every night; or makes its references fail for a moment, which counts the same."""
    beat = (
        "      - {name: smoke, http:",
        "      - {name: beat, heartbeat: {every: 24h}}\n      - {name: smoke, http:",
    )
    await world.reload(beat)
    await listen(world.ledger)
    place, monitor = named(world.policy, "beat")
    await heartbeat(world.ledger, world.policy, place, monitor, source="ci")
    for _day in range(10):
        for _ in range(20):
            await world.see("dev", "smoke", Colour.GREEN)
            await observe.age(world.ledger, world.policy)
            await world.pass_time(HOUR)
        await world.pass_time(timedelta(minutes=2))
        await listen(world.ledger)
    assert [i.environment for i in await world.incidents()] == ["dev"]


async def test_the_same_word_of_two_processes_is_one_incident_and_one_page(world: World) -> None:
    await world.green()
    db: Monitor = next(m for m in world.policy.environments["production"].monitors if m.name == "db")
    watches, post = (observe.Watched(), observe.Watched()), Post(world)
    for _ in range(10):
        for watched in watches:
            world.clock.advance(SECOND)
            reading = Reading(colour=Colour.RED, code="probe", at=world.clock.now())
            await observe.observe(world.ledger, world.policy, "production", db, reading, watched)
        await post.deliver()
        await world.pass_time(10 * SECOND)
    assert post.sent == ["slack:user:U03CY"]
    assert len(await world.incidents()) == 1
