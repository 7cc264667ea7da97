"""`when`: the earliest start of a version that nobody asked for yet, with what stands before it; nothing is written."""

from datetime import UTC, datetime

import pytest

from bot.domain.change_request import Start
from bot.domain.environment import Colour
from bot.domain.freeze import FreezeClass
from bot.domain.outcome import Status
from bot.domain.refusal import Refusal
from bot.flows.when import Wanted, When, when
from tests.flows.fakes import NEXT_DIGEST, NEXT_TAG, TAG
from tests.flows.policy_text import ONE_SEAT
from tests.flows.test_opening import freeze
from tests.flows.world import HOUR, MINUTE, World

pytestmark = [pytest.mark.requirement("P6"), pytest.mark.requirement("P12")]

SATURDAY = datetime(2026, 11, 14, 15, 0, tzinfo=UTC)
MONDAY_MIDNIGHT = datetime(2026, 11, 16, 5, 0, tzinfo=UTC)


async def ask(world: World, environment: str = "production", artifact: str | None = None) -> When:
    wanted = Wanted(service="checkout", environment=environment, artifact=artifact)
    return await when(world.ledger, world.policy, world.collector, world.clock, wanted)


async def test_without_a_version_it_is_the_newest_in_the_environment_before(world: World) -> None:
    await world.ready()
    await world.prove(NEXT_TAG, NEXT_DIGEST, soaked=20 * MINUTE)
    found = await ask(world)
    assert (found.artifact, found.found_in, found.looked_in) == (NEXT_TAG, "staging", None)
    assert found.found_at == world.clock.now() - 20 * MINUTE
    assert found.earliest.at == world.clock.now() + 40 * MINUTE
    assert [o.gate for o in found.earliest.asked.only(Status.WAITING)] == ["soak"]
    assert found.wants_ticket


async def test_a_version_that_is_named_is_the_one_that_is_judged(world: World) -> None:
    await world.ready()
    found = await ask(world, artifact=TAG)
    assert (found.artifact, found.found_in) == (TAG, None)
    assert found.earliest.at == world.clock.now()
    assert "ticket" not in [o.gate for o in found.earliest.asked.outcomes]  # nobody has asked yet


async def test_it_waits_for_the_opening_and_writes_nothing(world: World) -> None:
    world.clock.at = SATURDAY
    await world.ready()
    before = await world.everything()
    found = await ask(world)
    assert found.earliest.at == MONDAY_MIDNIGHT
    assert await world.everything() == before


async def test_where_nothing_runs_before_it_the_calendar_and_the_environments_are_asked(world: World) -> None:
    world.clock.at = SATURDAY
    await world.green()
    found = await ask(world)
    assert (found.artifact, found.looked_in) == (None, "staging")
    assert [o.gate for o in found.earliest.asked.outcomes] == [
        "calendar",
        "no-open-incident",
        "environments-green",
    ]
    assert found.earliest.at == MONDAY_MIDNIGHT
    assert world.registry.asked == []
    nowhere = await ask(world, environment="staging")
    assert (nowhere.artifact, nowhere.looked_in) == (None, None)


async def test_what_time_does_not_cure_is_told_with_the_instant_at_which_time_has_done_its_part(
    world: World,
) -> None:
    world.clock.at = SATURDAY
    await world.ready()
    await world.see("production", "db", Colour.RED)
    found = await ask(world)
    assert found.earliest.at is None
    assert found.earliest.readiness.judged_at == MONDAY_MIDNIGHT
    assert {o.code for o in found.earliest.asked.only(Status.BLOCKED)} == {"not-green", "incident-open"}


async def test_a_freeze_without_an_end_names_the_people_who_may_lift_it(world: World) -> None:
    await world.reload(ONE_SEAT)
    await world.ready()
    await freeze(world, environments=("production",))
    found = await ask(world)
    (frozen,) = found.earliest.asked.only(Status.WAITING)
    assert frozen.awaits == "FRZ-1"
    assert frozen.facts["may_lift"] == ["ada", "bo", "vic", "sam"]
    await freeze(world, id="FRZ-2", strength=FreezeClass.SOFT)
    assert (await ask(world)).earliest.readiness.awaits == ("FRZ-1",)


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        (Wanted(service="chekout", environment="production"), "unknown-service"),
        (Wanted(service="checkout", environment="prodution"), "unknown-environment"),
        (Wanted(service="checkout", environment="production", artifact="no tag"), "bad-artifact"),
    ],
)
async def test_what_the_policy_does_not_have_is_refused(world: World, wanted: Wanted, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        await when(world.ledger, world.policy, world.collector, world.clock, wanted)
    assert refused.value.code == code


async def test_an_hour_more_of_soak_is_told_by_the_same_decision_that_starts(world: World) -> None:
    """What `when` says is what happens: asked for with at=next, it starts at that instant."""
    await world.reload(ONE_SEAT)
    await world.ready()
    await world.prove(NEXT_TAG, NEXT_DIGEST, soaked=20 * MINUTE)
    told = (await ask(world)).earliest.at
    assert told is not None
    await world.ask(artifact=NEXT_TAG, start=Start(mode="next"))
    await world.run_timers()
    await world.approve("ada")
    await world.pass_time(HOUR)
    assert [r.intended_at for r in world.deployer.started] == [told]
