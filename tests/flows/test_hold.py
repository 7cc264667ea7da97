"""Hold and resume: anybody stops, and it takes a right to say "go on"; each click decides once."""

from typing import Any

import pytest

from bot.domain.deployment import Run
from bot.domain.refusal import Refusal
from tests.flows import rolling
from tests.flows.fakes import NEXT_DIGEST, NEXT_TAG
from tests.flows.policy_text import AUTHORS_MAY, NO_SEATS
from tests.flows.rolling import ANALYSED, IN_STEPS, SHIFTS, called, declare, hold, notes, resume, stands
from tests.flows.world import HOUR, MINUTE, World


@pytest.fixture
async def waiting(world: World) -> World:
    """DEP-1 waits for approval; nothing is owed."""
    await world.ready()
    await world.ask()
    await world.run_timers()
    await world.deliveries()
    return world


@pytest.fixture
async def quarter(world: World) -> World:
    """DEP-1 rolls out and stands at a quarter; the next step is due in five minutes."""
    await rolling.rolling(world)
    await world.run_timers()
    await world.deliveries()
    return world


@pytest.fixture
async def unjudged(world: World) -> World:
    """DEP-1 stands at a quarter, and the policy wants an analysis that nobody makes."""
    await rolling.rolling(world, ANALYSED)
    await world.run_timers()
    await world.deliveries()
    return world


async def refusal_of(doing: Any) -> Refusal:
    with pytest.raises(Refusal) as raised:
        await doing
    return raised.value


# Before the start


@pytest.mark.requirement("P6")
@pytest.mark.parametrize("person", ["bo", "lin", "sam"], ids=["approver", "requester", "author"])
async def test_anybody_holds_a_request_and_it_does_not_start(waiting: World, person: str) -> None:
    await hold(waiting, person, "The database is being moved")
    await waiting.approve("ada", "cy")
    assert await waiting.state_of() == "approved"
    assert called(waiting) == []
    await waiting.pass_time(HOUR)
    assert called(waiting) == []


@pytest.mark.requirement("P6")
async def test_what_was_held_is_judged_again_and_starts_when_it_is_resumed(waiting: World) -> None:
    await hold(waiting, "bo")
    await waiting.approve("ada", "cy")
    await waiting.press_start("lin")
    await waiting.run_timers()
    assert called(waiting) == []
    await resume(waiting, "bo")
    assert ("evaluate", "DEP-1") in waiting.timers_set()
    await waiting.press_start("lin")
    await waiting.run_timers()
    assert await waiting.state_of() == "live"


async def test_a_hold_is_recorded_shown_and_told_to_the_requester(waiting: World) -> None:
    await hold(waiting, "bo", "  The database is being moved ")
    request = await waiting.request()
    assert request.held is not None
    assert (request.held.by.person, request.held.reason) == ("bo", "The database is being moved")
    assert (await waiting.types("request/DEP-1"))[-1] == "request.held"
    owed = {(d.kind, d.destination): d.facts for d in await waiting.deliveries()}
    note = owed["request-note", "slack:channel:deployments"]
    assert (note["code"], note["person"], note["reason"]) == ("held", "bo", "The database is being moved")
    assert owed["request-answer", "slack:user:U05LIN"]["code"] == "held"
    assert ("request-card", "slack:channel:deployments") in owed


async def test_whoever_holds_their_own_request_is_not_told_of_it(waiting: World) -> None:
    await hold(waiting, "lin")
    assert await waiting.told("request-answer", "lin") == []


@pytest.mark.requirement("P6")
@pytest.mark.parametrize(
    ("holder", "person", "code"),
    [
        ("bo", "bo", "resumed"),
        ("bo", "lin", "resumed"),
        ("bo", "ada", "resumed"),
        ("sam", "sam", "resumed"),
        ("bo", "nobody", "unknown-person"),
    ],
)
async def test_who_may_resume_what_a_person_held(waiting: World, holder: str, person: str, code: str) -> None:
    await hold(waiting, holder)
    if code == "resumed":
        await resume(waiting, person)
        assert (await waiting.request()).held is None
    else:
        assert (await refusal_of(resume(waiting, person))).code == code
        assert (await waiting.request()).held is not None


async def test_somebody_without_a_seat_resumes_only_what_they_held(world: World) -> None:
    await world.reload((", vic]}", "]}"))
    await world.ready()
    await world.ask()
    await world.run_timers()
    await hold(world, "bo")
    refused = await refusal_of(resume(world, "vic"))
    assert (refused.code, refused.facts["by"], refused.facts["requester"]) == (
        "not-yours-to-resume", "bo", "lin",
    )  # fmt: skip
    await resume(world, "bo")
    await hold(world, "vic")
    await resume(world, "vic")


