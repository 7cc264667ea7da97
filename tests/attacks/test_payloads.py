"""Payloads that are not Slack's, not of our workspace, not of now, or not what the bot put into them."""

import asyncio
import time
from typing import Any

import pytest
from aiohttp import web

from bot.domain.change_request import RequestState
from tests.attacks.conftest import Make
from tests.attacks.forging import TEAM, Forger
from tests.scenarios.hands import ADA, BO, EVE, LIN
from tests.scenarios.stage import GOOD, Stage

pytestmark = [pytest.mark.requirement("P8"), pytest.mark.requirement("F1")]
OTHER_TEAM: Any = {"team": {"id": "T99OTHER"}, "user": {"id": ADA, "team_id": "T99OTHER"}}
NO_TEAM: Any = {"team": None, "user": {"id": ADA, "team_id": "T99OTHER"}}
OTHER_APP: Any = {"api_app_id": "A99OTHER"}


async def asked(stage: Stage) -> str:
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")
    await stage.card(request, "Approve")
    await stage.quiet()
    return request


async def learnt(stage: Stage) -> None:
    """Wait until the bot knows whose token it holds."""

    def calls(requests: list[dict[str, Any]]) -> bool:
        return {"auth.test", "users.info"} <= {one["name"] for one in requests if one["ok"]}

    async def there() -> bool | None:
        return calls(await stage.people.requests()) or None

    await stage.wait(there, what="the bot to learn its workspace and its app")
    await asyncio.sleep(0.1)  # the answer was sent; it has to be read as well


def deeds(forger: Forger, request: str, **other: Any) -> list[str]:
    """One of each kind: a command, a click, a form. Each of them would do something if it were believed."""
    team = other.get("user", {}).get("team_id", TEAM)
    app = {"api_app_id": other["api_app_id"]} if "api_app_id" in other else {}
    return [
        forger.command(ADA, f"hold {request} Not now", team_id=team, **app),
        forger.press(ADA, "request_hold", request, **other),
        forger.form(ADA, "deploy_reject", {"request": request}, {"reason": "No"}, **other),
    ]


async def bound(stage: Stage, request: str) -> dict[str, Any]:
    """What the modal of an approval is opened with."""
    about = await stage.request(request)
    return {"request": request, "revision": about.revision, "fingerprint": about.fingerprint}


async def test_a_forged_or_stale_or_altered_payload_of_any_kind_does_nothing(stage: Stage) -> None:
    request = await asked(stage)
    slack, stranger = Forger(stage), Forger(stage, secret="0" * 32)
    before = await stage.written()
    for body in deeds(slack, request):
        for headers in (
            stranger.headers(body),
            slack.headers(body, age=301),
            slack.headers(body, age=-301),
            slack.headers(body + "&"),
            {
                "Content-Type": "application/x-www-form-urlencoded",
                "X-Slack-Request-Timestamp": str(int(time.time())),
            },
        ):
            assert (await slack.post(body, headers)).status == 401, body
        assert await stage.written() == before
    for body in deeds(slack, request):  # and rightly signed each is a deed: nothing above failed for its form
        assert (await slack.post(body)).status == 200
    await stage.until(request, RequestState.REJECTED)


async def test_a_replayed_click_or_form_decides_once(stage: Stage) -> None:
    """Slack's signature is good for five minutes and for any number of times; each body is posted twice with the very
    same signature."""
    request = await asked(stage)
    slack = Forger(stage)
    code = {"code": stage.code("ada")}
    approval = slack.form(ADA, "deploy_approve", await bound(stage, request), code)
    headers = slack.headers(approval)
    answers = [await slack.post(approval, headers) for _ in range(3)]
    assert {a.status for a in answers} == {200}
    await stage.until(request, RequestState.LIVE)
    await stage.quiet()
    assert len(await stage.entries("approval.signed")) == 1
    assert len(stage.calls()) == 1
    head = (await stage.written())["head"]
    assert (await slack.post(approval, headers)).status == 200
    stolen = slack.form(
        ADA, "deploy_approve", await bound(stage, request), code
    )  # the code in a form of one's own
    assert "Not possible" in (await slack.post(stolen)).text
    assert len(await stage.entries("approval.signed")) == 1
    assert (await stage.written())["head"] == head
    other = await stage.publish()
    await stage.ask(f"catalogue {other} ticket=CHG-2")
    await stage.card("DEP-2", "Approve")
    elsewhere = slack.form(ADA, "deploy_approve", await bound(stage, "DEP-2"), code)  # or for another request
    assert (await slack.post(elsewhere)).said["response_action"] == "errors"
    assert len(await stage.entries("approval.signed")) == 1


