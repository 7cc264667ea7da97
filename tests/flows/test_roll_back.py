"""Going back by hand: who may, to what, what holds it and what does not, and what is told (P14, P16, P17)."""

import asyncio
from typing import Any

import pytest

from bot.domain.deployment import RunResult
from bot.domain.environment import Colour
from bot.domain.refusal import Refusal
from bot.flows.answer_incident import resolve
from tests.flows import rolling
from tests.flows.fakes import DIGEST, NEXT_DIGEST, NEXT_TAG, OLD_DIGEST, OLD_TAG, TAG, PowerCut
from tests.flows.freezing import refused
from tests.flows.going_back import RUNS, RUNS_NOT, WAY_BACK, ask_back, live, rolled_back
from tests.flows.policy_text import NO_SEATS, ONE_SEAT, REWORDED
from tests.flows.rolling import IN_STEPS
from tests.flows.watching import switched_off
from tests.flows.world import DAY, HOUR, MINUTE, SECOND, World

pytestmark = pytest.mark.requirement("P16")
OLDER_TAG, OLDER_DIGEST = "0ddba11", "sha256:" + "0dd0" * 16
EXIT_3 = RunResult(succeeded=False, code="exit-3", output="boom\n")


async def facts_of(work: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await work
    return caught.value


# --- who asks, and with what ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("person", "code"),
    [
        ("ada", "asked"),
        ("cy", "asked"),
        ("vic", "asked"),
        ("bo", "may-not-roll-back"),
        ("lin", "may-not-roll-back"),
    ],
)
async def test_the_platform_lead_and_whoever_is_on_call_go_back_where_the_policy_says_so(
    world: World, person: str, code: str
) -> None:
    await live(world, ONE_SEAT, WAY_BACK)
    if code == "asked":
        assert (await ask_back(world, person)).request.id == "DEP-2"
        return
    refusal = await facts_of(ask_back(world, person))
    assert (refusal.code, refusal.facts["roles"]) == (code, ["on-call-sre", "platform-lead"])


async def test_without_a_rule_of_its_own_whoever_fills_a_usual_seat_goes_back(world: World) -> None:
    await live(world)
    assert await refused(ask_back(world, "lin")) == "may-not-roll-back"
    assert (await ask_back(world, "bo")).request.requester.person == "bo"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"incident": None}, "needs-incident"),
        ({"incident": "it is slow"}, "bad-incident"),
        ({"incident": "I" * 65 + "-1"}, "bad-incident"),
        ({"service": "check-out"}, "unknown-service"),
        ({"environment": "prod"}, "unknown-environment"),
        ({"to": "../etc"}, "bad-artifact"),
        ({"to": NEXT_TAG}, "never-ran-here"),
        ({"to": TAG}, "runs-already"),
        ({"service": "pages"}, "nothing-runs"),
        ({"reason": "x" * 1001}, "reason-too-long"),
    ],
)
async def test_what_is_asked_wrongly_is_refused_and_leaves_nothing(
    world: World, changes: dict[str, Any], code: str
) -> None:
    await live(world)
    before = await world.everything()
    assert await refused(ask_back(world, **changes)) == code
    assert await world.everything() == before


async def test_an_incident_is_named_where_people_have_to_agree_and_else_where_the_policy_says_so(
    world: World,
) -> None:
    await live(world)
    await world.reload(NO_SEATS)
    await ask_back(world, "lin", incident=None)
    await world.reload(NO_SEATS, WAY_BACK)
    assert await refused(ask_back(world, incident=None)) == "needs-incident"
    free = (WAY_BACK[0], WAY_BACK[1].replace("]}\n", "], requires: []}\n"))
    await world.reload(NO_SEATS, free)
    assert await refused(ask_back(world, incident=None)) == "rollback-asked"
    planned = (WAY_BACK[0], WAY_BACK[1].replace("]}\n", "], requires: [rollback-plan]}\n"))
    await world.reload(NO_SEATS, planned)
    assert await refused(ask_back(world, incident=None, reason=None)) == "no-reason"


async def test_the_same_command_delivered_twice_asks_once(world: World) -> None:
    await live(world)
    first, again = await ask_back(world, key="one"), await ask_back(world, key="one")
    assert (first.request.id, first.repeated, again.request.id, again.repeated) == (
        "DEP-2",
        False,
        "DEP-2",
        True,
    )
    assert await refused(ask_back(world, "bo")) == "rollback-asked"


