"""The call to the deployer: intent first, called once, looked up after a crash, and its end told."""

from typing import Any

import pytest

from bot.domain.artifact import Artifact
from bot.domain.deployment import Run, RunResult
from bot.flows.run import carry_out
from bot.policy import Policy
from tests.flows.fakes import DIGEST, NEXT_DIGEST, NEXT_TAG, TAG, PowerCut
from tests.flows.world import HOUR, MINUTE, World


@pytest.fixture
async def intended(world: World) -> World:
    """DEP-1 is approved and its run intended; nothing was called, and nothing is owed."""
    await world.ready()
    await world.ask()
    await world.run_timers()
    await world.sign("ada")
    await world.sign("cy")
    await world.fire("evaluate", "DEP-1")
    assert [r.state.value for r in await world.runs()] == ["intended"]
    await world.deliveries()
    return world


async def call(world: World) -> None:
    await carry_out(world.ledger, world.deployers, world.policy, "DEP-1/1")


async def test_the_intent_is_durable_before_the_call(intended: World) -> None:
    world = intended
    seen: list[str] = []

    async def look(run: Run) -> None:
        await world.ledger.read(lambda tx: seen.append(tx.runs.get(run.id).state.value))  # type: ignore[union-attr]
        seen.append(await world.state_of())
        assert run.called_at == world.clock.now()

    world.deployer.during = look
    await call(world)
    assert seen == ["calling", "starting"]
    assert await world.types("run/DEP-1/1") == ["run.intended", "run.calling", "run.succeeded"]


async def test_a_crash_between_intent_and_call_is_made_up_for_once(intended: World) -> None:
    await intended.restart()
    await intended.run_timers()
    await intended.run_timers()
    assert len(intended.deployer.started) == 1
    assert await intended.state_of() == "live"


async def cut_the_power_during_the_call(world: World) -> None:
    async def cut(_run: Run) -> None:
        raise PowerCut

    world.deployer.during = cut
    with pytest.raises(PowerCut):
        await call(world)
    await world.restart()


@pytest.mark.requirement("D1")
@pytest.mark.parametrize(
    ("found", "state"),
    [
        (RunResult(succeeded=True, code="looked-up-succeeded", output="ok"), "live"),
        (RunResult(succeeded=False, code="looked-up-failed", output="no"), "failed"),
        (None, "unresolved"),
    ],
)
async def test_a_crash_during_the_call_is_looked_up_and_never_sent_again(
    intended: World, found: RunResult | None, state: str
) -> None:
    world = intended
    await cut_the_power_during_the_call(world)
    world.deployer.found = found
    await world.run_timers()
    assert await world.state_of() == state
    assert (len(world.deployer.started), len(world.deployer.looked_up)) == (1, 1)
    assert await world.told("request-answer", "lin") == [state]


@pytest.mark.requirement("D1")
async def test_a_lookup_that_fails_is_not_knowing_and_says_so(intended: World) -> None:
    world = intended
    await cut_the_power_during_the_call(world)

    async def broken(run: Run) -> RunResult | None:
        raise OSError("no route")

    world.deployer.look_up = broken  # type: ignore[method-assign]
    await call(world)
    request = await world.request()
    assert (request.state.value, request.closing and request.closing.code) == ("unresolved", "lost")
    owed = await world.deliveries()
    assert [d.facts["code"] for d in owed if d.kind == "request-note"] == ["unresolved"]
    assert [d for d in owed if d.kind == "announcement"] == []


async def test_a_deployer_that_left_the_policy_during_the_call_leaves_it_unresolved_not_failed(
    intended: World,
) -> None:
    await cut_the_power_during_the_call(intended)
    intended.deployers.deployer = None
    await call(intended)
    assert await intended.state_of() == "unresolved"


@pytest.mark.requirement("D1")
async def test_a_service_without_a_deployer_fails_and_nothing_was_called(intended: World) -> None:
    intended.deployers.deployer = None
    await call(intended)
    request = await intended.request()
    assert (request.state.value, request.closing and request.closing.code) == ("failed", "no-deployer")


@pytest.mark.requirement("D1")
@pytest.mark.parametrize("code", ["exit-3", "timed-out", "signal-9"])
async def test_a_deployer_that_fails_is_told_and_is_no_deployment(intended: World, code: str) -> None:
    world = intended
    world.deployer.result = RunResult(succeeded=False, code=code, output="boom\n")
    await call(world)
    request = await world.request()
    assert (request.state.value, request.closing and request.closing.code) == ("failed", code)
    notes = [d.facts for d in await world.deliveries() if d.kind == "request-note"]
    assert [note["code"] for note in notes] == ["failed", "rollback-asked"]
    assert notes[0]["outcome"] == code
    deployed = await world.ledger.read(lambda tx: tx.evidence.deployments("checkout", "production"))
    assert TAG not in [e.artifact for e in deployed]


