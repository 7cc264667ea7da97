"""A deployer that says itself that it failed: what it may have changed is taken back, and what it did not is left (D5)."""

from datetime import timedelta

import pytest

from bot.domain.change_request import RequestState
from tests.scenarios.conftest import Make
from tests.scenarios.hands import CY, DEPLOYMENTS, INCIDENTS, LIN, RELEASES
from tests.scenarios.measuring import IN_STEPS, percents, production
from tests.scenarios.stage import GOOD, Stage

pytestmark = pytest.mark.requirement("D5")
BACK = "DEP-2"
STEPS = production("    rollout: {steps: [25, 50, 100], hold: 5m}\n")
OFF = production("    rollout: {automatic_rollback: false}\n")
# Where the traffic stands is `at-SERVICE-ENVIRONMENT`. `fail` fails the next call but one that goes back, after it moved
# the traffic; `early`, before it did; `always`, every call.
DEPLOYER = """#!/bin/sh
echo "$1 $2 $3 $4 $5" >> calls
if [ "$1" != status ]; then
  [ -e always ] && exit 5
  [ -e early ] && rm early && exit 4
  echo "$4 $5" > "at-$2-$3"
  [ -e fail ] && rm fail && exit 3
  exit 0
fi
[ -e forgetful ] && exit 2
[ "$(cat "at-$2-$3" 2>/dev/null)" = "$4 $5" ]
"""


async def opened(make_stage: Make, *edits: tuple[str, str]) -> Stage:
    """A running bot whose platform says truly what runs: the version of before, for now."""
    stage = await make_stage(*IN_STEPS, *edits, started=False)
    (stage.folder / "deployer.sh").write_text(DEPLOYER, encoding="utf-8")
    await stage.start()
    await stage.begin()
    return stage


async def asked(stage: Stage, *faults: str) -> str:
    """Somebody asks for the catalogue, and Ada approves it, on a platform with these faults."""
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")
    await stage.until(request, RequestState.AWAITING_APPROVAL)
    old = (await stage.request(request)).rollback_target
    assert old is not None
    (stage.folder / "at-catalogue-production").write_text(f"{old.digest} 100\n")
    for fault in faults:
        (stage.folder / fault).touch()
    await stage.approve("ada", request)
    return request


async def runs(stage: Stage) -> str:
    return (stage.folder / "at-catalogue-production").read_text().split()[0]


async def rollbacks(stage: Stage) -> list[str]:
    newest = await stage.read(lambda tx: tx.requests.newest(limit=10))
    return [r.id for r in newest if r.kind.value == "rollback"]


async def urgent_to_cy(stage: Stage) -> list[str]:
    """The messages that call whoever is on call, but for the rollback's own."""
    said = [stage.people.text_of(m) for m in await stage.people.direct_messages(CY)]
    return [text for text in said if "DEPLOYMENT WENT WRONG" in text or "taken back" in text]


@pytest.mark.requirement("P15")
async def test_a_start_that_fails_after_it_moved_the_traffic_is_taken_back_to_what_the_approval_named(
    make_stage: Make,
) -> None:
    stage = await opened(make_stage)
    request = await asked(stage, "fail")
    await stage.until(request, RequestState.FAILED)
    old = (await stage.request(request)).rollback_target
    await stage.until(BACK, RequestState.LIVE)
    card = await stage.card(request, "Failed", "exit status 3", f"↩ {BACK} takes it back")
    await stage.message(
        DEPLOYMENTS, "exit status 3", "It is taken back now, by itself", thread_of=str(card["ts"])
    )
    back = await stage.card(BACK, "Rolled back", "Taken back by itself", "INC-1")
    assert "Approve" not in stage.people.text_of(back)
    incident = await stage.message(INCIDENTS, "INC-1", f"Rollback: {BACK}")
    await stage.message(
        INCIDENTS, f"{request} failed", f"{BACK} takes it back", thread_of=str(incident["ts"])
    )
    await stage.message(RELEASES, "Rolled back catalogue in production")
    await stage.told(LIN, request, "Failed")
    await stage.quiet()
    assert old is not None
    assert await runs(stage) == old.digest
    assert len(await urgent_to_cy(stage)) == 1
    assert await stage.read(lambda tx: tx.approvals.of(BACK)) == []
    assert await rollbacks(stage) == [BACK]
    await stage.intact()


