"""The report of a deployment: owed by what failed or was taken back, and all that is known of it in it (D5)."""

import pytest

from bot.domain.deployment import RunResult
from bot.domain.environment import Colour
from bot.domain.refusal import Refusal
from bot.flows.report import KIND, LAST_LINES, Report, report
from tests.flows.fakes import OLD_TAG, TAG
from tests.flows.going_back import RUNS, ask_back, live
from tests.flows.policy_text import LEFT_TO_PEOPLE, ONE_SEAT
from tests.flows.rolling import rolling
from tests.flows.world import SECOND, World

pytestmark = pytest.mark.requirement("D5")
OUTPUT = "".join(f"line {n}\n" for n in range(LAST_LINES + 5))


async def failed(world: World, code: str = "exit-3", output: str = OUTPUT) -> None:
    """DEP-1 was approved by Ada, was started and did not get there."""
    await world.reload(ONE_SEAT, LEFT_TO_PEOPLE)
    await world.ready()
    world.deployer.result = RunResult(succeeded=False, code=code, output=output)
    await world.ask()
    await world.run_timers()
    await world.approve("ada")


async def told(world: World, request: str = "DEP-1") -> Report:
    return await report(world.ledger, request)


async def owed(world: World) -> list[str]:
    return [d.subject for d in await world.deliveries(KIND)]


async def test_a_deployment_that_failed_owes_one_with_all_that_is_known(world: World) -> None:
    await failed(world)
    assert await owed(world) == ["DEP-1"]
    known = await told(world)
    assert [approval.person for approval in known.approvals] == ["ada"]
    (output,) = known.outputs
    assert (output.count, len(output.lines)) == (LAST_LINES + 5, LAST_LINES)
    assert output.lines[-1] == f"line {LAST_LINES + 4}"
    assert output.run.output_digest is not None
    assert output.run.output_digest.startswith("sha256:")
    assert known.runs_now is not None
    assert known.runs_now.artifact.tag == OLD_TAG
    assert [incident.id for incident in known.incidents] == ["INC-1"]
    assert (known.rollbacks, known.taken_back, known.verified) == ((), False, None)
    assert known.build is not None


async def test_what_nobody_knows_the_end_of_owes_one(world: World) -> None:
    await failed(world, "lost")
    assert (await owed(world), (await world.request()).state.value) == (["DEP-1"], "unresolved")


async def test_what_went_well_owes_none_and_can_be_looked_up(world: World) -> None:
    await live(world)
    assert (await told(world)).request.id == "DEP-1"
    assert await owed(world) == []


async def test_what_somebody_stopped_on_purpose_owes_none(world: World) -> None:
    await rolling(world)
    await world.run_timers()
    await world.cancel("lin")
    assert (await world.state_of(), await owed(world)) == ("failed", [])


@pytest.mark.requirement("P16")
async def test_what_was_live_and_taken_back_owes_one_that_says_what_came_back(world: World) -> None:
    await live(world)
    await ask_back(world)
    world.deployer.found = RUNS
    await world.run_timers()
    await world.approve("vic", request_id="DEP-2")
    assert await world.state_of("DEP-2") == "live"
    assert await owed(world) == ["DEP-1"]
    known = await told(world)
    assert known.taken_back
    assert [back.id for back in known.rollbacks] == ["DEP-2"]
    assert known.runs_now is not None
    assert known.runs_now.artifact.tag == OLD_TAG


async def test_a_word_on_the_version_that_runs_now_counts_only_when_it_is_younger(world: World) -> None:
    await live(world)
    await world.state("verification", environment="production")
    known = await told(world)
    assert known.verified is not None
    assert known.runs_now is not None
    assert known.runs_now.artifact.tag == TAG
    world.clock.advance(SECOND)
    await world.see("production", "db", Colour.RED)
    colour = (await told(world)).colour
    assert colour is not None
    assert colour.colour is Colour.RED


@pytest.mark.parametrize(("request_id", "code"), [("DEP-9", "unknown-request"), ("DEP-1", "not-deployed")])
async def test_what_was_never_rolled_out_has_none(world: World, request_id: str, code: str) -> None:
    await world.ready()
    await world.ask()
    with pytest.raises(Refusal) as refused:
        await told(world, request_id)
    assert refused.value.code == code


async def test_a_deployer_that_printed_nothing_leaves_no_lines(world: World) -> None:
    await failed(world, output="")
    (output,) = (await told(world)).outputs
    assert (output.lines, output.count) == ((), 0)
