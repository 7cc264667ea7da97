"""The bot is killed, as by a power cut, at the worst moments: a new one goes on, and nothing is deployed twice."""

from datetime import timedelta

import pytest

from bot.domain.change_request import RequestState
from tests.scenarios.conftest import Make
from tests.scenarios.hands import DEPLOYMENTS, LIN, RELEASES
from tests.scenarios.stage import GOOD, Stage

LEASE = timedelta(seconds=21)  # what the killed bot held is nobody's after this


@pytest.fixture
async def stage(make_stage: Make) -> Stage:
    """The bot runs as its own process, so that it can be killed."""
    stage = await make_stage(started=False)
    await stage.start_process()
    await stage.begin()
    return stage


async def killed_and_started_again(stage: Stage) -> None:
    """The next bot comes when the leases of the first have ended: they last 20 s, and nobody renews them."""
    await stage.kill()
    stage.registry_open.set()
    await stage.advance(LEASE)
    await stage.start()


async def test_a_command_that_was_acknowledged_goes_on_after_a_crash(stage: Stage) -> None:
    stage.registry_open.clear()
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")
    assert (await stage.request(request)).state is RequestState.EVALUATING
    await killed_and_started_again(stage)
    await stage.card(request, "Approve catalogue")
    await stage.told(LIN, request, "Waits for approval")
    await stage.approve("ada", request)
    await stage.until(request, RequestState.LIVE)
    assert len(stage.calls()) == 1
    await stage.intact()


@pytest.mark.requirement("P9")
async def test_a_signature_that_was_recorded_counts_after_a_crash(stage: Stage) -> None:
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")
    await stage.card(request, "Approve catalogue")
    await stage.quiet()
    stage.registry_open.clear()
    await stage.approve("ada", request)
    assert stage.calls() == []
    await killed_and_started_again(stage)
    await stage.until(request, RequestState.LIVE)
    await stage.message(RELEASES, "Live", GOOD)
    assert len(stage.calls()) == 1
    assert len(await stage.entries("approval.counted")) == 1
    await stage.intact()


async def killed_during_the_run(stage: Stage) -> str:
    (stage.folder / "hold").touch()
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")
    await stage.approve("ada", request)
    await stage.people.wait_for(lambda: stage.calls() != [], what="the platform to be called")
    await stage.kill()
    return request


async def test_a_run_that_ended_while_the_bot_was_away_is_looked_up_and_never_sent_again(
    stage: Stage,
) -> None:
    request = await killed_during_the_run(stage)
    (stage.folder / "hold").unlink()
    rolled_out = stage.folder / "running-catalogue-production"
    await stage.people.wait_for(rolled_out.exists, what="the platform to finish alone")
    await killed_and_started_again(stage)
    await stage.until(request, RequestState.LIVE)
    await stage.card(request, "Live")
    await stage.message(RELEASES, "Live", GOOD)
    assert len(stage.calls()) == 1
    assert len(stage.calls("status")) == 1
    assert len(await stage.entries("run.calling")) == 1
    await stage.intact()


@pytest.mark.requirement("D1")
async def test_a_run_of_which_nobody_knows_the_result_is_told_as_such(stage: Stage) -> None:
    (stage.folder / "forgetful").touch()
    request = await killed_during_the_run(stage)
    await killed_and_started_again(stage)
    await stage.until(request, RequestState.UNRESOLVED)
    card = await stage.card(request, "Result unknown", "nobody knows what came of it")
    await stage.message(DEPLOYMENTS, "it is not sent again by itself", thread_of=card["ts"])
    await stage.told(LIN, request, "Result unknown")
    assert len(stage.calls()) == 1
    assert await stage.people.messages(RELEASES) == []
    await stage.intact()


async def test_a_run_that_failed_while_the_bot_was_away_is_told_as_failed(stage: Stage) -> None:
    request = await killed_during_the_run(stage)
    (stage.folder / "fail").touch()
    (stage.folder / "hold").unlink()
    await killed_and_started_again(stage)
    await stage.until(request, RequestState.FAILED)
    await stage.card(request, "Failed")
    assert len(stage.calls()) == 1


async def test_messages_that_were_owed_at_the_crash_are_sent_by_the_next_bot(stage: Stage) -> None:
    await stage.people.fault("hang", method="chat.postMessage", seconds=30)
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")
    await stage.until(request, RequestState.AWAITING_APPROVAL)
    assert await stage.people.messages(DEPLOYMENTS) == []
    await killed_and_started_again(stage)
    await stage.people.clear_faults()
    await stage.card(request, "Approve catalogue")


async def test_a_bot_that_stops_in_order_finishes_what_it_has_and_the_next_one_goes_on(
    make_stage: Make,
) -> None:
    stage = await make_stage(started=False)
    await stage.start()
    await stage.begin()
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")
    await stage.stop()
    await stage.advance(LEASE)
    await stage.start()
    await stage.card(request, "Approve catalogue")
    await stage.stop()
    await stage.start()
    await stage.approve("ada", request)
    await stage.until(request, RequestState.LIVE)
    roots = [m for m in await stage.people.messages(DEPLOYMENTS) if request in stage.people.text_of(m)]
    assert len(roots) == 1
