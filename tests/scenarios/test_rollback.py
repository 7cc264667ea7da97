"""Going back, over real sockets: by command, by a withdrawn approval, and what happens where nobody can confirm it."""

from datetime import timedelta

import pytest

from bot.domain.change_request import RequestState
from tests.conftest import TEMPLATE
from tests.postgres import Postgres
from tests.scenarios.conftest import Make
from tests.scenarios.hands import ADA, BO, CY, DEPLOYMENTS, INCIDENTS, LIN, RELEASES, VIC
from tests.scenarios.stage import GOOD, Stage

pytestmark = [pytest.mark.requirement("P16"), pytest.mark.requirement("P17")]


async def shipped(stage: Stage) -> tuple[str, str, str]:
    """DEP-1 is live, approved by Ada: its id, the digest of what ran before, and its own."""
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")
    await stage.approve("ada", request)
    kept = await stage.until(request, RequestState.LIVE)
    assert kept.rollback_target is not None
    assert kept.rollback_target.digest is not None
    assert kept.artifact.digest is not None
    await stage.quiet()
    return request, kept.rollback_target.digest, kept.artifact.digest


async def went_back(stage: Stage, rollback: str, undone: str, old: str) -> None:
    """It runs, its status was asked, everybody was told, and the trail is whole."""
    kept = await stage.until(rollback, RequestState.LIVE)
    assert kept.artifact.digest == old
    assert stage.calls()[-1] == f"start catalogue production {old}"
    assert stage.calls("status")[-1] == f"status catalogue production {old}"
    moved = f"catalogue in production from {GOOD} to {kept.artifact.tag}"
    await stage.message(RELEASES, f"Rolled back {moved}", f"It takes {undone} back")
    shown = f"catalogue in production from `{GOOD}` to `{kept.artifact.tag}`"
    await stage.card(rollback, "Rolled back", shown, "status confirms that it runs")
    card = await stage.card(undone, "↩ Rolled back", f"By {rollback}")
    await stage.message(DEPLOYMENTS, f"{rollback} brought {kept.artifact.tag} back", thread_of=card["ts"])
    await stage.told(LIN, "was rolled back", rollback)
    await stage.quiet()
    await stage.intact()


@pytest.mark.parametrize("socket_mode", [False, True], ids=["http", "socket-mode"])
async def test_a_release_manager_goes_back_in_one_line_and_signs_it_themselves(
    make_stage: Make, socket_mode: bool
) -> None:
    stage = await make_stage(socket_mode=socket_mode)
    undone, old, _ = await shipped(stage)
    answer = await stage.deploy(BO, "rollback catalogue production INC-9 Tills are slow")
    assert "DEP-2" in answer
    assert f"from `{GOOD}`" in answer
    await stage.card("DEP-2", "Roll back catalogue in production", "INC-9", "Tills are slow")
    refused = await stage.deploy(VIC, "rollback catalogue production INC-9")
    assert "takes somebody who is platform-lead or release-manager" in refused
    again = await stage.deploy(ADA, "rollback catalogue production INC-9")
    assert "asked for a rollback there already: DEP-2" in again
    assert stage.calls() == [stage.calls()[0]]  # nothing goes back that nobody approved
    await stage.approve("bo", "DEP-2")
    await went_back(stage, "DEP-2", undone, old)
    twice = await stage.deploy(BO, "rollback catalogue production INC-9")
    assert "there is no version to go back to" in twice


async def withdrawn(stage: Stage) -> None:
    """Ada takes her approval back after the start, with a code: the old version comes back by that one factor."""
    undone, old, _ = await shipped(stage)
    unnamed = await stage.deploy(ADA, f"withdraw {undone}")
    assert f"/deploy withdraw {undone} INC-9" in unnamed
    answer = await stage.deploy(ADA, f"withdraw {undone} INC-9 Tills are slow")
    assert "Withdraw your approval" in answer
    await stage.modal(ADA, "Your second factor")
    wrong = await stage.people.submit(ADA, {"code": stage.wrong_code("ada")})
    assert set(wrong.errors) == {"code"}
    assert not await stage.entries("approval.withdrawn")
    sent = await stage.people.submit(ADA, {"code": stage.code("ada", later=1)})
    assert (sent.acknowledged, sent.errors) == (True, {})
    await stage.modal(ADA, "Your withdrawal is recorded")
    await went_back(stage, "DEP-2", undone, old)
    (entry,) = await stage.entries("approval.withdrawn")
    assert entry["facts"]["ticket"] == "INC-9"
    await stage.people.close(ADA, everything=True)
    assert "took your approval" in (await stage.deploy(ADA, f"withdraw {undone} INC-9")).lower()


@pytest.mark.requirement("P8")
async def test_an_approver_withdraws_after_the_start_and_the_old_version_comes_back(stage: Stage) -> None:
    await withdrawn(stage)


