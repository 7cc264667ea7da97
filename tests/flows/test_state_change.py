"""The project's state changes by an approved change: asked for, judged, signed, in effect by itself, and undone by the
change back; over restarts, in every process, and whatever its file says."""

from collections.abc import AsyncIterator

import pytest

from bot.domain.change_request import Kind
from bot.domain.environment import Colour
from bot.domain.refusal import Refusal
from bot.flows.evaluate import evaluate
from bot.flows.project_state import ProjectState
from bot.flows.reload_policy import PolicyHolder, continued, put_in_force
from bot.flows.withdraw import Wanted as Withdrawing
from bot.flows.withdraw import withdraw
from bot.policy import PolicyError
from storage.verification import verify
from tests.flows.changing_state import RULES, Project, a_project
from tests.flows.policy_text import REWORDED, policy_of
from tests.flows.world import DAY, HOUR, MINUTE


@pytest.fixture
async def project(sqlite_url: str) -> AsyncIterator[Project]:
    made = await a_project(sqlite_url)
    yield made
    await made.close()


# --- the change ------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("K1")
@pytest.mark.requirement("P9")
async def test_it_is_a_change_request_of_its_own_kind_and_nothing_changes_before_it_is_approved(
    project: Project,
) -> None:
    assert (await project.stands()).state == "pre-production"
    request = await project.request(await project.wish(ticket="CHG-7"))
    assert (request.kind, request.service, request.environment) == (
        Kind.CONFIGURATION,
        "project",
        "production",
    )
    assert (request.artifact.tag, request.ticket, request.reason) == ("production", "CHG-7", "the launch")
    assert request.artifact.digest is not None
    assert request.state.value == "awaiting-approval"
    assert await project.outcome("environments-green") == ("passed", "all-green")
    view = await project.view()
    assert [seat.roles for seat in view.quorum.seats] == [("release-manager",)]
    assert view.could_sign == ("bo", "sam")
    assert (await project.now()).state == project.policy.state == "pre-production"
    assert (await project.stands()).asked == (request,)


@pytest.mark.requirement("K1")
@pytest.mark.requirement("P9")
async def test_with_the_last_approval_it_is_in_effect_recorded_and_announced_and_no_deployer_is_called(
    project: Project,
) -> None:
    before = project.policy
    await project.wish()
    project.clock.advance(MINUTE)
    await project.approve("bo")
    assert await project.state_of() == "live"
    assert await project.now() == ProjectState(
        state="production", since=project.clock.now(), before="pre-production", request="DEP-1", by="ada"
    )
    after = project.policy
    assert (after.state, after.digest != before.digest) == ("production", True)
    assert list(before.environments["production"].gates) == ["immutable-artifact"]
    assert "soak" in after.environments["production"].gates
    assert (project.deployer.started, await project.runs()) == ([], [])
    (entry,) = await project.entries("project")
    assert (entry["type"], entry["by"]["person"]) == ("project.state", "ada")
    assert entry["facts"] == {
        "from": "pre-production", "to": "production", "policy": after.digest, "request": "DEP-1", "by": "ada",
    }  # fmt: skip
    assert (await project.types("request/DEP-1"))[-2:] == ["request.starting", "request.live"]
    signed = next(e for e in await project.entries("request/DEP-1") if e["type"] == "request.starting")
    assert [a["person"] for a in signed["facts"]["approved_by"]] == ["bo"]
    told = await project.deliveries()
    assert [d.destination for d in told if d.facts.get("code") == "project-state"] == [
        "slack:channel:releases"
    ]
    assert {("DEP-1", "state-entered"), ("DEP-1", "live")} <= {(d.subject, d.facts.get("code")) for d in told}
    assert (await verify(project.ledger)).problems == []


@pytest.mark.requirement("K1")
async def test_the_other_direction_is_a_change_of_its_own_and_brings_back_what_the_file_says(
    project: Project,
) -> None:
    first = project.policy
    await project.to_production()
    back = await project.wish("pre-production", "bo")
    assert (
        await project.state_of(back) == "awaiting-approval"
    )  # the approval of the way there counts for nothing
    assert await project.approvals(back) == {}
    assert await project.refusal_of_signing("bo", back) == "own-request"
    await project.approve("sam", request_id=back)
    assert ((await project.now()).state, project.policy.digest) == ("pre-production", first.digest)
    assert project.policy.environments == first.environments


@pytest.mark.requirement("K1")
async def test_every_open_request_is_judged_by_the_rules_of_the_new_state(project: Project) -> None:
    """Without an approval in pre-production; with one, and a scan, in production."""
    await project.prove()
    project.registry.silent = True
    waits = await project.ask("cy")
    await project.run_timers()
    assert await project.state_of(waits) == "evaluating"
    change = await project.wish()
    await project.approve("bo", request_id=change)
    readiness = (await project.request(waits)).readiness
    assert readiness is not None
    assert readiness.policy_digest == project.policy.digest
    assert {o.gate for o in readiness.outcomes} >= {"soak", "vulnerabilities", "staging-verified"}


