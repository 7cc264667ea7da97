"""One incident an environment and cause; what went live before it; what it holds; and what a person declares."""

import asyncio

import pytest

from bot.domain.change_request import SYSTEM
from bot.domain.deployment import RunResult
from bot.domain.environment import Colour
from bot.domain.refusal import Refusal
from bot.flows.answer_incident import resolve
from bot.flows.incidents import declare
from bot.flows.inquire import incident_view
from bot.flows.suspects import judge
from tests.flows import rolling
from tests.flows.going_back import ask_back, live, rolled_back
from tests.flows.paging_world import Post, green, red
from tests.flows.policy_text import LEFT_TO_PEOPLE, ONE_SEAT
from tests.flows.world import MINUTE, SECOND, World

FAILS = RunResult(succeeded=False, code="exit-3", output="no\n")


async def declared(world: World, person: str = "lin", title: str = "Cards refused", **more: str) -> str:
    usual = {"environment": "production", "key": world.key()} | more
    made = await declare(world.ledger, world.policy, world.asker(person), title=title, **usual)  # type: ignore[arg-type]
    return made.id


async def refusal_of(doing: object) -> Refusal:
    with pytest.raises(Refusal) as raised:
        await doing  # type: ignore[misc]
    return raised.value


# A person says so (F9)


@pytest.mark.requirement("F9")
async def test_what_a_person_declares_is_paged_and_shuts_the_gate_whatever_the_monitors_see(
    world: World,
) -> None:
    await world.ready()
    await world.ask()
    await world.run_timers()
    await world.deliveries()
    await declared(world)
    assert await Post(world).deliver() == ["slack:user:U03CY"]
    incident = await world.incident()
    assert (incident.cause.value, incident.title, incident.declared_by) == (
        "declared",
        "Cards refused",
        "lin",
    )
    await world.run_timers()
    assert await world.outcome("no-open-incident") == ("blocked", "incident-open")


async def test_green_does_not_end_what_a_person_declared(world: World) -> None:
    await world.green()
    await declared(world)
    await red(world)
    await green(world)
    assert [i.cause.value for i in await world.incidents()] == ["declared"]


async def test_an_environment_has_one_open_incident_of_each_cause(world: World) -> None:
    await world.green()
    await declared(world)
    await red(world)
    assert [i.cause.value for i in await world.incidents()] == ["declared", "monitors"]
    refusal = await refusal_of(declared(world, "bo"))
    assert (refusal.code, refusal.facts["incident"]) == ("declared-already", "INC-1")


async def test_a_replayed_declaration_is_the_same_incident(world: World) -> None:
    first = await declared(world, key="k")
    assert await declared(world, key="k") == first
    assert len(await world.incidents()) == 1


async def test_two_people_who_declare_at_once_declare_it_once(world: World) -> None:
    made = await asyncio.gather(declared(world), declared(world, "bo"), return_exceptions=True)
    assert [isinstance(one, Refusal) for one in made].count(True) == 1
    assert len(await world.incidents()) == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"title": "  \n "}, "no-title"),
        ({"title": "x" * 151}, "title-too-long"),
        ({"environment": "prod"}, "unknown-environment"),
        ({"severity": "P9"}, "unknown-severity"),
        ({"person": "mallory"}, "unknown-person"),
    ],
)
async def test_what_cannot_be_declared_is_refused_and_leaves_nothing(
    world: World, changes: dict[str, str], code: str
) -> None:
    before = await world.everything()
    assert (await refusal_of(declared(world, **changes))).code == code
    assert await world.everything() == before


async def test_a_declared_severity_counts_and_its_response_time_with_it(world: World) -> None:
    await declared(world, severity="P3")
    incident = await world.incident()
    assert incident.severity == "P3"
    assert incident.respond_by == incident.opened_at + 24 * 60 * MINUTE


# A deployment went wrong (P21)


