"""The watch is blind, and sees again: each told once in the channel of incidents, and both on record."""

from datetime import timedelta

import pytest

from bot.domain.blindness import LASTS
from bot.domain.environment import Colour
from bot.domain.incident import Cause
from bot.flows.answer_incident import resolve
from bot.flows.sight import LOOK_AGAIN, QUIET, TIMER, blinded, look_again, sees
from bot.policy import PolicyError
from tests.flows.paging_world import Post
from tests.flows.world import DAY, HOUR, MINUTE, World


async def notices(world: World) -> list[tuple[str, object]]:
    """Where what was owed since the last look goes, and its code."""
    return [(d.destination, d.facts["code"]) for d in await world.deliveries("watch-notice")]


@pytest.mark.parametrize(("references", "code"), [(2, "blind"), (0, "blind-guess")])
async def test_blindness_is_told_once_and_sight_once(world: World, references: int, code: str) -> None:
    policy, channel = world.policy, "slack:channel:incidents"
    await sees(world.ledger, policy)
    assert await notices(world) == []

    assert await blinded(world.ledger, policy, references=references, probes=7)
    assert await blinded(world.ledger, policy, references=references, probes=7)
    (told,) = await world.deliveries("watch-notice")
    assert (told.destination, told.facts["code"]) == (channel, code)
    assert (told.facts["references"], told.facts["probes"]) == (references, 7)

    await sees(world.ledger, policy)
    await sees(world.ledger, policy)
    assert await notices(world) == [(channel, "sees")]


async def test_a_network_that_comes_and_goes_is_no_storm_of_notices(world: World) -> None:
    said = []
    for _ in range(60):
        await blinded(world.ledger, world.policy, references=1, probes=7)
        world.clock.advance(timedelta(seconds=10))
        await sees(world.ledger, world.policy)
        world.clock.advance(timedelta(seconds=10))
        said += [code for _, code in await notices(world)]

    assert said == ["blind", "sees"] * 2


async def test_blindness_that_lasts_is_told_though_it_began_a_moment_after_the_last(world: World) -> None:
    await blinded(world.ledger, world.policy, references=1, probes=7)
    await sees(world.ledger, world.policy)
    assert not await blinded(world.ledger, world.policy, references=1, probes=7)
    await notices(world)
    began = world.clock.now()
    world.clock.advance(QUIET)

    assert await blinded(world.ledger, world.policy, references=1, probes=7)
    (told,) = await world.deliveries("watch-notice")
    assert told.facts["since"] == began.isoformat()


# Blindness that lasts


async def blind(world: World) -> None:
    await blinded(world.ledger, world.policy, references=2, probes=7)


async def test_blindness_that_lasts_is_one_incident_of_production_and_paged_by_its_chain(
    world: World,
) -> None:
    post = Post(world)
    await blind(world)
    await world.pass_time(LASTS - MINUTE)
    assert await world.incidents() == []
    await world.pass_time(MINUTE)
    (incident,) = await world.incidents()
    assert (incident.environment, incident.cause, incident.severity) == ("production", Cause.BLINDNESS, "P0")
    assert (incident.suspect, incident.muted_by, incident.group) == (None, None, None)
    assert await post.deliver() == ["slack:user:U03CY"]
    await world.pass_time(DAY)
    assert len(await world.ledger.read(lambda tx: tx.incidents.newest(limit=9))) == 1


async def test_whoever_was_paged_hears_that_the_watch_sees_again(world: World) -> None:
    await blind(world)
    await world.pass_time(LASTS)
    await sees(world.ledger, world.policy)
    assert await world.incidents() == []
    found = await world.incident()
    assert (found.resolved_by, found.escalation is not None and found.escalation.next_at) == (None, None)
    assert "sees" in [d.facts.get("code") for d in await world.deliveries("incident-note")]
    await world.pass_time(HOUR)
    assert await world.deliveries("page") == []


async def test_blindness_that_ended_in_time_pages_nobody(world: World) -> None:
    await blind(world)
    await world.pass_time(LASTS - MINUTE)
    await sees(world.ledger, world.policy)
    assert (TIMER, "watch") not in world.timers_set()
    await world.pass_time(HOUR)
    await blind(world)
    await world.pass_time(LASTS - MINUTE)
    assert await world.incidents() == []


async def test_many_short_spells_within_an_hour_page_as_a_long_one_does(world: World) -> None:
    post, spells = Post(world), 0
    while not await world.incidents():
        await blind(world)
        await world.pass_time(MINUTE / 2)
        spells += 1
        if not await world.incidents():
            await sees(world.ledger, world.policy)
            await world.pass_time(MINUTE)
    assert spells == LASTS / (MINUTE / 2)
    assert await post.deliver() == ["slack:user:U03CY"]


@pytest.mark.parametrize("resolved", [False, True])
async def test_what_was_paged_for_once_does_not_count_towards_the_next_page(
    world: World, resolved: bool
) -> None:
    await blind(world)
    await world.pass_time(LASTS)
    if resolved:
        await resolve(world.ledger, world.policy, world.asker("cy"), "INC-1")
    await world.pass_time(HOUR / 2)
    await sees(world.ledger, world.policy)
    await world.pass_time(MINUTE)
    await blind(world)
    await world.pass_time(LASTS - MINUTE)
    assert await world.incidents() == []
    await world.pass_time(MINUTE)
    assert [i.cause for i in await world.incidents()] == [Cause.BLINDNESS]


async def test_what_a_person_resolved_is_not_paged_again_while_it_lasts(world: World) -> None:
    await blind(world)
    await world.pass_time(LASTS)
    await resolve(world.ledger, world.policy, world.asker("cy"), "INC-1")
    await world.pass_time(DAY)
    assert [i for i in await world.incidents() if i.cause is Cause.BLINDNESS] == []


async def test_a_bot_that_was_away_looks_before_it_pages_for_an_old_blindness(world: World) -> None:
    await look_again(world.ledger)  # nothing is known of any blindness
    assert (TIMER, "watch") not in world.timers_set()
    await blind(world)
    world.clock.advance(HOUR)  # it was off; the timer is long due
    await look_again(world.ledger)
    await world.pass_time(LOOK_AGAIN - timedelta(seconds=1))
    assert await world.incidents() == []
    await world.pass_time(timedelta(seconds=1))
    assert [i.cause for i in await world.incidents()] == [Cause.BLINDNESS]


async def test_a_clock_that_was_ahead_puts_no_page_off_for_long(world: World) -> None:
    right = world.clock.at
    world.clock.at = right + 30 * DAY
    await blind(world)
    world.clock.at = right
    await look_again(world.ledger)
    await world.pass_time(LOOK_AGAIN + LASTS)
    assert [i.cause for i in await world.incidents()] == [Cause.BLINDNESS]


async def test_where_nothing_is_called_production_the_first_environment_stands_for_all(world: World) -> None:
    try:
        await world.reload(("    kind: production", "    kind: staging"))
    except PolicyError as error:  # what else speaks of production there is not this test's matter
        pytest.skip(str(error))
    await blind(world)
    await world.pass_time(LASTS)
    assert [i.environment for i in await world.incidents()] == [next(iter(world.policy.environments))]


async def test_blindness_mutes_nothing_and_is_muted_by_nothing(world: World) -> None:
    await world.green()
    await blind(world)
    await world.pass_time(LASTS)
    await world.see("production", "db", Colour.RED)
    causes = {i.cause: i.muted_by for i in await world.incidents() if i.environment == "production"}
    assert causes == {Cause.BLINDNESS: None, Cause.MONITORS: None}
