"""The watch says that it is blind: whoever can make it believe so must not make an outage go unheard."""

from datetime import timedelta

import pytest

from bot.domain.environment import Colour
from bot.flows.sight import blinded, sees
from bot.jobs.alive import NEEDED
from bot.jobs.deliveries import _try_later
from bot.jobs.metrics import Metrics
from bot.jobs.reference import FEWEST, Sight
from bot.jobs.self_check import SelfCheck
from bot.jobs.work import Pulse
from bot.ports import Later
from tests.flows.paging_world import Post, red
from tests.flows.world import HOUR, MINUTE, World
from tests.jobs.test_reference import posts, reading
from tests.jobs.test_watch import Holder

pytestmark = pytest.mark.requirement("F14")


async def test_a_blindness_that_lasts_pages_somebody(world: World) -> None:
    post = Post(world)
    await blinded(world.ledger, world.policy, references=2, probes=40)
    for _ in range(12):
        await world.pass_time(5 * MINUTE)
        await blinded(world.ledger, world.policy, references=2, probes=40)
        await post.deliver()
    assert post.sent != []


async def test_without_a_reference_an_outage_of_everything_pages_somebody(world: World) -> None:
    """No reference is named, as by default: an outage of all that is watched begins within one interval."""
    sight = Sight(world.ledger, Holder(world.policy), None)
    there = posts(FEWEST)
    sight.watch(there)
    judged = [await sight.judged(post, reading()) for post in there]
    for _ in range(10):
        judged += [await sight.judged(post, reading()) for post in there]
    await world.pass_time(HOUR)
    paged = await world.deliveries("page")
    assert paged or {each.colour for each in judged[-FEWEST:]} == {Colour.RED}


async def well(world: World) -> bool:
    """Whether the dead-man's switch would tell the outside now that all is well."""
    pulse = Pulse()
    check = SelfCheck(
        world.ledger, world.clock, Holder(world.policy), pulses={"deliveries": pulse},
        owed={"deliveries": world.outbox, "timers": world.timers}, metrics=Metrics({"deliveries": pulse}),
        connected=None, seconds=lambda: 0.0,
    )  # fmt: skip
    await check.look()
    checks = (await check.health()).checks
    return all(checks.get(name, False) for name in NEEDED)


async def test_the_dead_mans_switch_is_silent_while_the_watch_is_blind(world: World) -> None:
    await blinded(world.ledger, world.policy, references=2, probes=40)
    await world.pass_time(HOUR)
    await world.deliveries()  # the channel was told
    assert not await well(world)


async def test_the_dead_mans_switch_is_silent_while_a_page_reaches_nobody(world: World) -> None:
    """Every way is down: a page that is put off again and again is overdue since it was owed."""
    await red(world)
    end, found = world.clock.now() + 2 * HOUR, set[bool]()
    while world.clock.now() < end:
        await world.run_timers()
        for claimed in await world.outbox.claim(limit=100, busy=frozenset()):
            await _try_later(world.outbox, world.clock, claimed, Later("unavailable"))
        if world.clock.now() > end - HOUR:
            found.add(await well(world))
        world.clock.advance(timedelta(seconds=20))
    assert found == {False}


async def test_a_clock_that_was_wrong_for_a_moment_does_not_keep_a_blindness_untold(world: World) -> None:
    right = world.clock.at
    world.clock.at = right + timedelta(days=30)
    await blinded(world.ledger, world.policy, references=1, probes=5)
    world.clock.at = right
    await sees(world.ledger, world.policy)
    await world.deliveries()
    await world.pass_time(HOUR)
    assert await blinded(world.ledger, world.policy, references=1, probes=5)
