"""The main job, the whole way: from `/deploy request` to a running, recorded deployment."""

from datetime import datetime

import pytest

from bot.domain.change_request import RequestState
from tests.conftest import TEMPLATE
from tests.postgres import Postgres
from tests.scenarios.conftest import Make
from tests.scenarios.hands import BO, DEPLOYMENTS, INCIDENTS, LIN, RELEASES, action_of
from tests.scenarios.stage import GOOD, Stage

RECORD = {"artifact", "approver", "approved_at", "deployment_window", "approval_duration_seconds"}


async def ship(stage: Stage) -> str:
    """Ask, approve, live: what every transport and every database has to do alike."""
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1207 Retry card captures")
    card = await stage.card(request, "Approve catalogue", "needs 1 more approval", "CHG-1207")
    await stage.told(LIN, request, "Waits for approval")
    await stage.approve("ada", request)
    await stage.until(request, RequestState.LIVE)
    await stage.card(request, "Live", "Ada")
    await stage.message(DEPLOYMENTS, "Ada approved", "totp", thread_of=card["ts"])
    await stage.message(DEPLOYMENTS, "Live", "DEP-1/1", thread_of=card["ts"])
    await stage.message(RELEASES, "Live", GOOD, "Asked by Lin, approved by Ada")
    await stage.told(LIN, request, "Live")
    return request


async def is_recorded(stage: Stage, request: str) -> None:
    """One call of the platform, P11's record word for word, one message, an intact trail."""
    kept = await stage.request(request)
    assert stage.calls() == [f"start catalogue production {kept.artifact.digest}"]
    (counted,) = await stage.entries("approval.counted")
    record = counted["facts"]["approval"]
    assert set(record) == RECORD
    assert (record["artifact"], record["approver"]) == (GOOD, "ada@acme.example")
    assert datetime.fromisoformat(record["approved_at"]).tzinfo is not None
    assert isinstance(record["approval_duration_seconds"], int)
    roots = [m for m in await stage.people.messages(DEPLOYMENTS) if request in stage.people.text_of(m)]
    assert len(roots) == 1
    (intended,) = await stage.entries("run.intended")
    assert intended["facts"]["fingerprint"] == kept.fingerprint
    assert [one["person"] for one in intended["facts"]["approved_by"]] == ["ada"]
    types = [one["type"] for one in await stage.entries()]
    order = ["request.submitted", "approval.signed", "approval.counted", "run.intended", "run.calling"]
    assert [t for t in types if t in order] == order
    await stage.intact()
    failed = [one for one in await stage.people.requests() if not one["ok"]]
    assert failed == []


@pytest.mark.requirement("P1")
@pytest.mark.requirement("P9")
@pytest.mark.requirement("P10")
@pytest.mark.requirement("P11")
@pytest.mark.parametrize("socket_mode", [False, True], ids=["http", "socket-mode"])
async def test_an_approved_request_goes_live_and_is_recorded(make_stage: Make, socket_mode: bool) -> None:
    stage = await make_stage(socket_mode=socket_mode)
    await is_recorded(stage, await ship(stage))


@pytest.mark.postgres
@pytest.mark.requirement("P11")
async def test_the_same_holds_on_postgresql(make_stage: Make, postgres: Postgres) -> None:
    url = postgres.create("scenario", template=TEMPLATE)
    try:
        stage = await make_stage(database_url=url)
        await is_recorded(stage, await ship(stage))
        await stage.close()
    finally:
        postgres.execute("DROP DATABASE scenario WITH (FORCE)")


async def open_form(stage: Stage) -> None:
    await stage.deploy(LIN, "request")
    await stage.modal(LIN, "Ask for a deployment")


@pytest.mark.requirement("P10")
@pytest.mark.parametrize("socket_mode", [False, True], ids=["http", "socket-mode"])
async def test_the_form_asks_for_the_same_and_answers_where_it_was_opened(
    make_stage: Make, socket_mode: bool
) -> None:
    stage = await make_stage(socket_mode=socket_mode)
    await open_form(stage)
    sent = await stage.people.submit(
        LIN,
        {
            "service": "catalogue",
            "artifact": GOOD,
            "environment": "production",
            "ticket": "CHG-1207",
            "reason": "Two\nlines",
        },
    )
    assert (sent.acknowledged, sent.errors) == (True, {})
    assert await stage.people.modal(LIN) is None
    await stage.told(LIN, "DEP-1", "Waits for approval")
    await stage.approve("ada", "DEP-1")
    await stage.until("DEP-1", RequestState.LIVE)
    await is_recorded(stage, "DEP-1")


WRONG = [
    ({"artifact": "not a tag"}, "artifact", "no image tag"),
    ({"artifact": "<!channel>"}, "artifact", "no image tag"),
    ({"artifact": GOOD, "ticket": "CHG-" + "1" * 61}, "ticket", None),
    ({"artifact": GOOD, "reason": "x" * 3000}, "reason", None),
]


