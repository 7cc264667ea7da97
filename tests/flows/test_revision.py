"""What an approval is bound to: changed facts open a new revision, time and repetition do not (P9)."""

import pytest

from bot.domain.change_request import Start
from tests.flows.fakes import DIGEST, NEXT_DIGEST, NEXT_TAG, STRANGE_DIGEST, TAG
from tests.flows.policy_text import REWORDED
from tests.flows.world import DAY, HOUR, MINUTE, World

pytestmark = pytest.mark.requirement("P9")


@pytest.fixture
async def half_approved(world: World) -> World:
    """DEP-1 passes every gate; Ada's signature counts, one seat is empty. Nothing is owed."""
    await world.ready()
    await world.ask()
    await world.run_timers()
    await world.approve("ada")
    await world.deliveries()
    return world


async def nothing_changed(world: World) -> None:
    request = await world.request()
    assert (request.state.value, request.revision) == ("awaiting-approval", 1)
    assert await world.standing() == {"ada": ("counted", None)}
    assert await world.told("request-note") == []


@pytest.mark.requirement("P5")
async def test_a_new_digest_voids_the_approvals_tells_the_approvers_and_asks_again(
    half_approved: World,
) -> None:
    world = half_approved
    old = await world.request()
    await world.pass_time(MINUTE)
    world.registry.digests[TAG] = STRANGE_DIGEST
    await world.prove(TAG, STRANGE_DIGEST)
    await world.run_timers()
    request = await world.request()
    assert (request.state.value, request.revision) == ("awaiting-approval", 2)
    assert request.artifact.digest == STRANGE_DIGEST
    assert request.fingerprint != old.fingerprint
    assert await world.standing() == {"ada": ("void", "facts-changed")}
    owed = await world.deliveries()
    (told,) = [d for d in owed if d.kind == "approver-answer"]
    assert (told.destination, told.facts["code"]) == ("slack:user:U01ADA", "approval-voided")
    assert set(told.facts["changed"]) == {"digest", "evidence"}  # type: ignore[arg-type]
    assert "request-card" in {d.kind for d in owed}
    assert [d.facts["revision"] for d in owed if d.kind == "request-note"] == [2]
    assert "approval.voided" in await world.types("approval/DEP-1/1/ada")
    await world.approve("ada", "cy")
    assert await world.state_of() == "live"
    assert world.deployer.started[0].artifact.digest == STRANGE_DIGEST


@pytest.mark.requirement("P4")
async def test_a_new_finding_that_the_policy_forbids_refuses_and_voids(half_approved: World) -> None:
    world = half_approved
    await world.state("scan", counts={"critical": 1, "high": 0})
    await world.run_timers()
    assert await world.state_of() == "refused"
    assert await world.standing() == {"ada": ("void", "facts-changed")}
    assert await world.outcome("vulnerabilities") == ("blocked", "vulnerable")
    assert "refused" in await world.told("request-answer", "lin")


@pytest.mark.requirement("P4")
async def test_a_new_finding_that_the_policy_allows_is_asked_about_again(half_approved: World) -> None:
    world = half_approved
    await world.state("scan", counts={"critical": 0, "high": 0, "medium": 4})
    await world.run_timers()
    request = await world.request()
    assert (request.state.value, request.revision) == ("awaiting-approval", 2)
    assert await world.standing() == {"ada": ("void", "facts-changed")}


async def test_another_policy_is_asked_about_again(half_approved: World) -> None:
    world = half_approved
    await world.reload(REWORDED)
    await world.run_timers()
    request = await world.request()
    assert (request.state.value, request.revision) == ("awaiting-approval", 2)
    assert request.bound["policy"] == world.policy.digest
    assert await world.standing() == {"ada": ("void", "facts-changed")}


@pytest.mark.requirement("P14")
async def test_another_version_to_go_back_to_is_asked_about_again(half_approved: World) -> None:
    world = half_approved
    await world.runs_already(NEXT_TAG, NEXT_DIGEST, ago=MINUTE)
    await world.run_timers()
    request = await world.request()
    assert (request.revision, request.rollback_target and request.rollback_target.tag) == (2, NEXT_TAG)
    assert await world.standing() == {"ada": ("void", "facts-changed")}