async def test_one_click_holds_once_and_resumes_once(waiting: World) -> None:
    await hold(waiting, "bo", key="click-1")
    await hold(waiting, "bo", key="click-1")
    assert (await refusal_of(hold(waiting, "ada"))).code == "held-already"
    await resume(waiting, "bo", key="click-2")
    await resume(waiting, "bo", key="click-2")
    assert (await refusal_of(resume(waiting, "bo"))).code == "not-held"
    await hold(waiting, "bo", key="click-1")  # a replay of the first click holds nothing again
    assert (await waiting.request()).held is None
    types = await waiting.types("request/DEP-1")
    assert (types.count("request.held"), types.count("request.resumed")) == (1, 1)


async def test_what_is_refused_changes_nothing(waiting: World) -> None:
    before = await waiting.everything()
    for doing, code in (
        (hold(waiting, "nobody"), "unknown-person"),
        (hold(waiting, "bo", request_id="DEP-9"), "unknown-request"),
        (hold(waiting, "bo", "x" * 1001), "reason-too-long"),
        (resume(waiting, "bo"), "not-held"),
    ):
        assert (await refusal_of(doing)).code == code
    assert await waiting.everything() == before


async def test_what_is_over_is_neither_held_nor_resumed(waiting: World) -> None:
    await waiting.reject("ada")
    assert (await refusal_of(hold(waiting, "bo"))).code == "over-already"
    assert (await refusal_of(resume(waiting, "bo"))).code == "over-already"


async def test_a_request_that_is_still_being_checked_can_be_held(world: World) -> None:
    await world.ready()
    await world.ask()
    await hold(world, "bo")
    assert await world.deliveries("request-card") == []
    await world.run_timers()
    await world.approve("ada", "cy")
    assert called(world) == []


# A rollout under way


@pytest.mark.requirement("P6")
async def test_a_held_rollout_takes_no_step_until_it_is_resumed(quarter: World) -> None:
    await hold(quarter, "sam", "Errors are rising")
    await quarter.pass_time(HOUR)
    assert await stands(quarter) == ("between-steps", 25)
    await resume(quarter, "sam")
    await quarter.run_timers()
    assert await stands(quarter) == ("between-steps", 50)
    assert [(n["code"], n.get("percent")) for n in await notes(quarter)] == [
        ("held", 25), ("resumed", 25), ("stepped", 50),
    ]  # fmt: skip


async def test_a_hold_during_a_step_keeps_the_next_one(quarter: World) -> None:
    async def meanwhile(_run: Run) -> None:
        quarter.deployer.during = None
        await hold(quarter, "bo")

    quarter.deployer.during = meanwhile
    await quarter.pass_time(HOUR)
    assert await stands(quarter) == ("between-steps", 50)


@pytest.mark.requirement("P6")
@pytest.mark.parametrize("stepped", [True, False])
async def test_a_last_call_under_way_cannot_be_held_and_says_how_to_undo_it(
    world: World, stepped: bool
) -> None:
    """A call is a program of the platform's: nobody can tell how far it is."""
    await rolling.rolling(world, *((IN_STEPS,) if stepped else (AUTHORS_MAY,)))
    if stepped:
        await world.pass_time(5 * MINUTE)
    refused: list[Refusal] = []

    async def meanwhile(_run: Run) -> None:
        refused.append(await refusal_of(hold(world, "bo")))

    world.deployer.during = meanwhile
    await world.pass_time(5 * MINUTE)
    assert refused[0].code == "call-under-way"
    assert (refused[0].facts["stepped"], refused[0].facts["command"]) == (
        stepped, "./deploy.sh production 51be07d",
    )  # fmt: skip
    assert await world.state_of() == "live"


async def test_what_is_intended_and_not_yet_called_can_be_held(world: World) -> None:
    await rolling.rolling(world)
    await hold(world, "bo")
    await world.pass_time(HOUR)
    assert called(world) == []
    await resume(world, "bo")
    await world.run_timers()
    assert called(world) == [25]


@pytest.mark.requirement("P6")
async def test_resuming_never_passes_a_freeze(quarter: World) -> None:
    await declare(quarter)
    await quarter.run_timers()
    refused = await refusal_of(resume(quarter, "ada"))
    assert refused.code == "frozen"
    assert (refused.facts["rule"], refused.facts["by"], refused.facts["declared"]) == ("FRZ-1", "vic", True)
    await hold(quarter, "bo")
    await resume(quarter, "bo")
    await quarter.pass_time(HOUR)
    assert await stands(quarter) == ("between-steps", 25)