@pytest.mark.requirement("D1")
async def test_a_deployer_that_raises_has_failed(intended: World) -> None:
    world = intended

    async def broken(_run: Run) -> None:
        raise OSError("disk full")

    world.deployer.during = broken
    await call(world)
    request = await world.request()
    assert (request.state.value, request.closing and request.closing.code) == ("failed", "raised-OSError")
    assert "disk full" not in str(await world.entries())


@pytest.mark.requirement("P14")
async def test_what_went_live_is_the_next_rollback_target_and_its_soak(intended: World) -> None:
    world = intended
    await call(world)
    (deployed, *_) = await world.ledger.read(lambda tx: tx.evidence.deployments("checkout", "production"))
    assert (deployed.artifact, deployed.digest, deployed.source) == (TAG, DIGEST, "portcullis")
    assert deployed.details == {"request": "DEP-1"}
    await world.prove(NEXT_TAG, NEXT_DIGEST, soaked=90 * MINUTE)
    await world.ask(artifact=NEXT_TAG)
    await world.run_timers()
    assert (await world.request("DEP-2")).rollback_target == Artifact(TAG, DIGEST)


@pytest.mark.requirement("P3")
async def test_what_we_deploy_to_staging_soaks_from_then(world: World) -> None:
    await world.green()
    await world.runs_already()
    await world.state("build", details={"authors": ["sam-k"]})
    await world.ask(environment="staging")
    await world.run_timers()
    assert await world.state_of() == "live"
    await world.state("verification", environment="staging")
    await world.state("scan", counts={"critical": 0, "high": 0})
    await world.ask()
    await world.run_timers()
    assert await world.outcome("soak", "DEP-2") == ("waiting", "soaking")
    await world.pass_time(HOUR)
    assert await world.outcome("soak", "DEP-2") == ("passed", "soaked")


async def test_the_end_is_told_in_the_thread_to_the_requester_and_to_everybody(intended: World) -> None:
    world = intended
    world.clock.advance(4 * MINUTE)
    await call(world)
    owed = {(d.kind, d.destination): d.facts for d in await world.deliveries()}
    note = owed["request-note", "slack:channel:deployments"]
    assert (note["code"], note["run"], note["seconds"]) == ("live", "DEP-1/1", 240)
    assert owed["announcement", "slack:channel:releases"]["code"] == "live"
    assert owed["request-answer", "slack:user:U05LIN"]["code"] == "live"
    assert ("request-card", "slack:channel:deployments") in owed


async def test_the_output_is_kept_beside_the_record_and_its_digest_in_it(intended: World) -> None:
    world = intended
    world.deployer.result = RunResult(succeeded=True, code="exit-0", output="half \ud83d and \x00 nothing\n")
    await call(world)
    kept = await world.ledger.read(lambda tx: tx.runs.output("DEP-1/1"))
    assert kept == "half ? and \N{REPLACEMENT CHARACTER} nothing\n"
    (run,) = await world.runs()
    assert run.output_digest is not None
    assert "nothing" not in str(await world.entries())


async def test_a_run_that_is_over_is_not_called_again(intended: World) -> None:
    await call(intended)
    before = await intended.everything()
    await call(intended)
    await carry_out(intended.ledger, intended.deployers, intended.policy, "DEP-9/1")
    assert await intended.everything() == before
    assert len(intended.deployer.started) == 1


async def test_a_result_that_comes_after_all_is_told_and_changes_nothing(intended: World) -> None:
    """Our lease ran out while the deployer worked; another process could not find the run, and said so."""
    world = intended
    policy: Policy = world.policy

    async def another_process_looks(_run: Run) -> None:
        await carry_out(world.ledger, world.deployers, policy, "DEP-1/1")

    world.deployer.during = another_process_looks
    await call(world)
    assert await world.state_of() == "unresolved"
    assert (await world.types("run/DEP-1/1"))[-1] == "run.result-late"
    assert "result-late" in await world.told("request-note")
    assert len(world.deployer.started) == 1


async def test_two_processes_that_saw_the_same_intent_call_once(intended: World) -> None:
    world = intended

    class Slower:
        """A second process: between its look and its claim the first one does everything."""

        async def read(self, query: Any) -> Any:
            seen = await world.ledger.read(query)
            await call(world)
            return seen

        async def write(self, step: Any) -> Any:
            return await world.ledger.write(step)

    await carry_out(Slower(), world.deployers, world.policy, "DEP-1/1")
    assert len(world.deployer.started) == 1
    assert await world.state_of() == "live"