async def test_it_waits_for_its_gates_and_takes_effect_by_itself_when_they_pass(project: Project) -> None:
    project.clock.at = project.clock.now() + (5 - project.clock.now().weekday()) * DAY  # a Saturday
    await project.green()
    await project.wish()
    assert await project.outcome("calendar") == ("waiting", "prohibited")
    await project.approve("bo")
    assert (await project.state_of(), (await project.now()).state) == ("approved", "pre-production")
    await project.pass_time(2 * DAY)
    assert (await project.state_of(), (await project.now()).state) == ("live", "production")


async def test_a_gate_that_is_closed_refuses_it(project: Project) -> None:
    await project.see("staging", "status", Colour.RED)
    await project.wish()
    assert await project.state_of() == "refused"
    assert (await project.outcome("environments-green"))[0] == "blocked"


async def test_it_can_be_rejected_cancelled_and_taken_back_and_expires(project: Project) -> None:
    await project.reject("bo", await project.wish())
    await project.cancel("ada", await project.wish())
    third = await project.wish()
    await project.pass_time(25 * HOUR)
    assert [await project.state_of(f"DEP-{n}") for n in (1, 2, 3)] == ["rejected", "cancelled", "expired"]
    assert third == "DEP-3"
    assert (await project.now()).state == "pre-production"


async def test_an_approval_can_be_withdrawn_before_it_takes_effect_and_not_after(project: Project) -> None:
    project.clock.at = project.clock.now() + (5 - project.clock.now().weekday()) * DAY
    await project.green()
    await project.wish()
    await project.approve("bo")
    usual = {"asker": project.asker("bo"), "request": "DEP-1", "incident": None, "reason": "too early"}
    await withdraw(project.ledger, project.policy, Withdrawing(key=project.key(), **usual))  # type: ignore[arg-type]
    await project.run_timers()
    assert await project.state_of() == "awaiting-approval"
    await project.approve("sam")
    await project.pass_time(2 * DAY)
    usual["asker"] = project.asker("sam")
    with pytest.raises(Refusal) as caught:
        await withdraw(project.ledger, project.policy, Withdrawing(key=project.key(), **usual))  # type: ignore[arg-type]
    assert caught.value.code == "withdraws-state"
    assert (await project.now()).state == "production"


# --- after a restart, in a second process, on reload -----------------------------------------------------------------


@pytest.mark.requirement("K1")
async def test_what_was_entered_holds_after_a_restart_and_in_a_second_process(project: Project) -> None:
    beside = PolicyHolder(project.policy)
    assert await beside.follow(project.ledger) is False
    await project.to_production()
    stale = beside.policy
    asked = await project.ask("cy")
    await evaluate(project.ledger, project.collector, stale, asked)  # a process that has not looked yet
    assert await project.state_of(asked) == "evaluating"
    assert await beside.follow(project.ledger) is True
    assert beside.policy.digest == project.policy.digest
    entries = len(await project.entries())
    await project.restart()
    assert (project.policy.state, project.policy.digest) == ("production", beside.policy.digest)
    assert len(await project.entries()) == entries


@pytest.mark.requirement("K1")
async def test_the_file_does_not_change_the_state_and_the_refusal_says_what_does(project: Project) -> None:
    moved = ("state: pre-production", "state: production")
    before = project.policy
    with pytest.raises(PolicyError) as caught:
        await project.reload(moved)
    (problem,) = caught.value.problems
    assert "ask for it with `/deploy state production` in Slack" in problem.message
    assert project.policy is before
    await project.to_production()
    await project.reload(moved)  # it says what holds anyway
    assert (project.policy.state, (await project.now()).request) == ("production", "DEP-1")
    with pytest.raises(PolicyError):
        await project.reload()
    assert (await project.now()).state == "production"


@pytest.mark.requirement("K1")
async def test_a_new_revision_of_the_file_keeps_the_state(project: Project) -> None:
    await project.to_production()
    await project.reload(REWORDED)
    assert (project.policy.organization, project.policy.state) == ("acme-corp", "production")
    assert len(await project.entries("project")) == 1


async def test_without_the_section_the_file_decides_as_ever(project: Project) -> None:
    await project.to_production()
    bare = policy_of(RULES, ("organization: acme", "organization: acme\nstate: pre-production"))
    assert await continued(project.ledger, project.policy, bare) is bare
    await put_in_force(project.ledger, bare)
    assert (await project.now()).state == "pre-production"
    project.policy = bare
    refusal = await project.refused()
    assert (refusal.code, refusal.facts) == ("no-state-change", {"state": "pre-production"})