@pytest.mark.parametrize(
    "other", [OTHER_TEAM, NO_TEAM, OTHER_APP], ids=["team", "team of the user alone", "app"]
)
async def test_what_another_workspace_or_app_signs_for_does_nothing(stage: Stage, other: Any) -> None:
    """A known user id does not help: it is another person's there. Rightly signed, as where one secret serves two."""
    await learnt(stage)
    request = await asked(stage)
    slack = Forger(stage)
    before = await stage.written()
    for body in deeds(slack, request, **other):
        heard = await slack.post(body)
        assert heard.status == 200
        assert await stage.written() == before, heard.text
    about = await bound(stage, request)
    body = slack.form(ADA, "deploy_approve", about, {"code": stage.code("ada")}, **other)
    assert "nothing was done" in (await slack.post(body)).text
    assert await stage.written() == before


# What the bot put into a modal comes back by way of a client


async def test_tampered_private_metadata_approves_nothing_that_was_not_shown(stage: Stage) -> None:
    request = await asked(stage)
    about = await bound(stage, request)
    slack = Forger(stage)
    before = await stage.written()
    tampered: list[Any] = [
        {**about, "fingerprint": "sha256:" + "0" * 64},
        {**about, "fingerprint": ""},
        {**about, "revision": about["revision"] + 1},
        {**about, "revision": str(about["revision"])},
        {**about, "request": "DEP-404"},
        {**about, "request": ["DEP-1"]},
        {**about, "request": None},
        {"person": "bo", "request": request},
        {},
    ]
    for each in tampered:
        body = slack.form(ADA, "deploy_approve", each, {"code": stage.code("ada")})
        heard = await slack.post(body)
        assert heard.said.get("response_action") == "update", heard.text  # the modal says why
        assert await stage.written() == before, each
    for forbidden in ("own request", "no role"):
        user = LIN if forbidden == "own request" else EVE
        heard = await slack.post(slack.form(user, "deploy_approve", about, {"code": stage.code("ada")}))
        assert "Not possible" in heard.text
        assert (await stage.written())["approvals"] == before["approvals"], (
            forbidden
        )  # that it was tried is kept


async def test_every_modal_reloads_by_id_and_takes_no_person_from_what_comes_back(stage: Stage) -> None:
    """Who acts is who Slack says pressed; names, roles and users that stand in the metadata are not read."""
    request = await asked(stage)
    slack = Forger(stage)
    posing: dict[str, Any] = {
        "request": request,
        "person": "ada",
        "user": ADA,
        "asker": {"user": ADA, "team": TEAM},
        "reply": {"user": ADA, "channel": "C01DEPLOY"},
        "roles": ["platform-lead"],
    }
    values = {"reason": "x", "freeze": "FRZ-1", "incident": "INC-1", "service": "catalogue", "code": "123456"}
    before = await stage.written()
    for callback in ("deploy_reject", "deploy_freeze", "deploy_unfreeze", "deploy_rollback", "deploy_factor"):
        for sender in (EVE, LIN if callback == "deploy_reject" else EVE):
            heard = await slack.post(slack.form(sender, callback, posing, values))
            assert heard.status == 200, callback
            assert await stage.written() == before, (callback, heard.text)


async def test_a_response_url_that_leads_elsewhere_is_never_asked(stage: Stage) -> None:
    """Neither the payload's own nor one in the metadata: it would read what is meant for one person."""
    heard: list[str] = []

    async def listen(received: web.Request) -> web.Response:
        heard.append(await received.text())
        return web.Response(text="ok")

    request = await asked(stage)
    async with _listening(listen) as url:
        slack = Forger(stage)
        await slack.post(slack.press(ADA, "request_details", request, response_url=url + "/x"))
        await slack.post(slack.command(ADA, f"why {request}", response_url=url + "/y"))
        reply = {"reply": {"response_url": url + "/z", "channel": "C01DEPLOY"}}
        values = {"service": "catalogue", "artifact": GOOD, "environment": "staging"}
        made = await slack.post(slack.form(BO, "deploy_request", reply, values))
        assert made.status == 200
        await stage.told(BO, "DEP-2")
        await stage.until("DEP-2", RequestState.LIVE)
        await stage.quiet()
    assert heard == []


class _listening:  # noqa: N801 -- read as a verb
    def __init__(self, handler: Any) -> None:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", handler)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)

    async def __aenter__(self) -> str:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()


# Many at once


async def test_a_hundred_signed_clicks_at_once_are_one_decision(make_stage: Make) -> None:
    stage = await make_stage()
    request = await asked(stage)
    slack = Forger(stage)
    about, code = await bound(stage, request), {"code": stage.code("ada")}
    bodies = [slack.form(ADA, "deploy_approve", about, code) for _ in range(100)]
    answers = await asyncio.gather(*(slack.post(body) for body in bodies))
    assert sum("Recorded" in a.text for a in answers) == 1
    await stage.until(request, RequestState.LIVE)
    await stage.quiet()
    assert len(await stage.entries("approval.signed")) == 1
    assert len(stage.calls()) == 1