async def test_of_two_who_ask_in_the_same_moment_one_is_told_of_the_other(world: World) -> None:
    await live(world)
    done = await asyncio.gather(ask_back(world, "ada"), ask_back(world, "bo"), return_exceptions=True)
    assert sorted(type(d).__name__ for d in done) == ["Filed", "Refusal"]


# --- approved, carried out, verified --------------------------------------------------------------------------------


async def test_it_takes_an_approval_which_its_requester_may_give_with_a_second_factor(world: World) -> None:
    await live(world, ONE_SEAT, WAY_BACK)
    filed = await ask_back(world, "cy")
    await world.run_timers()
    assert await world.state_of("DEP-2") == "awaiting-approval"
    assert world.deployer.rolled_back == []
    assert await world.refusal_of_signing("bo", "DEP-2") == "no-seat"
    await world.approve("cy", request_id="DEP-2")
    (run,) = world.deployer.rolled_back
    assert (run.artifact.tag, run.artifact.digest, run.rolls_back) == (OLD_TAG, OLD_DIGEST, True)
    assert len(world.deployer.started) == 1  # the deployment itself: going back is no start
    request = await world.request("DEP-2")
    assert (request.state.value, request.rolls_back, request.ticket) == ("live", "DEP-1", "INC-9")
    assert request.rollback_target is not None
    assert (request.rollback_target.tag, filed.request.artifact.tag) == (TAG, OLD_TAG)
    assert request.closing is not None
    assert request.closing.code == "verified"


@pytest.mark.requirement("P17")
async def test_everybody_is_told_from_what_to_what(world: World) -> None:
    await live(world)
    await rolled_back(world)
    owed = await world.deliveries()
    (announced,) = [d for d in owed if d.destination == "slack:channel:releases"]
    said = {
        k: announced.facts[k] for k in ("code", "service", "environment", "from", "to", "verified", "undoes")
    }
    assert (announced.kind, said) == (
        "rollback-note",
        {
            "code": "rolled-back", "service": "checkout", "environment": "production", "from": TAG, "to": OLD_TAG,
            "verified": True, "undoes": "DEP-1",
        },
    )  # fmt: skip
    notes = [(d.subject, d.facts["code"]) for d in owed if d.kind == "request-note"]
    assert ("DEP-2", "rollback-live") in notes
    assert ("DEP-1", "taken-back") in notes
    assert [d.facts["code"] for d in owed if d.destination == "slack:user:U05LIN"] == ["taken-back"]
    told = {d.kind for d in owed if d.destination == "slack:channel:incidents"}
    assert told == {"incident-card", "incident-note"}  # P21: kept, and nobody is paged for what is mended
    assert not [d for d in owed if d.kind == "page"]
    undone = await world.request()
    assert undone.closing is not None
    assert (undone.state.value, undone.closing.code, undone.closing.reason) == (
        "live",
        "rolled-back",
        "DEP-2",
    )
    assert "request.rolled-back" in await world.types("request/DEP-1")


@pytest.mark.requirement("P17")
@pytest.mark.parametrize(
    ("result", "found", "state", "code", "told"),
    [
        (None, None, "live", "unverified", "rollback-unverified"),
        (None, RUNS_NOT, "failed", "not-running", "rollback-failed"),
        (EXIT_3, RUNS, "failed", "exit-3", "rollback-failed"),
    ],
)
async def test_what_nobody_can_confirm_is_told_aloud_and_to_whoever_is_on_call(
    world: World, result: RunResult | None, found: RunResult | None, state: str, code: str, told: str
) -> None:
    await live(world)
    world.deployer.result = result or world.deployer.result
    world.deployer.found = found
    await rolled_back(world)
    request = await world.request("DEP-2")
    assert request.closing is not None
    assert (request.state.value, request.closing.code) == (state, code)
    loud = [(d.destination, d.facts["code"], d.facts["on_call"]) for d in await world.deliveries("rollback-note")
            if d.facts["code"] == told]  # fmt: skip
    assert sorted(loud) == [("slack:channel:incidents", told, "cy"), ("slack:user:U03CY", told, "cy")]