@pytest.mark.requirement("P21")
async def test_a_deployment_that_failed_opens_an_incident_and_pages(world: World) -> None:
    await world.reload(ONE_SEAT, LEFT_TO_PEOPLE)
    await world.ready()
    world.deployer.result = FAILS
    await world.ask()
    await world.run_timers()
    await world.approve("ada")
    assert await world.state_of() == "failed"
    (incident,) = await world.incidents()
    assert (incident.cause.value, incident.suspect) == ("deployment", "DEP-1")
    assert await Post(world).deliver() == ["slack:user:U03CY"]
    await resolve(world.ledger, world.policy, world.asker("ada"), incident.id)
    assert await world.incidents() == []


@pytest.mark.requirement("P21")
async def test_a_fix_may_go_where_a_deployment_failed_though_the_colours_are_green(world: World) -> None:
    await world.reload(ONE_SEAT, LEFT_TO_PEOPLE)
    await world.ready()
    world.deployer.result = FAILS
    await world.ask()
    await world.run_timers()
    await world.approve("ada")
    await world.ask(fixes="production", reason="Put it right")
    await world.run_timers()
    assert await world.outcome("environments-green", "DEP-2") == ("passed", "fix")
    assert await world.outcome("no-open-incident", "DEP-2") == ("passed", "fix")


@pytest.mark.requirement("P21")
async def test_what_a_person_stopped_is_no_incident(world: World) -> None:
    await rolling.rolling(world)
    await rolling.hold(world, "bo")
    await world.cancel("lin")
    assert await world.state_of() == "failed"
    assert await world.incidents() == []


@pytest.mark.requirement("P21")
async def test_what_was_taken_back_is_an_incident_that_whoever_took_it_back_has(world: World) -> None:
    await live(world)
    await rolled_back(world)
    (incident,) = await world.incidents()
    assert (incident.cause.value, incident.suspect, incident.rolled_back_by) == (
        "deployment",
        "DEP-1",
        "DEP-2",
    )
    assert (incident.state.value, incident.acknowledged_by) == ("acknowledged", "ada")
    assert await Post(world).deliver() == []


@pytest.mark.requirement("P21")
async def test_a_rollback_of_the_suspect_belongs_to_the_incident_that_is_open_and_opens_no_other(
    world: World,
) -> None:
    await live(world)
    await red(world)
    await ask_back(world)
    incident = await world.incident()
    assert (incident.suspect, incident.rolled_back_by) == ("DEP-1", "DEP-2")
    await world.run_timers()
    await world.approve("ada", request_id="DEP-2")
    assert [i.id for i in await world.incidents()] == ["INC-1"]


# An incident during a deployment (P22)


@pytest.mark.requirement("P22")
@pytest.mark.parametrize(("severity", "urgent"), [("P0", True), ("P1", True), ("P2", False)])
async def test_an_incident_holds_what_is_between_steps_there_and_says_what_to_do(
    world: World, severity: str, urgent: bool
) -> None:
    await rolling.rolling(world)
    await world.run_timers()
    assert await rolling.stands(world) == ("between-steps", 25)
    await world.deliveries()
    await declared(world, severity=severity)
    request = await world.request()
    assert request.held is not None
    assert (request.held.by, request.held.reason) == (SYSTEM, "INC-1")
    owed = await world.deliveries()
    told = {(d.kind, d.facts.get("code")): d.facts for d in owed}
    assert told["request-note", "held-by-incident"]["urgent"] is urgent
    assert told["incident-note", "rollout-held"]["percent"] == 25
    await world.pass_time(60 * MINUTE)
    assert await rolling.stands(world) == ("between-steps", 25)
    await rolling.resume(world, "lin")
    await world.run_timers()
    assert rolling.called(world) == [25, 50]


@pytest.mark.requirement("P22")
async def test_a_call_under_way_ends_and_the_rollout_is_held_after_it(world: World) -> None:
    await rolling.rolling(world)

    async def meanwhile(_run: object) -> None:
        await declared(world)

    world.deployer.during = meanwhile
    await world.run_timers()
    world.deployer.during = None
    await world.pass_time(60 * MINUTE)
    assert await rolling.stands(world) == ("between-steps", 25)


