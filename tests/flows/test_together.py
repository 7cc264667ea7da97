"""Many at once: one page a minute and one message in the channel, however many environments turn RED together."""

import time

import pytest

from bot.domain.environment import Colour, Reading
from bot.flows import observe
from bot.flows.incidents import declare
from bot.flows.many import many_view
from tests.flows.paging_world import Post, escalates_at, states, take
from tests.flows.world import MINUTE, SECOND, World

MANY = 2000


def environments(count: int, severity: str = "P2") -> tuple[str, str]:
    """So many feature environments, each with one monitor that needs one reading."""
    each = "".join(
        f"  feature-{n}:\n    kind: feature\n    severity: {severity}\n"
        f"    monitors: [{{name: up, http: {{url: 'https://f{n}.acme.example/'}}, fail_after: 1, pass_after: 1, "
        "stale_after: 365d}]\n"
        for n in range(count)
    )
    return ("calendar:\n  outside_windows", each + "calendar:\n  outside_windows")


async def turn(world: World, names: list[str], colour: Colour) -> None:
    """They are read together, as the watching loop does it."""
    seen = []
    for name in names:
        (monitor,) = world.policy.environments[name].monitors
        watched = world.watched.setdefault(f"{name}/{monitor.name}", observe.Watched())
        reading = Reading(colour=colour, code="probe", at=world.clock.now())
        seen.append(observe.Seen(name, monitor, reading, watched))
    await observe.observe_all(world.ledger, world.policy, seen)


async def test_two_thousand_that_turn_red_together_make_two_pages_five_cards_and_one_message(
    world: World,
) -> None:
    await world.reload(environments(MANY))
    names = [f"feature-{n}" for n in range(MANY)]
    post = Post(world)
    began = time.perf_counter()
    for start in range(0, MANY, 100):  # within ten seconds, a hundred at once
        world.clock.advance(SECOND / 2)
        await turn(world, names[start : start + 100], Colour.RED)
    assert len(await world.incidents()) == MANY
    await world.pass_time(10 * SECOND)
    owed = await world.deliveries()
    by_kind = {kind: [d for d in owed if d.kind == kind] for kind in {d.kind for d in owed}}
    assert [d.subject for d in by_kind["page"]] == ["INC-1/1/cy"]
    assert sorted(d.subject for d in by_kind["incident-card"]) == [f"INC-{n}" for n in range(1, 6)]
    assert [d.subject for d in by_kind["incident-summary"]] == ["INC-6"]
    assert len(owed) < 30
    assert {s for k, s in world.timers_set() if k == "escalate"} == {"INC-1", "INC-2"}
    await world.pass_time(MINUTE)
    assert await post.deliver() == ["slack:user:U03CY"]
    assert await states(world, "INC-2") == {"1/cy": "reached"}
    view = await many_view(world.ledger, "INC-6")
    assert len(view.incidents) == MANY - 5
    await take(world, "cy", "INC-2")
    left = [i for i in await world.incidents() if i.state.value == "open"]
    assert [i.id for i in left] == ["INC-1"]
    owed = await world.deliveries()
    assert len(owed) < 20
    world.clock.advance(MINUTE)
    await turn(world, names, Colour.GREEN)
    assert await world.incidents() == []
    await world.pass_time(10 * SECOND)
    assert len(await world.deliveries()) < 20
    assert time.perf_counter() - began < 120


@pytest.fixture
async def several(world: World) -> World:
    await world.reload(environments(8))
    await world.deliveries()
    return world


async def test_the_second_gathers_what_follows_and_pages_when_the_minute_is_over(several: World) -> None:
    post = Post(several)
    await turn(several, ["feature-0"], Colour.RED)
    several.clock.advance(10 * SECOND)
    await turn(several, ["feature-1", "feature-2"], Colour.RED)
    assert await post.deliver() == ["slack:user:U03CY"]
    assert [i.group for i in await several.incidents()] == [None, "INC-2", "INC-2"]
    assert (escalates_at(several, "INC-2"), escalates_at(several, "INC-3")) == (
        several.clock.now() + 50 * SECOND,
        None,
    )
    await several.pass_time(50 * SECOND)
    assert post.sent == ["slack:user:U03CY"]
    assert await post.deliver() == ["slack:user:U03CY"]