@pytest.mark.requirement("P17")
@pytest.mark.parametrize(
    ("result", "found", "incident", "code", "verified"),
    [
        (None, RUNS, "INC-9", "rollback-live", True),  # by what it takes back
        (None, RUNS, "INC-1", "rollback-live", True),  # and by its ticket, once all the same
        (None, None, "INC-9", "rollback-live", False),
        (EXIT_3, RUNS, "INC-9", "rollback-failed", False),
    ],
)
async def test_the_thread_of_the_open_incident_hears_once_how_the_rollback_ended(
    world: World, result: RunResult | None, found: RunResult | None, incident: str, code: str, verified: bool
) -> None:
    await live(world)
    await world.see("production", "db", Colour.RED)
    world.deployer.result = result or world.deployer.result
    world.deployer.found = found
    await rolled_back(world, incident=incident)
    notes = [d for d in await world.deliveries("incident-note") if d.facts.get("request") == "DEP-2"]
    assert [(d.subject, d.facts["code"]) for d in notes] == [("INC-1", "rolling-back"), ("INC-1", code)]
    said = {key: notes[1].facts[key] for key in ("service", "to", "approved_by", "verified")}
    assert said == {"service": "checkout", "to": OLD_TAG, "approved_by": ["ada"], "verified": verified}


@pytest.mark.requirement("P17")
async def test_a_deployer_that_cannot_say_what_runs_does_not_undo_what_it_did(world: World) -> None:
    await live(world)

    async def breaks(_run: Any) -> RunResult | None:
        raise OSError

    world.deployer.look_up = breaks  # type: ignore[method-assign]
    await rolled_back(world)
    assert (await world.runs("DEP-2"))[0].code == "unverified"


async def test_after_a_power_cut_the_rollback_is_looked_up_and_never_sent_again(world: World) -> None:
    await live(world)

    async def cut(_run: Any) -> None:
        raise PowerCut

    world.deployer.during = cut
    await ask_back(world)
    await world.run_timers()
    with pytest.raises(PowerCut):
        await world.approve("ada", request_id="DEP-2")
    world.deployer.during = None
    await world.restart()
    await world.run_timers()
    assert len(world.deployer.rolled_back) == 1
    assert await world.state_of("DEP-2") == "live"
    assert await refused(ask_back(world)) == "no-way-back"  # it is known as a rollback all the same


# --- to which version -----------------------------------------------------------------------------------------------


async def three_versions(world: World) -> None:
    """An older version ran two days ago, then the old one, and DEP-1 is live."""
    world.registry.digests[OLDER_TAG] = OLDER_DIGEST
    await world.runs_already(OLDER_TAG, OLDER_DIGEST, ago=2 * DAY)
    await live(world)


@pytest.mark.requirement("P14")
async def test_going_back_twice_goes_further_back_and_then_says_that_there_is_nothing_left(
    world: World,
) -> None:
    await three_versions(world)
    await rolled_back(world)
    await rolled_back(world)
    assert [r.artifact.tag for r in world.deployer.rolled_back] == [OLD_TAG, OLDER_TAG]
    refusal = await facts_of(ask_back(world))
    assert (refusal.code, refusal.facts["from"]) == ("no-way-back", OLDER_TAG)


async def test_the_pipelines_own_word_on_the_rollback_makes_no_ping_pong(world: World) -> None:
    await three_versions(world)
    await rolled_back(world)
    await world.state("deployment", environment="production", artifact=OLD_TAG, digest=OLD_DIGEST)
    await rolled_back(world)
    assert world.deployer.rolled_back[-1].artifact.tag == OLDER_TAG


async def test_an_earlier_version_can_be_named(world: World) -> None:
    await three_versions(world)
    refusal = await facts_of(ask_back(world, to="1234567"))
    assert refusal.facts["known"] == [OLD_TAG, OLDER_TAG]
    await rolled_back(world, to=OLDER_TAG)
    assert world.deployer.rolled_back[-1].artifact.digest == OLDER_DIGEST
    assert await refused(ask_back(world)) == "no-way-back"


async def test_after_a_rollback_the_next_version_has_the_right_way_back(world: World) -> None:
    await live(world)
    await rolled_back(world)
    await resolve(world.ledger, world.policy, world.asker("ada"), "INC-1")
    world.clock.advance(MINUTE)
    await world.prove(NEXT_TAG, NEXT_DIGEST)
    later = await world.ask(artifact=NEXT_TAG)
    await world.run_timers()
    request = await world.request(later)
    assert request.rollback_target is not None
    assert request.rollback_target.tag == OLD_TAG
    await world.approve("ada", request_id=later)
    assert await world.state_of(later) == "live"
    await rolled_back(world)
    assert world.deployer.rolled_back[-1].artifact.tag == OLD_TAG