@pytest.mark.requirement("P22")
async def test_a_fix_and_a_rollback_are_not_held_by_the_incident_that_they_end(world: World) -> None:
    await live(world)
    await ask_back(world)
    await world.run_timers()
    await world.sign("ada", "DEP-2")
    await world.fire("evaluate", "DEP-2")
    assert await world.state_of("DEP-2") == "starting"
    await declared(world)
    assert (await world.request("DEP-2")).held is None


@pytest.mark.requirement("P22")
async def test_what_rolls_out_elsewhere_is_not_held(world: World) -> None:
    await rolling.rolling(world)
    await world.run_timers()
    await declared(world, environment="staging")
    assert (await world.request()).held is None


@pytest.mark.requirement("F7")
@pytest.mark.parametrize(
    ("written", "taken"),
    [
        ("{P1: 15m, P0: 5m, P2: 1h, P3: 24h}", "P0"),
        ("{P1: 5m, P0: 5m, P2: 1h, P3: 24h}", "P1"),  # of equals the first
    ],
)
async def test_an_environment_without_a_severity_has_the_one_that_presses_most_wherever_it_is_written(
    world: World, written: str, taken: str
) -> None:
    await world.reload(("{P0: 5m, P1: 15m, P2: 1h, P3: 24h}", written), ("    severity: P0\n", ""))
    await world.ready()
    await red(world)
    assert (await world.incident()).severity == taken


# What changed shortly before


@pytest.mark.requirement("P21")
async def test_what_went_live_before_is_a_suspect_with_its_author_called_and_its_version_elsewhere(
    world: World,
) -> None:
    await live(world)
    await red(world)
    told = {d.facts.get("code"): d.facts for d in await world.deliveries("incident-note")}
    assert told["suspect"] | {"at": None} == {
        "code": "suspect", "request": "DEP-1", "person": "lin", "seconds": 301, "at": None,
    }  # fmt: skip
    view = await incident_view(world.ledger, world.policy, "INC-1")
    assert view.suspect is not None
    assert [(a.environment, a.colour.value) for a in view.alike] == [("staging", "GREEN")]


async def test_what_people_say_of_it_is_kept_and_the_newest_word_counts(world: World) -> None:
    await live(world)
    await red(world)
    for person, related, key in (("lin", False, "a"), ("lin", False, "a"), ("cy", True, "b")):
        await judge(
            world.ledger, world.policy, world.asker(person), "INC-1", "DEP-1", related=related, key=key
        )
    incident = await world.incident()
    assert [(j.by, j.related) for j in incident.judged] == [("lin", False), ("cy", True)]
    assert incident.cleared == frozenset()
    refusal = await refusal_of(
        judge(world.ledger, world.policy, world.asker("cy"), "INC-1", "DEP-9", related=True, key="c")
    )
    assert refusal.code == "not-suspected"


@pytest.mark.requirement("P2")
async def test_red_staging_on_a_version_refuses_that_version_in_production(world: World) -> None:
    await world.ready()
    world.clock.advance(SECOND)
    await world.see("staging", "status", Colour.RED)
    await world.ask()
    await world.run_timers()
    assert await world.outcome("staging-verified") == ("blocked", "red-on-this-version")


async def test_red_staging_with_another_version_is_judged_by_its_colour_alone(world: World) -> None:
    await world.ready()
    await world.state("deployment", environment="staging", artifact="0ther00", digest="sha256:" + "a" * 64)
    world.clock.advance(SECOND)
    await world.see("staging", "status", Colour.RED)
    await world.ask()
    await world.run_timers()
    assert await world.outcome("staging-verified") == ("passed", "verified")
    assert await world.outcome("environments-green") == ("blocked", "not-green")
