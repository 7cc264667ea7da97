"""A deployment that failed changed production too: it is named, can be taken back, and its RED is the same trouble."""

from datetime import timedelta
from typing import Any

import pytest

from bot.domain.deployment import RunResult
from bot.domain.environment import Colour
from bot.domain.incident import Cause, Incident
from bot.flows.answer_incident import resolve
from bot.flows.incidents import open_incident
from bot.flows.inquire import incident_view
from bot.flows.suspects import changed_before, judge
from bot.ports import Transaction
from tests.flows.paging_world import Post
from tests.flows.policy_text import LEFT_TO_PEOPLE, ONE_SEAT
from tests.flows.test_silence import COMPONENTS, QUIET
from tests.flows.world import HOUR, MINUTE, SECOND, World

pytestmark = pytest.mark.requirement("P21")
RED, GREEN = Colour.RED, Colour.GREEN
FAILED = RunResult(succeeded=False, code="exit-1", output="no\n")


async def failed(world: World, *changes: tuple[str, str]) -> None:
    """DEP-1's deployer was called, and failed: INC-1, with its page sent. Nothing takes it back, unless `changes` say what
    stands there instead."""
    await world.reload(ONE_SEAT, COMPONENTS, *(changes or (LEFT_TO_PEOPLE,)))
    await world.ready()
    world.deployer.result = FAILED
    await world.ask()
    await world.run_timers()
    await world.approve("ada")
    assert await world.state_of() == "failed"
    (incident,) = await world.incidents()
    assert incident.cause is Cause.DEPLOYMENT


async def api(world: World, colour: Colour) -> None:
    for _ in range(3):
        world.clock.advance(SECOND)
        await world.see("production", "api", colour)


async def before(world: World) -> list[str]:
    def query(tx: Transaction) -> list[str]:
        return [r.id for r in changed_before(tx, "production", tx.now)]

    return await world.ledger.read(query)


async def open_by_monitors(world: World) -> list[Incident]:
    return [i for i in await world.incidents() if i.cause is Cause.MONITORS]


async def test_what_failed_after_its_deployer_was_called_is_among_what_changed(world: World) -> None:
    await failed(world)
    assert await before(world) == ["DEP-1"]
    world.clock.advance(HOUR + MINUTE)
    assert await before(world) == []


async def test_what_never_reached_the_deployer_changed_nothing(world: World) -> None:
    await world.reload(ONE_SEAT)
    await world.ready()
    await world.ask()
    await world.run_timers()
    await world.reject("ada")
    assert await world.state_of() == "rejected"
    assert await before(world) == []


async def test_red_of_the_same_service_joins_and_is_one_page(world: World) -> None:
    await failed(world)
    post = Post(world)
    await post.deliver()
    await api(world, RED)
    assert await open_by_monitors(world) == []
    incident = await world.incident()
    assert incident.causes == ("api",)
    said = [d for d in await world.deliveries() if d.kind in ("page", "incident-note", "incident-card")]
    assert [d.facts["code"] for d in said if d.kind == "incident-note"] == ["red-joined"]
    assert "page" not in {d.kind for d in said}
    view = await incident_view(world.ledger, world.policy, incident.id)
    assert (view.reached, [r.id for r in view.changed]) == (True, ["DEP-1"])


async def test_a_restart_that_is_expected_changes_nothing_of_that(world: World) -> None:
    await failed(world, QUIET)
    await api(world, RED)
    assert "environment.restarting" not in await world.types("environment/production")
    assert (await world.incident()).causes == ("api",)


async def test_another_services_red_is_another_trouble(world: World) -> None:
    await failed(world)
    await api(world, RED)
    await world.see("production", "db", RED)
    assert [i.causes for i in await open_by_monitors(world)] == [("api", "db")]


async def test_after_an_hour_or_where_it_was_said_not_to_be_this_red_opens_its_own(world: World) -> None:
    await failed(world)
    await judge(world.ledger, world.policy, world.asker("cy"), "INC-1", "DEP-1", related=False, key="k")
    await api(world, RED)
    assert len(await open_by_monitors(world)) == 1


async def test_later_than_an_hour_red_opens_its_own(world: World) -> None:
    await failed(world)
    await world.pass_time(HOUR + MINUTE)
    await api(world, RED)
    assert len(await open_by_monitors(world)) == 1


async def test_only_red_after_it_was_resolved_opens_another(world: World) -> None:
    await failed(world)
    await api(world, RED)
    await api(world, GREEN)
    assert (await world.incident()).is_open
    assert (await world.incident()).causes == ()
    await resolve(world.ledger, world.policy, world.asker("cy"), "INC-1")
    await world.pass_time(timedelta(minutes=5))
    await api(world, RED)
    assert [i.id for i in await open_by_monitors(world)] == ["INC-2"]


async def test_the_severity_is_the_environments_where_that_presses_more(world: World) -> None:
    await failed(world, ("    severity: P0\n", "    severity: P2\n"))
    assert (await world.incident()).severity == "P2"
    await world.reload(ONE_SEAT, COMPONENTS)
    await api(world, RED)
    incident = await world.incident()
    assert incident.severity == "P0"
    assert incident.respond_by is not None
    assert incident.respond_by - world.clock.now() <= 5 * MINUTE


async def test_production_that_is_red_in_it_mutes_what_comes_after_as_any_red(world: World) -> None:
    await failed(world)
    await api(world, RED)
    world.clock.advance(SECOND)
    await world.see("dev", "smoke", RED)
    dev: Any = next(i for i in await world.incidents() if i.environment == "dev")
    assert dev.muted_by == "production"
    await api(world, GREEN)
    assert (await world.incident(dev.id)).muted_by == "production"
    await world.see("dev", "smoke", RED)


async def test_a_failed_deployment_of_the_past_opens_as_before(world: World) -> None:
    """Whoever opens one for a deployment that nobody knows joins nothing."""
    await world.green()

    def step(tx: Transaction) -> None:
        open_incident(tx, world.policy, "production", cause=Cause.DEPLOYMENT, suspect="DEP-99")

    await world.ledger.write(step)
    await api(world, RED)
    assert len(await open_by_monitors(world)) == 1