@pytest.mark.requirement("P14")
async def test_it_brings_the_digest_that_ran_though_its_tag_moved_on(world: World) -> None:
    await live(world)
    world.registry.digests[OLD_TAG] = NEXT_DIGEST
    world.registry.digests["kept"] = OLD_DIGEST
    await rolled_back(world)
    assert world.deployer.rolled_back[0].artifact.digest == OLD_DIGEST


@pytest.mark.requirement("P14")
async def test_a_version_that_the_registry_lost_is_refused_with_words(world: World) -> None:
    await live(world)
    del world.registry.digests[OLD_TAG]
    await ask_back(world)
    await world.run_timers()
    assert await world.state_of("DEP-2") == "refused"
    assert await world.outcome("previous-version", "DEP-2") == ("blocked", "target-not-in-registry")


async def test_a_registry_that_is_silent_in_an_incident_is_asked_for_as_long_as_it_takes(
    world: World,
) -> None:
    await live(world)
    world.registry.silent = True
    await ask_back(world)
    await world.pass_time(HOUR)
    assert await world.state_of("DEP-2") == "evaluating"
    world.registry.silent = False
    await world.pass_time(15 * SECOND)
    await world.approve("ada", request_id="DEP-2")
    assert await world.state_of("DEP-2") == "live"


async def test_once_something_newer_runs_an_older_rollback_does_not_start(world: World) -> None:
    await live(world)
    await ask_back(world)
    await world.run_timers()
    world.clock.advance(MINUTE)
    await world.state("deployment", environment="production", artifact=NEXT_TAG, digest=NEXT_DIGEST)
    await world.approve("ada", request_id="DEP-2")
    assert await world.outcome("previous-version", "DEP-2") == ("blocked", "newer-runs")
    assert world.deployer.rolled_back == []


async def test_another_policy_asks_for_the_approval_anew(world: World) -> None:
    """What changed is shown and approved again: a rollback is no exception."""
    await live(world, ONE_SEAT, WAY_BACK)
    await ask_back(world)
    await world.run_timers()
    await world.sign("ada", "DEP-2")
    await world.reload(ONE_SEAT, WAY_BACK, REWORDED)
    await world.run_timers()
    assert (await world.request("DEP-2")).revision == 2
    assert world.deployer.rolled_back == []


# --- what does not hold it ------------------------------------------------------------------------------------------


@pytest.mark.requirement("P6")
async def test_no_calendar_no_soak_no_colour_and_no_ticket_holds_it(world: World) -> None:
    await live(world)
    await rolling.declare(world)
    await world.see("production", "db", Colour.RED)  # an incident, and not green
    world.clock.advance(4 * DAY)  # Saturday: prohibited
    await rolled_back(world)
    assert await world.state_of("DEP-2") == "live"
    readiness = (await world.request("DEP-2")).readiness
    assert readiness is not None
    assert [o.gate for o in readiness.outcomes] == ["previous-version", "immutable-artifact"]


# --- what rolls out -------------------------------------------------------------------------------------------------


async def at_a_quarter(world: World) -> None:
    await rolling.rolling(world, IN_STEPS)
    world.deployer.found = RUNS
    await world.run_timers()
    assert await rolling.stands(world) == ("between-steps", 25)
    await world.deliveries()


@pytest.mark.requirement("P22")
async def test_a_rollout_is_held_when_it_is_asked_for_and_ended_between_two_calls_when_it_starts(
    world: World,
) -> None:
    await at_a_quarter(world)
    filed = await ask_back(world)
    assert (filed.stops, filed.request.rolls_back, filed.request.artifact.tag) == ("DEP-1", "DEP-1", OLD_TAG)
    await world.pass_time(10 * MINUTE)
    assert await rolling.stands(world) == ("between-steps", 25)  # held: it would be at 100 % by now
    await world.approve("ada", request_id="DEP-2")
    assert [await world.state_of(i) for i in ("DEP-1", "DEP-2")] == ["failed", "live"]
    assert rolling.called(world) == [25]
    assert [r.artifact.tag for r in world.deployer.rolled_back] == [OLD_TAG]
    assert (await rolling.run(world)).code == "stopped"
    await world.pass_time(HOUR)
    assert rolling.called(world) == [25]


@pytest.mark.requirement("P22")
async def test_one_that_a_freeze_holds_does_not_hold_the_rollback(world: World) -> None:
    await at_a_quarter(world)
    await rolling.declare(world)
    await world.run_timers()
    await rolled_back(world)
    assert [await world.state_of(i) for i in ("DEP-1", "DEP-2")] == ["failed", "live"]