@pytest.mark.postgres
async def test_the_same_holds_on_postgresql(make_stage: Make, postgres: Postgres) -> None:
    url = postgres.create("rollback", template=TEMPLATE)
    try:
        stage = await make_stage(database_url=url)
        await withdrawn(stage)
        await stage.close()
    finally:
        postgres.execute("DROP DATABASE rollback WITH (FORCE)")


async def test_before_the_start_an_approval_is_taken_back_by_a_word_and_can_be_given_again(
    make_stage: Make,
) -> None:
    two = (
        "- {role: [platform-lead, release-manager], count: 1}\n      minimum: 1",
        "- {role: platform-lead}\n        - {role: release-manager}\n      minimum: 2",
    )
    stage = await make_stage(two)
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")
    await stage.approve("ada", request)
    card = await stage.card(request, "platform-lead: ")
    await stage.message(DEPLOYMENTS, "Ada approved", thread_of=card["ts"])
    answer = await stage.deploy(ADA, f"withdraw {request} I misread the diff")
    assert f"Your approval of {request} is withdrawn" in answer
    await stage.message(DEPLOYMENTS, "took their approval back", "I misread the diff", thread_of=card["ts"])
    await stage.told(LIN, "took their approval back", request)
    await stage.approve("bo", request)
    await stage.message(DEPLOYMENTS, "Bo approved", thread_of=card["ts"])
    await stage.quiet()
    assert stage.calls() == []
    await stage.approve("ada", request)
    await stage.until(request, RequestState.LIVE)
    await stage.intact()


@pytest.mark.parametrize(
    ("fault", "state", "told"),
    [
        ("forgetful", RequestState.LIVE, "unconfirmed"),
        ("fail", RequestState.FAILED, "FAILED"),
    ],
)
async def test_what_nobody_can_confirm_is_told_in_incidents_and_to_whoever_is_on_call(
    stage: Stage, fault: str, state: RequestState, told: str
) -> None:
    await shipped(stage)
    (stage.folder / fault).touch()
    await stage.deploy(BO, "rollback catalogue production INC-9")
    await stage.approve("bo", "DEP-2")
    await stage.until("DEP-2", state)
    await stage.message(INCIDENTS, told, f"<@{CY}>", "Find out which version runs there")
    await stage.told(CY, told, "DEP-2")
    await stage.intact()


async def test_the_form_asks_for_the_same(stage: Stage) -> None:
    undone, old, _ = await shipped(stage)
    await stage.deploy(BO, "rollback")
    await stage.modal(BO, "Roll back")
    wanted = {"service": "catalogue", "environment": "production", "reason": "Tills are slow"}
    refused = await stage.people.submit(BO, wanted | {"incident": "soon"})
    assert set(refused.errors) == {"incident"}
    sent = await stage.people.submit(BO, wanted | {"incident": "INC-9"})
    assert (sent.acknowledged, sent.errors) == (True, {})
    await stage.told(BO, "DEP-2", "roll back catalogue in production")
    await stage.approve("bo", "DEP-2")
    await went_back(stage, "DEP-2", undone, old)


@pytest.mark.requirement("P10")
async def test_whoever_could_approve_is_reminded_after_an_hour_and_can_approve_from_there(
    make_stage: Make,
) -> None:
    stage = await make_stage(enrolled=("ada",))
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")
    await stage.card(request, "Approve")
    await stage.quiet()
    await stage.advance(timedelta(hours=1, seconds=1))
    assert stage.bot is not None
    stage.bot.loops.timers.bell.set()
    await stage.told(ADA, "Waits for your approval", request, "You could fill an empty seat")
    await stage.told(BO, "once you have a second factor", "/deploy enroll")
    await stage.quiet()
    for nobody in (CY, VIC):
        seen = await stage.people.direct_messages(nobody)
        assert not [m for m in seen if request in stage.people.text_of(m)]
    await stage.approve("ada", request)
    await stage.until(request, RequestState.LIVE)


@pytest.mark.requirement("F10")
async def test_the_access_matrix_holds_what_is_asked_and_what_is_read(make_stage: Make) -> None:
    stage = await make_stage(
        (
            "    severity: P0\n",
            "    severity: P0\n    access: {request: [release-manager], read: [on-call-sre]}\n",
        )
    )
    refused = await stage.deploy(LIN, f"request catalogue {GOOD} ticket=CHG-1")
    assert "takes somebody who is release-manager" in refused
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1", user=BO)
    card = await stage.card(request, "Approve")
    for reading in (f"status {request}", f"why {request}", "when catalogue production"):
        assert "To read about production takes" in await stage.deploy(LIN, reading)
        assert "To read about production takes" not in await stage.deploy(CY, reading)
    assert request not in await stage.deploy(LIN, "status")
    assert request in await stage.deploy(ADA, "status")
    await stage.press(LIN, "Details", card)
    await stage.told(LIN, "To read about production takes")
    held = await stage.deploy(LIN, f"hold {request} stop")
    assert "is held" in held  # the safe direction stays open