async def test_a_steady_trickle_pages_once_a_minute_at_most(several: World) -> None:
    post = Post(several)
    went = []
    for n in range(8):
        await turn(several, [f"feature-{n}"], Colour.RED)
        await several.pass_time(20 * SECOND)
        went.append(len(await post.deliver()))
    await several.pass_time(MINUTE)
    went.append(len(await post.deliver()))
    assert sum(went) == 4  # the first at once, the others in three batches
    assert {i.id for i in await several.incidents() if i.waits} == {f"INC-{n}" for n in range(1, 9)}


async def test_another_severity_has_a_page_of_its_own(several: World) -> None:
    post = Post(several)
    await turn(several, ["feature-0", "feature-1"], Colour.RED)
    await several.reload(environments(8, "P1"))
    await turn(several, ["feature-2"], Colour.RED)
    await post.deliver()
    assert list(await states(several, "INC-3")) == ["1/cy"]


async def test_whoever_takes_the_one_that_leads_takes_all_that_its_page_told_of(several: World) -> None:
    await turn(several, ["feature-0", "feature-1", "feature-2"], Colour.RED)
    await several.pass_time(MINUTE)
    await take(several, "ada", "INC-2")
    assert {i.id: i.acknowledged_by for i in await several.incidents()} == {
        "INC-1": None,
        "INC-2": "ada",
        "INC-3": "ada",
    }
    assert escalates_at(several, "INC-2") is None
    assert await Post(several).deliver() == ["slack:user:U03CY"]  # of the first one, which nobody has


async def test_whoever_takes_one_of_the_others_takes_it_alone(several: World) -> None:
    await turn(several, ["feature-0", "feature-1", "feature-2"], Colour.RED)
    await take(several, "ada", "INC-3")
    assert [i.acknowledged_by for i in await several.incidents()] == [None, None, "ada"]
    await several.pass_time(MINUTE)
    assert "1/cy" in await states(several, "INC-2")


async def test_where_the_one_that_leads_is_over_the_others_are_still_paged_and_can_be_taken(
    several: World,
) -> None:
    post = Post(several)
    await turn(several, ["feature-0", "feature-1", "feature-2"], Colour.RED)
    await post.deliver()
    await turn(several, ["feature-1"], Colour.GREEN)
    await several.pass_time(MINUTE)
    assert await post.deliver() == ["slack:user:U03CY"]
    await take(several, "cy", "INC-2")
    assert [i.acknowledged_by for i in await several.incidents()] == [None, "cy"]
    assert escalates_at(several, "INC-2") is None


async def test_a_group_that_turned_green_again_within_its_minute_pages_nobody(several: World) -> None:
    post = Post(several)
    names = ["feature-1", "feature-2"]
    await turn(several, ["feature-0", *names], Colour.RED)
    await post.deliver()
    await turn(several, names, Colour.GREEN)
    await several.pass_time(2 * MINUTE)
    assert await post.deliver() == []
    assert escalates_at(several, "INC-2") is None


async def test_what_a_person_declares_waits_for_no_minute(several: World) -> None:
    post = Post(several)
    await turn(several, ["feature-0"], Colour.RED)
    await post.deliver()
    await declare(
        several.ledger, several.policy, several.asker("lin"), "dev", "Broken", severity="P2", key="k"
    )
    assert await post.deliver() == ["slack:user:U03CY"]


async def test_after_a_clock_that_went_back_nobody_waits_for_an_old_minute(several: World) -> None:
    post = Post(several)
    await turn(several, ["feature-0"], Colour.RED)
    await post.deliver()
    several.clock.at -= 60 * MINUTE
    await turn(several, ["feature-1"], Colour.RED)
    assert await post.deliver() == ["slack:user:U03CY"]


async def test_what_turns_red_after_the_one_that_leads_was_taken_gathers_behind_another(
    several: World,
) -> None:
    await turn(several, ["feature-0", "feature-1"], Colour.RED)
    await take(several, "ada", "INC-2")
    several.clock.advance(SECOND)
    await turn(several, ["feature-2", "feature-3"], Colour.RED)
    assert [i.group for i in await several.incidents()] == [None, "INC-2", "INC-3", "INC-3"]
    await several.pass_time(MINUTE)
    assert list(await states(several, "INC-3")) == ["1/cy"]