async def test_a_start_that_fails_before_it_changed_anything_leaves_what_runs_and_says_so(
    make_stage: Make,
) -> None:
    stage = await opened(make_stage)
    request = await asked(stage, "early")
    await stage.until(request, RequestState.FAILED)
    card = await stage.card(request, "Failed", "exit status 4", "there is nothing to take back")
    await stage.message(DEPLOYMENTS, "Nothing was tried again", "nothing to take back", thread_of=card["ts"])
    incident = await stage.message(INCIDENTS, "DEPLOYMENT WENT WRONG", request)
    await stage.message(INCIDENTS, "nothing to take back", "Look why it failed", thread_of=incident["ts"])
    await stage.quiet()
    assert (len(stage.calls("start")), len(stage.calls("status"))) == (1, 2)
    assert await rollbacks(stage) == []
    assert len(await urgent_to_cy(stage)) == 1
    await stage.intact()


async def test_a_status_that_does_not_know_what_runs_leaves_no_doubt_behind(make_stage: Make) -> None:
    stage = await opened(make_stage)
    request = await asked(stage, "early", "forgetful")
    await stage.until(request, RequestState.FAILED)
    await stage.until(BACK, RequestState.LIVE)
    await stage.card(request, f"{BACK} takes it back")
    await stage.told(CY, "unconfirmed", BACK)


@pytest.mark.requirement("F5")
async def test_a_shift_that_fails_is_taken_back_from_where_it_stands(make_stage: Make) -> None:
    stage = await opened(make_stage, STEPS)
    request = await asked(stage)
    await stage.card(request, "Rolling out 25 %", "Next: 50 %")
    (stage.folder / "early").touch()
    await stage.advance(timedelta(minutes=5))
    await stage.until(request, RequestState.FAILED)
    await stage.until(BACK, RequestState.LIVE)
    card = await stage.card(request, "Failed", "It stood at 25 %", f"{BACK} takes it back")
    assert "The way back" not in stage.people.text_of(card)
    assert percents(stage) == [25, 50, 100]
    old = (await stage.request(request)).rollback_target
    assert old is not None
    assert await runs(stage) == old.digest


async def test_a_platform_that_fails_whatever_it_is_told_is_asked_once_to_go_back_and_never_again(
    make_stage: Make,
) -> None:
    stage = await opened(make_stage)
    request = await asked(stage, "forgetful", "always")
    await stage.until(request, RequestState.FAILED)
    await stage.until(BACK, RequestState.FAILED)
    await stage.message(INCIDENTS, "FAILED", "Find out which version runs there")
    await stage.told(CY, "The rollback of catalogue in production", "FAILED")
    await stage.advance(timedelta(hours=2))
    await stage.quiet()
    assert percents(stage) == [100, 100]
    assert await rollbacks(stage) == [BACK]
    await stage.intact()


async def test_switched_off_it_is_left_to_people_who_are_called_once(make_stage: Make) -> None:
    stage = await opened(make_stage, OFF)
    request = await asked(stage, "fail")
    await stage.until(request, RequestState.FAILED)
    await stage.card(request, "Failed", "Not taken back by itself", "automatic_rollback: false")
    incident = await stage.message(INCIDENTS, "DEPLOYMENT WENT WRONG", request, "Roll back")
    await stage.message(INCIDENTS, "nothing is taken back by itself", thread_of=str(incident["ts"]))
    await stage.quiet()
    assert await rollbacks(stage) == []
    assert len(await urgent_to_cy(stage)) == 1