async def test_an_approved_request_with_new_facts_is_approved_no_longer(world: World) -> None:
    await world.ready()
    await world.prove(NEXT_TAG, NEXT_DIGEST, soaked=30 * MINUTE)
    await world.ask(artifact=NEXT_TAG, start=Start(mode="next"))
    await world.run_timers()
    await world.approve("ada", "cy")
    assert await world.state_of() == "approved"
    await world.state(
        "scan", artifact=NEXT_TAG, digest=NEXT_DIGEST, counts={"critical": 0, "high": 0, "low": 1}
    )
    await world.run_timers()
    request = await world.request()
    assert (request.state.value, request.approved_at) == ("awaiting-approval", None)
    await world.pass_time(HOUR)
    assert world.deployer.started == []


async def test_the_passing_of_time_alone_voids_nothing(half_approved: World) -> None:
    world = half_approved
    await world.pass_time(23 * HOUR)  # the preferred window closes, an evening passes, it opens again
    await nothing_changed(world)


@pytest.mark.requirement("P4")
async def test_a_rescan_with_the_same_result_voids_nothing(half_approved: World) -> None:
    world = half_approved
    await world.pass_time(MINUTE)
    await world.state("scan", counts={"critical": 0, "high": 0}, details={"database": "of today"})
    await world.run_timers()
    await nothing_changed(world)


@pytest.mark.requirement("P5")
async def test_a_registry_that_falls_silent_after_binding_voids_nothing(half_approved: World) -> None:
    world = half_approved
    world.registry.silent = True
    await world.fire("evaluate", "DEP-1")
    await nothing_changed(world)
    assert await world.outcome("immutable-artifact") == ("unknown", "registry-unreachable")
    await world.approve("cy")
    assert await world.state_of() == "approved"
    assert world.deployer.started == []
    await world.pass_time(MINUTE)
    assert world.deployer.started == []


async def test_a_silent_registry_hides_no_other_change(half_approved: World) -> None:
    world = half_approved
    world.registry.silent = True
    await world.reload(REWORDED)
    await world.run_timers()
    request = await world.request()
    assert (request.state.value, request.revision) == ("awaiting-approval", 2)
    assert request.artifact.digest == DIGEST
    assert await world.standing() == {"ada": ("void", "facts-changed")}


async def test_silence_long_after_the_deadline_does_not_refuse_what_was_judged_before(
    half_approved: World,
) -> None:
    world = half_approved
    await world.pass_time(HOUR)
    world.registry.silent = True
    await world.reload(REWORDED)
    await world.run_timers()
    assert await world.state_of() == "awaiting-approval"


async def test_an_old_version_of_what_was_shown_cannot_be_signed(half_approved: World) -> None:
    world = half_approved
    shown = await world.request()
    await world.reload(REWORDED)
    await world.run_timers()
    old, fingerprint = shown.revision, shown.fingerprint
    assert await world.refusal_of_signing("cy", revision=old, fingerprint=fingerprint) == "changed-since"
    now = await world.request()
    assert (
        await world.refusal_of_signing("cy", revision=now.revision, fingerprint=shown.fingerprint)
        == "changed-since"
    )
    assert await world.refusal_of_signing("cy") == "signed"


async def test_a_signature_given_just_before_the_facts_change_does_not_count(half_approved: World) -> None:
    world = half_approved
    await world.sign("cy")
    await world.reload(REWORDED)
    await world.run_timers()
    assert await world.standing() == {"ada": ("void", "facts-changed"), "cy": ("void", "facts-changed")}
    assert world.deployer.started == []


async def test_an_expired_request_opens_no_revision(half_approved: World) -> None:
    world = half_approved
    world.clock.advance(2 * DAY)
    await world.reload(REWORDED)
    await world.run_timers()
    request = await world.request()
    assert (request.state.value, request.revision) == ("expired", 1)