@pytest.mark.requirement("P10")
async def test_what_is_wrong_in_the_form_is_said_beside_its_field_and_writes_nothing(stage: Stage) -> None:
    await open_form(stage)
    before = await stage.written()
    for values, field, sentence in WRONG:
        sent = await stage.people.submit(LIN, {"service": "catalogue", **values})
        assert list(sent.errors) == [field], (values, sent)
        assert sentence is None or sentence in sent.errors[field]
    assert await stage.written() == before
    again = {"service": "catalogue", "artifact": GOOD, "ticket": "CHG-1", "reason": "now it is right"}
    assert (await stage.people.submit(LIN, again)).errors == {}
    await stage.card("DEP-1", "Approve catalogue")


@pytest.mark.requirement("P10")
async def test_what_is_asked_for_already_is_said_beside_the_artifact(stage: Stage) -> None:
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")
    await stage.card(request, "Approve")
    await open_form(stage)
    sent = await stage.people.submit(LIN, {"service": "catalogue", "artifact": GOOD})
    assert list(sent.errors) == ["artifact"]
    assert request in sent.errors["artifact"]


@pytest.mark.requirement("P10")
async def test_a_rejection_needs_a_reason_and_keeps_it(stage: Stage) -> None:
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")
    card = await stage.card(request, "Approve")
    await stage.press(BO, "Reject", card)
    await stage.modal(BO, f"Reject {request}")
    assert list((await stage.people.submit(BO, {"reason": "   "})).errors) == ["reason"]
    assert (await stage.request(request)).state is RequestState.AWAITING_APPROVAL
    assert (await stage.people.submit(BO, {"reason": "Not before the sale ends"})).errors == {}
    ended = await stage.until(request, RequestState.REJECTED)
    assert ended.closing is not None
    assert (ended.closing.by.person, ended.closing.reason) == ("bo", "Not before the sale ends")
    shown = await stage.card(request, "Rejected", "Not before the sale ends")
    await stage.told(LIN, request, "Rejected")
    with pytest.raises(AssertionError, match="no button"):
        action_of(shown, "Approve")
    assert stage.calls() == []


@pytest.mark.requirement("P9")
async def test_nothing_is_deployed_because_something_was_built_verified_or_approved_elsewhere(
    stage: Stage,
) -> None:
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")
    await stage.card(request, "Approve")
    await stage.publish("catalogue")
    await stage.card(request, "Approve")
    assert stage.calls() == []
    assert (await stage.request(request)).state is RequestState.AWAITING_APPROVAL


@pytest.mark.requirement("D1")
async def test_a_deployer_that_fails_is_told_everywhere_and_not_tried_again(stage: Stage) -> None:
    (stage.folder / "fail").touch()  # before anything changed: the status goes on naming the old version
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")
    await stage.until(request, RequestState.AWAITING_APPROVAL)
    old = (await stage.request(request)).rollback_target
    assert old is not None
    (stage.folder / "running-catalogue-production").write_text(f"{old.digest}\n")
    await stage.approve("bo", request)
    await stage.until(request, RequestState.FAILED)
    card = await stage.card(request, "Failed", "exit status 3")
    await stage.message(DEPLOYMENTS, "Failed", "Nothing was tried again", thread_of=card["ts"])
    await stage.told(LIN, request, "Failed", "exit status 3")
    assert len(stage.calls()) == 1
    assert await stage.people.messages(RELEASES) == []
    await stage.message(INCIDENTS, "INC-1", request)  # until it is over, only a fix goes there (P21, P6)
    (stage.folder / "fail").unlink()
    second = await stage.ask(f"catalogue {GOOD} ticket=CHG-1 fixes=production Mended")
    await stage.approve("bo", second)
    await stage.until(second, RequestState.LIVE)
    await stage.intact()


async def test_two_requests_of_one_place_start_one_after_the_other(stage: Stage) -> None:
    newer = await stage.publish()
    (stage.folder / "hold").touch()
    first = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")
    second = await stage.ask(f"catalogue {newer} ticket=CHG-2")
    await stage.approve("ada", first)
    await stage.until(first, RequestState.STARTING)
    await stage.people.wait_for(lambda: stage.calls() != [], what="the platform to be called")
    await stage.approve("bo", second)
    await stage.card(second, f"{first} is rolling out {GOOD} here right now")
    assert len(stage.calls()) == 1
    (stage.folder / "hold").unlink()
    await stage.until(first, RequestState.LIVE)
    # What runs there changed, so the second has another way back: it is a new question to its approvers.
    card = await stage.card(second, "Approve", f"way back `{GOOD}`")
    await stage.message(DEPLOYMENTS, "the version to go back to", "revision 2", thread_of=card["ts"])
    await stage.told(BO, second, "no longer counts")
    assert len(stage.calls()) == 1
    await stage.approve("ada", second)
    await stage.until(second, RequestState.LIVE)
    await stage.intact()