async def test_who_may_lift_a_freeze_is_named_by_the_policy(world: World) -> None:
    await rolling.rolling(
        world, IN_STEPS, ("  outside_windows", "  may_lift: [platform-lead]\n  outside_windows")
    )
    await world.run_timers()
    await declare(world, hours=1)
    refused = await refusal_of(resume(world, "ada"))
    assert refused.facts["roles"] == ["platform-lead"]
    assert refused.facts["until"] is not None


# Analysis


@pytest.mark.requirement("F5")
@pytest.mark.parametrize(
    ("person", "code"), [("lin", "own-step"), ("sam", "commit-author"), ("ada", None), ("cy", None)]
)
async def test_a_step_is_judged_by_whoever_could_approve_and_never_by_the_requester(
    unjudged: World, person: str, code: str | None
) -> None:
    if code is None:
        await resume(unjudged, person)
        assert (await unjudged.types("run/DEP-1/1"))[-1] == "run.resumed"
    else:
        assert (await refusal_of(resume(unjudged, person))).code == code
        await unjudged.pass_time(HOUR)
        assert await stands(unjudged) == ("between-steps", 25)


async def test_where_nobody_has_a_seat_anybody_but_the_requester_judges_a_step(world: World) -> None:
    await world.reload(SHIFTS, ANALYSED, NO_SEATS)
    await world.ready()
    await world.ask()
    await world.run_timers()
    assert await stands(world) == ("between-steps", 25)
    assert (await refusal_of(resume(world, "lin"))).code == "own-step"
    await hold(world, "bo")
    assert (await refusal_of(resume(world, "sam"))).code == "not-yours-to-resume"
    assert (await rolling.run(world)).confirmed == 0
    await resume(world, "bo")
    assert (await rolling.run(world)).confirmed == 25


@pytest.mark.requirement("P6")
async def test_the_requester_lifts_a_hold_but_the_step_waits_for_its_judge(unjudged: World) -> None:
    await hold(unjudged, "bo")
    await resume(unjudged, "lin")
    assert (await unjudged.request()).held is None
    await unjudged.pass_time(HOUR)
    assert await stands(unjudged) == ("between-steps", 25)
    await resume(unjudged, "ada")
    await unjudged.run_timers()
    assert await stands(unjudged) == ("between-steps", 50)


async def test_an_approver_resumes_both_in_one_go(unjudged: World) -> None:
    await hold(unjudged, "bo")
    await resume(unjudged, "ada", "Looks well")
    await unjudged.pass_time(5 * MINUTE)
    assert await stands(unjudged) == ("between-steps", 50)
    (entry,) = [e for e in await unjudged.entries("run/DEP-1/1") if e["type"] == "run.resumed"]
    assert (entry["by"]["person"], entry["facts"]["reason"]) == ("ada", "Looks well")


# Stopping where it stands


@pytest.mark.requirement("P6")
@pytest.mark.parametrize("person", ["lin", "ada"])
async def test_a_rollout_is_stopped_where_it_stands_and_never_goes_on(quarter: World, person: str) -> None:
    """Whoever went back by hand has to be able to say so, or the next step would bring the new version again."""
    await declare(quarter, hours=1)
    await quarter.run_timers()
    await quarter.deliveries()
    await quarter.cancel(person)
    assert await stands(quarter) == ("failed", 25)
    request = await quarter.request()
    assert request.closing is not None
    assert (request.state.value, request.closing.code, request.closing.by.person) == (
        "failed", "stopped", person,
    )  # fmt: skip
    (note,) = await notes(quarter)
    assert (note["outcome"], note["person"], note["percent"]) == ("stopped", person, 25)
    await quarter.pass_time(2 * HOUR)
    assert called(quarter) == [25]


async def test_a_step_under_way_is_not_stopped(quarter: World) -> None:
    refused: list[Refusal] = []

    async def meanwhile(_run: Run) -> None:
        refused.append(await refusal_of(quarter.cancel("lin")))

    quarter.deployer.during = meanwhile
    await quarter.pass_time(5 * MINUTE)
    assert [r.code for r in refused] == ["too-late"]
    assert await stands(quarter) == ("between-steps", 50)


async def test_a_stopped_rollout_makes_room_for_what_waited(quarter: World) -> None:
    await quarter.prove(NEXT_TAG, NEXT_DIGEST, soaked=90 * MINUTE)
    await quarter.ask("vic", artifact=NEXT_TAG)
    await quarter.run_timers()
    await quarter.cancel("lin")
    assert ("evaluate", "DEP-2") in quarter.timers_set()
