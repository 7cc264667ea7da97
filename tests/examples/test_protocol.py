"""The deployment protocol while the bot runs for real: nothing fails silently, nothing passes a check that is not GREEN."""

import asyncio
import contextlib
import json
import os
import re
import signal
import sqlite3
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.domain.change_request import RequestState
from bot.domain.environment import Colour
from bot.jobs.deliveries import Pace
from bot.wiring import loops as wired_loops
from handlers.wording.colours import SIGNS
from tests.examples.protocol_place import EXAMPLE, GROUPS, NEW, OLD, ProtocolStage, digest
from tests.scenarios.hands import CY, DEPLOYMENTS, INCIDENTS, LIN, RELEASES

RED, YELLOW, GREEN = "RED", "YELLOW", "GREEN"
SHAPES = {GREEN: "✓", YELLOW: "!", RED: "✗"}
"""The page's signs, which differ in shape."""


@pytest.fixture
async def place(
    tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[ProtocolStage]:
    """Everything but the bot."""
    monkeypatch.setattr(wired_loops, "Pace", lambda: Pace(every=0.001))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    made = ProtocolStage(folder=tmp_path, database_url=sqlite_url)
    await made.open()
    yield made
    await made.close()


@pytest.fixture
async def stage(place: ProtocolStage) -> ProtocolStage:
    """The bot runs, and CI has spoken."""
    await place.start()
    await place.begin()
    await place.sees(status=GREEN)
    return place


async def deployed(stage: ProtocolStage, service: str = "messaging") -> str:
    request = await stage.ask(f"{service} {NEW} Chat loads faster")
    await stage.approve("ada", request)
    await stage.until(request, RequestState.LIVE)
    return request


async def printed(stage: ProtocolStage, run: str) -> list[dict[str, Any]]:
    """What the deploy script printed, as the ledger keeps it."""
    output = await stage.read(lambda tx: tx.runs.output(run))
    return [json.loads(line) for line in (output or "").splitlines()]


# --- D1: no silent failure --------------------------------------------------------------------------------------------


@pytest.mark.requirement("D1")
async def test_a_deployment_whose_steps_are_all_green_is_live_and_each_step_is_kept(
    stage: ProtocolStage,
) -> None:
    request = await deployed(stage)
    await stage.message(RELEASES, "messaging", NEW)
    said = await printed(stage, f"{request}/1")
    assert {line["status"] for line in said} == {GREEN}
    assert said[-1]["says"] == "🟢 DONE: all 10 steps are GREEN"
    assert stage.services.running("messaging").endswith(digest("messaging", NEW))
    status, report = await stage.portcullis("report", request, "--markdown")
    assert status == 0
    assert "🟢 GREEN health of pioneer: ok after" in report
    await stage.intact()


@pytest.mark.requirement("D1")
@pytest.mark.requirement("D5")
async def test_one_step_that_fails_makes_the_run_fail_in_so_many_words(stage: ProtocolStage) -> None:
    stage.services["messaging"].broken_by = digest("messaging", NEW)  # the new version loses its database
    request = await stage.ask(f"messaging {NEW} Chat loads faster")
    await stage.approve("ada", request)
    await stage.until(request, RequestState.FAILED)
    card = await stage.card(request, "The deployer failed with exit status 1")
    await stage.message(DEPLOYMENTS, f"Report: {request} failed", "portcullis report", thread_of=card["ts"])
    incident = await stage.message(INCIDENTS, "production", request, "failed")
    assert f"<@{CY}>" in stage.people.text_of(incident)
    await stage.until("DEP-2", RequestState.LIVE)
    await stage.message(RELEASES, "Rolled back messaging in production")
    assert len(await stage.people.messages(RELEASES)) == 1  # nobody is told that it is out
    last = (await printed(stage, f"{request}/1"))[-1]
    assert last["says"] == "🔴 FAILED: 1 of 5 steps: health of messaging is RED; nothing follows"
    _, report = await stage.portcullis("report", request, "--markdown")
    assert "🔴 RED health of messaging: database fails; its status is error" in report
    assert f"DEP-2 back to {OLD}: done" in report
    assert f"Runs there now: {OLD}" in report
    await stage.intact()


@pytest.mark.requirement("D1")
async def test_after_a_failure_nothing_proceeds_but_the_way_back(stage: ProtocolStage) -> None:
    stage.services["messaging"].broken_by = digest("messaging", NEW)
    request = await stage.ask(f"messaging {NEW} Chat loads faster")
    await stage.approve("ada", request)
    await stage.until(request, RequestState.FAILED)
    await stage.message(INCIDENTS, "production", request, "failed")
    await stage.until("DEP-2", RequestState.LIVE)
    await stage.card(request, "DEP-2 takes it back")
    assert stage.services.running("messaging").endswith(digest("messaging", OLD))
    await stage.sees(messaging=GREEN)
    other = await stage.ask(f"support-ui {NEW} Unrelated")
    await stage.until(other, RequestState.REFUSED)
    await stage.told(LIN, other, "INC-1 is open")


@pytest.mark.requirement("D1")
async def test_switched_off_it_is_left_to_people_who_go_back_with_an_approval(place: ProtocolStage) -> None:
    stage = place
    stage.services["messaging"].broken_by = digest("messaging", NEW)
    policy = stage.folder / "policy.yaml"
    text = policy.read_text(encoding="utf-8")
    assert "rollout: {restarts_for" in text
    policy.write_text(text.replace("rollout: {", "rollout: {automatic_rollback: false, "), encoding="utf-8")
    await stage.start()
    await stage.begin()
    await stage.sees(status=GREEN)
    request = await stage.ask(f"messaging {NEW} Chat loads faster")
    await stage.approve("ada", request)
    await stage.until(request, RequestState.FAILED)
    await stage.card(request, "Not taken back by itself", "automatic_rollback: false")
    await stage.sees(messaging=RED)
    said = await stage.deploy(LIN, "rollback messaging production INC-1 Chat is down")
    back = re.search(r"DEP-\d+", said)
    assert back, said
    await stage.approve("ada", back[0])
    await stage.until(back[0], RequestState.LIVE)
    assert stage.services.running("messaging").endswith(digest("messaging", OLD))
    await stage.sees(messaging=GREEN)


@pytest.mark.requirement("D1")
@pytest.mark.parametrize("what", ["a warning", "the database", "the WebSocket"])
async def test_a_check_that_is_not_green_holds_what_follows_until_it_is(
    stage: ProtocolStage, what: str
) -> None:
    request = await stage.ask(f"support-ui {NEW} Unrelated to what is wrong")
    await stage.card(request, "Approve")
    if what == "a warning":
        stage.services["pioneer"].status = "warning"
    elif what == "the database":
        await stage.services.database(up=False)
    else:
        stage.services.chat = "gone"
    await stage.card(request, "Held by")
    assert stage.services.calls("set image") == []
    stage.services["pioneer"].status, stage.services.chat = "ok", "fine"
    await stage.services.database(up=True)
    await stage.card(request, "Approve support-ui")
    await stage.approve("ada", request)
    await stage.until(request, RequestState.LIVE)
    assert len(stage.services.calls("set image")) == 1


@pytest.mark.requirement("D1")
async def test_a_check_that_is_itself_broken_is_not_green_either(stage: ProtocolStage) -> None:
    (stage.folder / "check_websocket.py").unlink()
    (stage.folder / "check_websocket.py").mkdir()
    await stage.sees(chat_socket=RED)
    request = await stage.ask(f"support-ui {NEW} Unrelated")
    await stage.until(request, RequestState.REFUSED)
    await stage.told(LIN, request, "production is RED", "chat")


@pytest.mark.requirement("D5")
async def test_what_turns_red_after_it_is_live_is_taken_back_by_itself_and_reported(
    stage: ProtocolStage,
) -> None:
    request = await deployed(stage)
    stage.services["messaging"].broken_by = digest("messaging", NEW)
    await stage.sees(messaging=RED)
    stage.clock.advance(timedelta(minutes=2, seconds=30))  # a restart would be over
    incident = await stage.message(INCIDENTS, "production", request)
    assert f"<@{CY}>" in stage.people.text_of(incident)

    async def back() -> bool:
        return stage.services.running("messaging").endswith(digest("messaging", OLD))

    await stage.wait(back, what="the old version to run")
    (rollback,) = [
        each
        for each in await stage.read(lambda tx: tx.requests.newest(limit=9))
        if each.rolls_back == request
    ]
    await stage.until(rollback.id, RequestState.LIVE)
    card = await stage.card(request, "Rolled back", f"By {rollback.id}")
    await stage.message(DEPLOYMENTS, f"Report: {request} went live and was taken back", thread_of=card["ts"])
    await stage.intact()


# --- D2: status by groups ---------------------------------------------------------------------------------------------


@pytest.mark.requirement("D2")
async def test_after_a_deployment_the_five_groups_are_told_on_the_page_in_slack_and_in_markdown(
    stage: ProtocolStage,
) -> None:
    request = await deployed(stage, "support-ui")
    await stage.message(
        DEPLOYMENTS,
        "Live",
        "By groups: Frontend 🟢 GREEN · Backend 🟢 GREEN · Databases 🟢 GREEN · WebSockets 🟢 GREEN · Integrations 🟢 GREEN",
        thread_of=(await stage.card(request))["ts"],
    )
    page = await stage.page()
    slack = await stage.deploy(LIN, "status production", command="/env")
    status, markdown = await stage.portcullis("status", "--markdown")
    assert status == 0

    async def written() -> str | None:
        file = stage.folder / "STATUS.md"
        return file.read_text() if file.exists() and "mail-provider" in file.read_text() else None

    for text in (page, slack, markdown, await stage.wait(written, what="STATUS.md")):
        places = [text.index(group) for group in GROUPS]
        assert places == sorted(places), text
        for name in (
            "support-ui",
            "admin-dashboard",
            "messaging",
            "pioneer",
            "database",
            "chat-socket",
            "mail-provider",
        ):
            assert name in text
        for owner in ("frontend-team", "backend-team", "data-team", "on-call"):
            assert owner in text
    assert (await stage.board())["groups"] == {
        "frontend": {"support-ui": GREEN, "admin-dashboard": GREEN},
        "backend": {"messaging": GREEN, "pioneer": GREEN},
        "database": {"database": GREEN},
        "websocket": {"chat-socket": GREEN},
        "integration": {"mail-provider": GREEN},
    }


@pytest.mark.requirement("D2")
@pytest.mark.requirement("D6")
async def test_each_group_has_its_own_colour_and_the_environment_the_worst_of_them(
    stage: ProtocolStage,
) -> None:
    services = stage.services
    services["admin-dashboard"].status = "warning"
    found = await stage.sees(admin_dashboard=YELLOW, status=YELLOW)
    assert found["groups"]["frontend"] == {"support-ui": GREEN, "admin-dashboard": YELLOW}
    assert await stage.people.messages(INCIDENTS) == []  # a warning wakes nobody
    services["pioneer"].checks = {"database": False}
    services.chat = "gone"
    services["mail"].code = 503
    await services.database(up=False)
    found = await stage.sees(pioneer=RED, database=RED, chat_socket=RED, mail_provider=RED, status=RED)
    assert found["groups"] == {
        "frontend": {"support-ui": GREEN, "admin-dashboard": YELLOW},
        "backend": {"messaging": GREEN, "pioneer": RED},
        "database": {"database": RED},
        "websocket": {"chat-socket": RED},
        "integration": {"mail-provider": RED},
    }
    await stage.message(INCIDENTS, "RED", "production", "P0", f"<@{CY}>")
    services["pioneer"].checks, services.chat, services["mail"].code = {}, "fine", 200
    await services.database(up=True)
    await stage.sees(pioneer=GREEN, database=GREEN, chat_socket=GREEN, mail_provider=GREEN, status=YELLOW)
    assert len(await stage.entries("incident.opened")) == 1


@pytest.mark.requirement("D2")
async def test_a_restart_after_a_deployment_is_expected_of_that_service_and_of_nobody_else(
    stage: ProtocolStage,
) -> None:
    await deployed(stage, "messaging")
    stage.services["messaging"].status = "error"
    await stage.sees(messaging=RED, status=RED)
    await asyncio.sleep(1.5)  # the watch reads every second
    assert await stage.entries("incident.opened") == []
    stage.services["support-ui"].status = "error"
    await stage.message(INCIDENTS, "RED", "production", "support-ui")


# --- D6: the colours, with words beside them --------------------------------------------------------------------------


@pytest.mark.requirement("D6")
@pytest.mark.parametrize(("status", "colour"), [("ok", GREEN), ("warning", YELLOW), ("error", RED)])
async def test_a_colour_is_never_without_its_sign_and_its_word(
    stage: ProtocolStage, status: str, colour: str
) -> None:
    stage.services["messaging"].status = status
    await stage.sees(messaging=colour, status=colour)
    sign = SIGNS[Colour(colour)]
    slack = await stage.deploy(LIN, "status production", command="/env")
    assert f"*{sign} production* {colour}" in slack
    line = next(each for each in slack.splitlines() if "messaging" in each and "owner" not in each)
    assert line.startswith(f"{sign} messaging {colour}")
    _, markdown = await stage.portcullis("status", "--markdown")
    assert f"Backend: **messaging** | {sign} {colour}" in markdown
    html = re.sub(r"(<[^>]+>|\s+)+", " ", await stage.page())
    assert f" {SHAPES[colour]} {colour}" in html, html
    request = await stage.ask(f"support-ui {NEW} Unrelated")
    await stage.until(request, RequestState.AWAITING_APPROVAL if colour == GREEN else RequestState.REFUSED)


# --- D7: the bot's own log --------------------------------------------------------------------------------------------


@pytest.mark.requirement("D7")
async def test_every_line_of_the_log_is_json_with_figures_stacks_and_no_secret(place: ProtocolStage) -> None:
    place.environment["KUBECONFIG"] = str(place.folder / "kubeconfig")
    await place.start_process()
    await place.begin()
    await deployed(place)
    await place.page("/status.json")
    async with place.people_session({"Authorization": "Bearer hunter2-guessed"}) as session:
        for path in ("/status", "/api/v1/requests?token=hunter2-in-the-address", "/nowhere"):
            async with session.get(place.bot_url + path) as answer:
                assert answer.status in (401, 404)
    process = place.process
    assert process is not None
    good = (place.folder / "policy.yaml").read_text()
    (place.folder / "policy.yaml").write_text(
        good.replace("state: production", "state: xoxb-hunter2-pasted", 1)
    )
    process.send_signal(signal.SIGHUP)
    await logged(place, "policy.refused")
    with contextlib.closing(sqlite3.connect(place.folder / "ledger.db")) as ledger:
        ledger.execute("ALTER TABLE turns RENAME TO elsewhere")
    await cannot_read(place)
    lines = await logged(place, "status.unreadable")
    for line in lines:
        assert {"event", "level", "logger", "timestamp"} <= line.keys()
        assert line["timestamp"].endswith("Z")
    requests = [line for line in lines if line["event"] == "http.request"]
    assert {("POST", "/slack/events", 200), ("POST", "/api/v1/evidence", 201), ("GET", "/status", 401)} <= {
        (line["method"], line["path"], line["status"]) for line in requests
    }
    assert all(isinstance(line["ms"], int | float) for line in requests)
    stack = next(line["exception"] for line in lines if line["event"] == "status.unreadable")
    assert stack.startswith("Traceback (most recent call last)")
    assert "no such table: turns" in stack
    text = (place.folder / "bot.log").read_text()
    secrets = [
        place.environment[name]
        for name in ("SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET", "PORTCULLIS_SECRET_KEY")
    ]
    for secret in (*secrets, place.world.token, "hunter2", *place.factors.values()):
        assert secret not in text


async def cannot_read(place: ProtocolStage) -> None:
    """Look at the page until what was kept of it is too old to show."""
    headers = {"Authorization": f"Bearer {place.world.token}"}
    async with asyncio.timeout(20), place.people_session(headers) as session:
        while True:
            async with session.get(place.bot_url + "/status.json") as answer:
                if answer.status == 503:
                    return
            await asyncio.sleep(0.1)


async def logged(place: ProtocolStage, event: str) -> list[dict[str, Any]]:
    """Every line so far, once one of them tells of this."""
    async with asyncio.timeout(20):
        while True:
            lines = [
                json.loads(line)
                for line in (place.folder / "bot.log").read_text().rpartition("\n")[0].splitlines()
            ]
            if any(line["event"] == event for line in lines):
                return lines
            await asyncio.sleep(0.05)


# --- the example itself -----------------------------------------------------------------------------------------------


@pytest.mark.requirement("D1")
async def test_its_policy_is_valid_and_its_calendar_has_nothing_odd(place: ProtocolStage) -> None:
    policy = str(EXAMPLE / "policy.yaml")
    assert (await place.portcullis("policy", "check", "--policy", policy))[0] == 0
    status, said = await place.portcullis("calendar", "lint", "--policy", policy)
    assert (status, "nothing odd" in said) == (0, True)