@pytest.mark.requirement("P22")
async def test_somebody_who_resumes_the_rollout_meanwhile_cannot_make_the_rollback_wait(world: World) -> None:
    await at_a_quarter(world)
    await ask_back(world)
    await world.run_timers()
    await rolling.resume(world, "vic")
    await world.sign("ada", "DEP-2")
    await world.fire("evaluate", "DEP-2")
    assert [await world.state_of(i) for i in ("DEP-1", "DEP-2")] == ["failed", "starting"]


@pytest.mark.requirement("P22")
@pytest.mark.parametrize("percent", [50, 100])
async def test_while_a_call_is_under_way_it_waits_for_that_call_and_no_longer(
    world: World, percent: int
) -> None:
    await at_a_quarter(world)
    if percent == 100:
        await world.pass_time(5 * MINUTE)

    async def ask_meanwhile(_run: Any) -> None:
        world.deployer.during = None
        await ask_back(world)
        await world.fire("evaluate", "DEP-2")
        await world.sign("ada", "DEP-2")
        await world.fire("evaluate", "DEP-2")
        assert await world.state_of("DEP-2") == "approved"
        assert await world.outcome("one-at-a-time", "DEP-2") == ("blocked", "another-run")
        assert world.deployer.rolled_back == []

    world.deployer.during = ask_meanwhile
    await world.pass_time(5 * MINUTE)
    assert rolling.called(world)[-1] == percent
    assert await world.state_of("DEP-2") == "live"
    assert await world.state_of() == ("live" if percent == 100 else "failed")
    assert [r.artifact.tag for r in world.deployer.rolled_back] == [OLD_TAG]
    assert await refused(ask_back(world)) == "no-way-back"


async def test_a_rollout_that_failed_halfway_is_rolled_back_to_what_ran_before_it(world: World) -> None:
    await at_a_quarter(world)
    world.deployer.result = EXIT_3
    await world.reload(rolling.SHIFTS, switched_off(IN_STEPS))
    await world.pass_time(5 * MINUTE)
    assert await world.state_of() == "failed"
    world.deployer.result = RunResult(succeeded=True, code="exit-0", output="")
    await rolled_back(world)
    assert [
        (r.artifact.tag, r.rollback_target and r.rollback_target.tag) for r in world.deployer.rolled_back
    ] == [(OLD_TAG, TAG)]
    assert (await world.request("DEP-2")).rolls_back == "DEP-1"
    assert await refused(ask_back(world)) == "no-way-back"


async def test_a_rollback_that_failed_can_be_asked_for_again(world: World) -> None:
    await live(world)
    world.deployer.result = EXIT_3
    await rolled_back(world)
    assert await world.state_of("DEP-2") == "failed"
    world.deployer.result = RunResult(succeeded=True, code="exit-0", output="")
    await rolled_back(world)
    assert [r.artifact.tag for r in world.deployer.rolled_back] == [OLD_TAG, OLD_TAG]
    assert await world.state_of("DEP-3") == "live"


async def test_nothing_else_starts_beside_a_rollback(world: World) -> None:
    await live(world)
    await world.prove(NEXT_TAG, NEXT_DIGEST)
    other = await world.ask(artifact=NEXT_TAG)
    await world.run_timers()

    async def approve_meanwhile(_run: Any) -> None:
        world.deployer.during = None
        await world.sign("ada", other)
        await world.fire("evaluate", other)
        assert await world.outcome("one-at-a-time", other) == ("blocked", "another-run")

    await ask_back(world)
    await world.run_timers()
    world.deployer.during = approve_meanwhile
    await world.approve("vic", request_id="DEP-3")
    assert await world.state_of("DEP-3") == "live"
    assert (
        await world.request(other)
    ).revision == 2  # what it replaces is another version now: approved anew
    assert [r.artifact.digest for r in world.deployer.started] == [DIGEST]


@pytest.mark.requirement("P16")
async def test_a_version_of_which_only_a_late_word_says_that_it_ran_is_no_way_back(world: World) -> None:
    """Else a CI token and one signature would bring anything to production, past its windows and its soak."""
    await live(world, ONE_SEAT)
    digest = "sha256:" + "e" * 64
    world.registry.digests["evil"] = digest
    for kind, where in (("build", {}), ("deployment", {"environment": "production"})):
        await world.state(kind, 3 * HOUR, artifact="evil", digest=digest, **where)
    assert await refused(ask_back(world, "ada", to="evil")) == "never-ran-here"
