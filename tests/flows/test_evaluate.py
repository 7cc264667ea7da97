"""Judging a request: all gates run, unknown is not green, and every answer is kept, told and retried as promised."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.change_request import Start
from bot.domain.environment import Colour
from bot.domain.outcome import Status
from tests.flows.fakes import OLD_DIGEST, OLD_TAG, STRANGE_DIGEST, TAG, TUESDAY_TEN
from tests.flows.world import DAY, HOUR, MINUTE, SECOND, World

FRIDAY_THREE_PM = datetime(2026, 11, 13, 20, 0, tzinfo=UTC)
SATURDAY = datetime(2026, 11, 14, 15, 0, tzinfo=UTC)
MONDAY_MIDNIGHT = datetime(2026, 11, 16, 5, 0, tzinfo=UTC)


@pytest.mark.requirement("P1")
async def test_a_request_that_passes_every_gate_awaits_approval_and_everybody_is_told(world: World) -> None:
    await world.ready()
    await world.ask()
    await world.run_timers()
    request = await world.request()
    assert request.state.value == "awaiting-approval"
    assert request.readiness is not None
    assert {o.status for o in request.readiness.outcomes} == {Status.PASSED}
    assert len(request.readiness.outcomes) == 9
    assert request.fingerprint is not None
    assert request.rollback_target is not None
    assert request.rollback_target.tag == OLD_TAG
    owed = await world.deliveries()
    assert [(d.kind, d.destination, d.facts.get("code")) for d in owed if d.subject == "DEP-1"] == [
        ("request-answer", "slack:user:U05LIN", "awaiting-approval"),
        ("request-card", "slack:channel:deployments", None),
    ]
    assert world.deployer.started == []


@pytest.mark.requirement("P23")
async def test_a_blocked_request_is_refused_and_every_reason_is_kept_not_the_first(world: World) -> None:
    await world.ready()
    await world.state("scan", counts={"critical": 1, "high": 0})
    await world.ask(ticket="JIRA-1")
    await world.run_timers()
    request = await world.request()
    assert (request.state.value, request.closing and request.closing.code) == ("refused", "blocked")
    assert await world.outcome("vulnerabilities") == ("blocked", "vulnerable")
    assert await world.outcome("ticket") == ("blocked", "ticket-malformed")
    assert await world.outcome("soak") == ("passed", "soaked")
    assert (await world.entries("request/DEP-1"))[-1]["state"]["readiness"] is not None
    owed = await world.deliveries()
    assert [(d.kind, d.facts["code"]) for d in owed if d.subject == "DEP-1"] == [
        ("request-answer", "refused")
    ]


@pytest.mark.requirement("P2")
async def test_what_skipped_staging_is_refused(world: World) -> None:
    await world.green()
    await world.runs_already()
    await world.state("build", details={"authors": ["sam-k"]})
    await world.ask()
    await world.run_timers()
    assert await world.state_of() == "refused"
    assert await world.outcome("staging-verified") == ("unknown", "no-verification")
    assert await world.outcome("soak") == ("unknown", "never-deployed")


@pytest.mark.requirement("P14")
async def test_without_a_version_to_go_back_to_it_is_refused(world: World) -> None:
    await world.green()
    await world.prove()
    await world.ask()
    await world.run_timers()
    assert await world.state_of() == "refused"
    assert await world.outcome("rollback-target") == ("blocked", "no-previous-version")


async def test_an_environment_without_gates_passes_nothing(world: World) -> None:
    await world.ready()
    await world.ask(environment="dev")
    await world.run_timers()
    request = await world.request()
    assert (request.state.value, request.closing and request.closing.code) == ("refused", "unknown")


async def test_a_service_without_an_image_is_unknown_not_green(world: World) -> None:
    await world.ask(service="pages", environment="staging")
    await world.run_timers()
    assert await world.state_of() == "refused"
    assert await world.outcome("immutable-artifact") == ("unknown", "no-build-digest")


@pytest.mark.requirement("D1")
async def test_a_silent_source_is_asked_again_until_the_deadline_that_was_told_then_it_is_refused(
    world: World,
) -> None:
    await world.ready()
    world.registry.silent = True
    await world.ask()
    await world.run_timers()
    assert await world.state_of() == "evaluating"
    (told,) = await world.deliveries("request-answer")
    assert told.facts == {"code": "asking-again", "until": (TUESDAY_TEN + 10 * MINUTE).isoformat()}
    await world.pass_until(TUESDAY_TEN + 10 * MINUTE - SECOND)
    assert await world.state_of() == "evaluating"
    assert len(world.registry.asked) == 2 * 40  # the artifact and the rollback target, every 15 s
    assert await world.deliveries("request-answer") == []
    await world.pass_until(TUESDAY_TEN + 10 * MINUTE)
    request = await world.request()
    assert (request.state.value, request.closing and request.closing.code) == ("refused", "unknown")
    assert await world.outcome("immutable-artifact") == ("unknown", "registry-unreachable")
    assert await world.told("request-answer") == ["refused"]


async def test_a_source_that_answers_in_time_settles_the_first_revision(world: World) -> None:
    await world.ready()
    world.registry.silent = True
    await world.ask()
    await world.run_timers()
    world.registry.silent = False
    await world.pass_time(15 * SECOND)
    request = await world.request()
    assert (request.state.value, request.revision) == ("awaiting-approval", 1)
    assert await world.told("request-note") == []


async def test_a_blocker_is_not_waited_out_behind_a_silent_source(world: World) -> None:
    await world.ready()
    world.registry.silent = True
    await world.ask(ticket="none")
    await world.run_timers()
    assert await world.state_of() == "refused"


@pytest.mark.requirement("P3")
@pytest.mark.requirement("P6")
async def test_what_waits_can_be_approved_and_starts_no_earlier(world: World) -> None:
    await world.ready()
    await world.prove("c0ffee1", "sha256:" + "c0fe" * 16, soaked=20 * MINUTE)
    await world.ask(artifact="c0ffee1")
    await world.run_timers()
    assert await world.state_of() == "awaiting-approval"
    assert await world.outcome("soak") == ("waiting", "soaking")
    await world.approve("ada", "cy")
    assert await world.state_of() == "approved"
    await world.pass_time(40 * MINUTE - SECOND)
    assert world.deployer.started == []
    assert await world.state_of() == "approved"


async def test_a_warning_without_a_reason_is_refused_and_passes_with_one(world: World) -> None:
    world.clock.at = FRIDAY_THREE_PM
    await world.ready()
    await world.ask()
    await world.run_timers()
    request = await world.request()
    assert (request.state.value, request.closing and request.closing.code) == ("refused", "needs-reason")
    await world.ask(reason="Card captures fail since noon")
    await world.run_timers()
    assert await world.state_of("DEP-2") == "awaiting-approval"
    await world.approve("ada", "cy", request_id="DEP-2")
    assert await world.state_of("DEP-2") == "live"


@pytest.mark.requirement("P6")
async def test_a_request_that_waits_for_a_window_does_not_expire_before_it_opens(world: World) -> None:
    await world.ready()
    world.clock.at = FRIDAY_THREE_PM + 12 * HOUR  # the weekend, by the calendar of the policy
    await world.ask(reason="Nobody is in a hurry")
    await world.run_timers()
    opens = (await world.request()).readiness.waits_until
    assert opens is not None
    assert opens - world.clock.at > DAY
    assert (await world.request()).expires_at == opens + DAY
    await world.pass_time(opens - world.clock.at)
    assert await world.state_of() == "awaiting-approval"


async def test_a_warning_that_comes_later_holds_the_start_until_it_is_over(world: World) -> None:
    """Asked for before the discouraged afternoon, without a reason; the soak ends within it."""
    await world.reload(
        ("expires: 24h\n    monitors:\n      - {name: api", "expires: 7d\n    monitors:\n      - {name: api")
    )
    world.clock.at = FRIDAY_THREE_PM - 90 * MINUTE
    await world.ready()
    await world.prove("c0ffee1", "sha256:" + "c0fe" * 16, soaked=MINUTE)
    await world.ask(artifact="c0ffee1", start=Start(mode="next"))
    await world.run_timers()
    await world.approve("ada", "vic")
    await world.deliveries()
    await world.pass_time(HOUR)
    assert await world.outcome("calendar") == ("warned", "discouraged")
    assert await world.state_of() == "approved"
    assert await world.told("request-answer") == ["held-by-warning"]
    await world.pass_until(MONDAY_MIDNIGHT - SECOND)
    assert world.deployer.started == []
    await world.pass_until(MONDAY_MIDNIGHT)  # allowed again, so the warning is over
    assert await world.state_of() == "live"


@pytest.mark.requirement("P9")
async def test_an_environment_without_seats_starts_when_its_gates_pass_and_not_before(world: World) -> None:
    await world.ready()
    world.registry.silent = True
    await world.ask(environment="staging")
    await world.run_timers()
    assert world.deployer.started == []
    world.registry.silent = False
    await world.pass_time(15 * SECOND)
    assert await world.state_of() == "live"
    assert [r.environment for r in world.deployer.started] == ["staging"]


async def test_a_request_that_is_not_started_in_time_expires_and_says_so(world: World) -> None:
    await world.ready()
    await world.ask()
    await world.run_timers()
    await world.deliveries()
    await world.pass_time(DAY - SECOND)
    assert await world.state_of() == "awaiting-approval"
    await world.deliveries()
    await world.pass_time(SECOND)
    request = await world.request()
    assert (request.state.value, request.closing and request.closing.code) == ("expired", "expired")
    owed = [(d.kind, d.facts.get("code")) for d in await world.deliveries()]
    assert owed == [("request-answer", "expired"), ("request-card", None)]
    assert await world.next_timer() is None


async def test_a_request_whose_service_left_the_policy_is_refused(world: World) -> None:
    await world.ready()
    await world.ask()
    await world.run_timers()
    await world.reload(("  checkout:\n    image", "  cashier:\n    image"))
    assert await world.refusal_of_signing("ada") == "no-longer-in-policy"
    await world.run_timers()
    request = await world.request()
    assert (request.state.value, request.closing and request.closing.code) == (
        "refused",
        "no-longer-in-policy",
    )


async def test_to_evaluate_a_closed_or_starting_request_does_nothing(world: World) -> None:
    await world.ready()
    await world.ask()
    await world.ask(environment="staging")
    await world.run_timers()
    await world.reject("ada")
    assert await world.state_of("DEP-2") == "live"
    before = await world.everything()
    for request_id in ("DEP-1", "DEP-2", "DEP-404"):
        await world.fire("evaluate", request_id)
    assert await world.everything() == before


async def test_a_starting_request_is_left_alone(world: World) -> None:
    await world.ready()
    await world.ask(environment="staging")
    await world.fire("evaluate", "DEP-1")
    assert await world.state_of() == "starting"
    before = await world.everything()
    await world.fire("evaluate", "DEP-1")
    assert await world.everything() == before


async def test_a_request_for_a_later_instant_is_judged_for_that_instant(world: World) -> None:
    world.clock.at = SATURDAY
    await world.ready()
    await world.ask(start=Start(mode="at", at=MONDAY_MIDNIGHT + 9 * HOUR))
    await world.run_timers()
    assert await world.outcome("calendar") == ("passed", "allowed")
    await world.ask(start=Start(mode="at", at=SATURDAY + HOUR), artifact="c0ffee1", reason="x")
    await world.prove("c0ffee1", "sha256:" + "c0fe" * 16)
    await world.run_timers()
    request = await world.request("DEP-2")
    assert request.readiness is not None
    assert request.readiness.waits_until == MONDAY_MIDNIGHT


async def test_an_unchanged_judgement_is_no_news(world: World) -> None:
    """A source that is silent for an hour is asked 240 times and told of once."""
    await world.ready()
    await world.ask()
    await world.run_timers()
    await world.deliveries()
    world.registry.silent = True
    await world.see("production", "db", Colour.YELLOW)  # any occasion to judge again
    await world.run_timers()
    await world.deliveries()
    entries = len(await world.entries())
    await world.pass_time(HOUR)
    assert len(world.registry.asked) > 240
    assert len(await world.entries()) == entries
    assert {d.kind for d in await world.deliveries()} == {
        "reminder-note"
    }  # which is no news either, but owed after an hour


@pytest.mark.requirement("P5")
async def test_a_digest_that_is_not_the_builds_is_a_security_event_told_once(world: World) -> None:
    await world.ready()
    world.registry.digests[TAG] = STRANGE_DIGEST
    await world.ask()
    await world.run_timers()
    assert await world.state_of() == "refused"
    assert await world.outcome("immutable-artifact") == ("blocked", "digest-mismatch")
    (event,) = await world.deliveries("security-event")
    assert event.destination == "slack:channel:incidents"
    assert event.facts["registry_digest"] == STRANGE_DIGEST
    assert (await world.types("request/DEP-1")).count("security.digest-mismatch") == 1


@pytest.mark.requirement("P5")
async def test_a_mismatch_that_stays_is_not_told_again(world: World) -> None:
    await world.ready()
    await world.ask()
    await world.run_timers()
    world.registry.digests[TAG] = STRANGE_DIGEST
    await world.fire("evaluate", "DEP-1")
    assert await world.told("security-event") == ["digest-mismatch"]
    await world.fire("evaluate", "DEP-1")
    assert await world.told("security-event") == []


@pytest.mark.requirement("P4")
async def test_what_arrives_while_the_registry_is_asked_is_judged_too(world: World) -> None:
    await world.ready()
    await world.ask()

    async def a_finding() -> None:
        await world.state("scan", counts={"critical": 3, "high": 0})

    world.registry.meanwhile = a_finding
    await world.fire("evaluate", "DEP-1")
    assert await world.state_of() == "refused"
    assert await world.outcome("vulnerabilities") == ("blocked", "vulnerable")


@pytest.mark.requirement("P14")
async def test_a_version_that_went_live_while_the_registry_is_asked_is_asked_for_as_well(
    world: World,
) -> None:
    await world.ready()
    await world.ask()

    async def another_goes_live() -> None:
        await world.runs_already("c0ffee1", "sha256:" + "c0fe" * 16, ago=timedelta(0))

    world.registry.meanwhile = another_goes_live
    await world.run_timers()
    request = await world.request()
    assert request.state.value == "awaiting-approval"
    assert request.rollback_target is not None
    assert request.rollback_target.tag == "c0ffee1"
    assert await world.outcome("rollback-target") == ("passed", "target-ready")


@pytest.mark.requirement("P3")
async def test_a_soak_is_not_believed_beyond_what_is_known_of_its_end(world: World) -> None:
    """More deployments came after it than are looked at: how long it stayed is not known, so it does not count."""
    await world.ready()
    for n in range(201):
        await world.state(
            "deployment", 2 * HOUR - n * SECOND, environment="staging", artifact=OLD_TAG, digest=OLD_DIGEST
        )
    await world.ask()
    await world.run_timers()
    assert await world.outcome("soak") == ("unknown", "never-deployed")


@pytest.mark.requirement("P3")
async def test_a_soak_is_judged_by_all_that_was_deployed_there_wherever_that_is(world: World) -> None:
    """Nothing is promoted from dev; a version that replaced this one there has ended its soak all the same."""
    await world.reload(
        ("soak:               {in: staging, for: 1h}", "soak:               {in: dev, for: 1h}")
    )
    await world.ready()
    await world.state("deployment", 3 * HOUR, environment="dev")
    await world.state("deployment", 3 * HOUR - MINUTE, environment="dev", artifact=OLD_TAG, digest=OLD_DIGEST)
    await world.ask()
    await world.run_timers()
    assert await world.outcome("soak") == ("blocked", "replaced-in-staging")


async def test_a_calendar_that_closes_every_night_keeps_nothing_alive_for_ever(world: World) -> None:
    """What waits when it is asked for lives a day from its opening; what could have started does not live on."""
    weekdays = (
        '    - {name: weekdays, environments: [production], start: "0 0 * * MON-FRI", until: "24:00"}\n'
    )
    await world.reload((weekdays, ""))
    await world.ready()
    await world.ask()
    await world.run_timers()
    await world.pass_time(DAY)
    assert await world.state_of() == "expired"
    await world.pass_time(5 * HOUR)  # Wednesday 15:00, closed until Thursday 10:00
    await world.ask()
    await world.run_timers()
    assert (await world.request("DEP-2")).expires_at == TUESDAY_TEN + 3 * DAY
    await world.pass_time(6 * DAY)
    assert await world.state_of("DEP-2") == "expired"
