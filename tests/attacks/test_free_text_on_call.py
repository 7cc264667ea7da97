"""Broadcasts, mentions, markup and bidi marks in every field around incidents and on-call duty: in Slack, on the status
page, in files, mail, PagerDuty and webhooks all of it arrives as text."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
from aiohttp import web

from sandbox.mail import MailServer
from sandbox.pagerduty import FakePagerDuty
from tests.attacks import free_text, free_text_on_call
from tests.attacks.conftest import Make
from tests.attacks.free_text import evil
from tests.attacks.free_text_elsewhere import CONFIGURED, KEY, TOKEN, Elsewhere, nowhere, opened, told
from tests.attacks.free_text_on_call import turned, worse, wrong_in_json, wrong_in_markdown
from tests.scenarios.hands import ADA, BO, CY, INCIDENTS, LIN
from tests.scenarios.stage import Stage
from tests.scenarios.test_afterwards import cli

pytestmark = [pytest.mark.requirement("P21"), pytest.mark.requirement("F9"), pytest.mark.timeout(240)]


@pytest.fixture
async def elsewhere() -> AsyncIterator[Elsewhere]:
    made = Elsewhere(FakePagerDuty(keys={KEY: "default"}, token=TOKEN), MailServer())
    app = web.Application()
    app.router.add_post("/hook", made.hook)
    app.router.add_get("/health", made.health)
    app.router.add_post("/prometheus/api/v1/query", made.query)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    await made.pagerduty.start()
    await made.mail.start()
    yield made
    await made.mail.stop()
    await made.pagerduty.stop()
    await runner.cleanup()


async def fall_ill(stage: Stage) -> list[str]:
    """Every kind of monitor tells what it likes; gives what programs were answered."""
    labels = {
        "alertname": evil("alertname"),
        "environment": "dev",
        "team": evil("xmatcher"),
        "severity": "critical",
        evil("xlabel"): evil("xlabel"),
    }
    alert = {
        "status": "firing",
        "labels": labels,
        "annotations": {"summary": evil("xannotation")},
        "fingerprint": evil("xfinger"),
    }
    payload = {
        "version": "4",
        "groupKey": evil("xgroupkey"),
        "receiver": evil("xreceiver"),
        "alerts": [alert],
    }
    answers = [
        await told(stage, "/heartbeat/nightly", {"status": "error", "detail": worse("jobsaid")}),
        await told(stage, "/alertmanager", payload | {"status": "firing"}),
        await told(stage, "/heartbeat/nightly", {evil("misspelt"): "x"}),
        await told(stage, "/alertmanager", payload | {"alerts": [{"status": evil("xlabel")}]}),
        await told(stage, "/heartbeat/" + quote(evil("misspelt"), safe=""), {}),
    ]
    assert [(status, kind) for status, kind, _ in answers] == [
        (200, "application/json"),
        (200, "application/json"),
        (422, "application/json"),
        (422, "application/json"),
        (404, "application/json"),
    ]
    assert all("misspelt" in answers[n][2] for n in (2, 4))
    stage.status_file("staging", f"RED\nDetail: {evil('xfilenote')}\nOwner: {evil('xfilenote')}\n")
    for component in ("cluster", "script", "shop", "metrics", "load"):
        await says(stage, "status dev", component)
    await says(stage, "status staging", "jobsaid")
    await says(stage, "status dev", "alertname", "checkline", "breaks the health contract")
    return [said for _, _, said in answers]


async def says(stage: Stage, text: str, *words: str, user: str = LIN) -> str:
    """Ask `/env …` until the answer says all that."""

    async def find() -> str | None:
        said = await stage.deploy(user, text, command="/env")
        return said if all(word in said for word in words) else None

    return await stage.wait(find, what=f"/env {text} to say {words}")


async def declare(stage: Stage) -> str:
    """An incident that a person words, from the page to its end; gives its id."""
    await stage.deploy(BO, f"incident staging severity=P1 {worse('refunds')}", command="/env")
    card = await stage.message(INCIDENTS, "refunds", "P1")
    incident = next(word for word in stage.people.text_of(card).split() if word.startswith("INC-"))
    await stage.press(CY, "Acknowledge", card)
    await stage.message(INCIDENTS, "refunds", "has it", "pname")
    await stage.deploy(LIN, f"postmortem {incident} note {worse('noted')}", command="/env")
    await stage.message(INCIDENTS, "noted", thread_of=str(card["ts"]))
    await stage.press(CY, "Resolve", await stage.message(INCIDENTS, incident, "has it"))
    return incident


async def afterwards(stage: Stage, incident: str) -> None:
    """Its post-mortem: the form is refused once, filled in and opened again; two actions; published."""
    card = await stage.message(INCIDENTS, f"Post-mortem of {incident}", "It lacks")
    texts = {
        "summary": worse("pmsummary"),
        "impact": f"{worse('pmimpact')}\n- x\n1. y",
        **{f"why-{n}": worse("pmwhy") for n in range(1, 6)},
    }
    await stage.press(CY, "Write", card)
    await stage.modal(CY, f"Post-mortem of {incident}")
    sent = await stage.people.submit(CY, dict(texts))
    assert (sent.acknowledged, sent.errors) == (True, {})
    card = await stage.message(INCIDENTS, f"Post-mortem of {incident}", "It lacks an action item")
    await stage.press(BO, "Write", card)
    await stage.modal(BO, f"Post-mortem of {incident}")
    await stage.people.close(BO, everything=True)
    await stage.press(CY, "Add an action", card)
    await stage.modal(CY, "Action item")
    due = (stage.clock.now() + timedelta(days=9)).date().isoformat()
    sent = await stage.people.submit(CY, {"text": worse("actform"), "owner": "ada", "due": due})
    assert (sent.acknowledged, sent.errors) == (True, {})
    await stage.told(ADA, "gave you an action item", "actform")
    await stage.deploy(LIN, f"actions add {incident} cy {due} {worse('actline')}", command="/env")
    for text in ("actions", f"actions {evil('envaside')}", f"postmortem {incident}", "postmortem"):
        await stage.deploy(LIN, text, command="/env")
    await stage.press(BO, "Publish", await stage.message(INCIDENTS, incident, "Nothing is missing"))
    await stage.message(INCIDENTS, "pmsummary", "pmwhy", "What happened")


async def on_call(stage: Stage) -> None:
    """Overrides by line and by form, a note, and what is asked with words that nobody knows."""
    for word in ("status", "check", "history", "next", "incident", "postmortem", "actions", "help", ""):
        await stage.deploy(LIN, f"{word} {evil('envaside')}", command="/env")
    for word in ("who", "override", "handoff primary", "help", "override cancel", "who primary", ""):
        await stage.deploy(BO, f"{word} {evil('ringaside')}", command="/oncall")
    for word in ("next", "history", "history staging", "status", "check dev"):
        await stage.deploy(LIN, word, command="/env")
    await stage.deploy(CY, f"handoff primary {worse('handnote')}", command="/oncall")
    await stage.deploy(CY, "handoff", command="/oncall")
    await stage.told(CY, "handnote", "leaves a note")
    await stage.deploy(CY, f"override primary bo from 25h until 2h {worse('ovrline')}", command="/oncall")
    await stage.deploy(CY, "override", command="/oncall")
    await stage.modal(CY, "Override on-call duty")
    from_, until = (int((stage.clock.now() + timedelta(hours=h)).timestamp()) for h in (50, 52))
    values: dict[str, Any] = {"rotation": "primary", "person": "bo", "from": str(from_), "until": str(until)}
    sent = await stage.people.submit(CY, values | {"reason": evil("ovrform")})
    assert (sent.acknowledged, sent.errors) == (True, {})
    await stage.message(INCIDENTS, "ovrform")
    assert "player" in await stage.deploy(LIN, "who", command="/oncall")
    await stage.deploy(LIN, f"state {evil('statewhy')}")
    await stage.deploy(LIN, f"state pre-production ticket=CHG-1 {worse('statewhy')}")
    await stage.card("DEP-", "pre-production", "Approve")
    await stage.deploy(LIN, "state")


async def answered_elsewhere(stage: Stage, elsewhere: Elsewhere) -> None:
    """Somebody of PagerDuty with a name of their own takes what the monitors opened."""
    theirs = elsewhere.pagerduty.incidents.all[0]
    user = elsewhere.pagerduty.add_user(evil("xpdagent"), f"{evil('xpdmail')}@acme.example")
    assert (await elsewhere.pagerduty.answer(theirs.key, "acknowledged", user=user))[0] == 200
    await stage.message(INCIDENTS, "PagerDuty has it")


async def looked_at(stage: Stage, path: str, *, token: bool) -> tuple[str, str]:
    """The type and the text of a page."""
    headers = {"Authorization": f"Bearer {stage.world.token}"} if token else {}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.get(stage.bot_url + path) as answer,
    ):
        assert answer.status == 200
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        return answer.content_type, await answer.text()


async def pages_and_files(stage: Stage, incident: str) -> str:
    """What the status looks like on every surface: each is looked at on its own, and all of it is given back."""
    await asyncio.sleep(1.1)  # the boards are shared for a second
    read = {}
    for token in (True, False):
        kind, html = await looked_at(stage, "/status", token=token)
        assert kind == "text/html"
        assert free_text.wrong_on_page(html) == []
        kind, text = await looked_at(stage, "/status.json", token=token)
        assert kind == "application/json"
        assert turned(text) == []  # bytes of ASCII: what is escaped turns nothing
        assert json.loads(text)["environments"]
        read[token] = html + text
    code, everything = await cli(stage, "status", "--markdown")
    assert code == 1
    for verb in ("status --markdown --public", f"incident {incident} --markdown"):
        document = (await cli(stage, *verb.split()))[1]
        assert wrong_in_markdown(document) == []
        read["public" not in verb] += document
    assert wrong_in_markdown(everything) == []
    for verb in ("status", "status --json", f"incident {incident}"):
        printed = (await cli(stage, *verb.split()))[1]
        assert (turned(printed), "\nBcc" in printed) == ([], False)
    file = await stage.wait(lambda: _content(stage, "status.md"), what="the Markdown file")
    assert wrong_in_markdown(file) == []
    state = await stage.wait(lambda: _content(stage, "written/dev.status"), what="the status file")
    assert turned(state) == []
    assert [line.partition(":")[0] for line in state.splitlines()] == [
        "RED", "Last Verified", "Environment", "Since", "Detail", "Incident", "Owner", "Oldest Reading", "Written",
    ]  # fmt: skip
    for mark in free_text_on_call.WRITTEN_BY_SOMEBODY:
        assert mark in read[True] + everything
        assert mark not in read[False] + file
    return "\n".join([*read.values(), everything, file, state])


async def _content(stage: Stage, name: str) -> str | None:
    path = stage.folder / name
    return path.read_text(encoding="utf-8") if path.exists() else None


def sent_outside(elsewhere: Elsewhere) -> str:
    """What left by mail, to PagerDuty and to the webhook: looked at, and given back."""
    texts = []
    for each in elsewhere.mail.received:
        message = each.message
        texts += [str(message["Subject"]), message.get_content()]
        assert "\nBcc" not in texts[-1]
        assert sorted(set(message.keys()) - HEADERS) == []
        assert each.recipients in (("cy@acme.example",), ("ada@acme.example",), ("bo@acme.example",))
        assert [text for text in texts if turned(text.replace("\r\n", "\n"))] == []
    told = [*elsewhere.pagerduty.events, *elsewhere.pagerduty.changes, *elsewhere.posted]
    assert wrong_in_json(told) == []
    tickets = [each for each in elsewhere.posted if each["type"] == "incident.ticket"]
    assert len(tickets) >= 2
    assert [wrong for each in tickets for wrong in wrong_in_markdown(each["body"])] == []
    return "\n".join([*texts, *free_text_on_call.strings(told)])


HEADERS = {
    "From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "Auto-Submitted", "Importance",
    "X-Priority", "Content-Type", "Content-Transfer-Encoding", "MIME-Version",
}  # fmt: skip


async def test_every_text_of_an_incident_arrives_as_text_everywhere(
    make_stage: Make, elsewhere: Elsewhere
) -> None:
    stage = await opened(make_stage, elsewhere, CONFIGURED)
    exchanges: list[dict[str, Any]] = []

    async def collect() -> None:
        """The sandbox keeps the last thousand exchanges."""
        exchanges.extend(await stage.people.requests(after=exchanges[-1]["id"] if exchanges else 0))

    answers = await fall_ill(stage)
    await collect()
    incident = await declare(stage)
    await afterwards(stage, incident)
    await collect()
    await answered_elsewhere(stage, elsewhere)
    await on_call(stage)
    await stage.quiet()
    await asyncio.sleep(0.2)  # answers that no delivery owes
    await collect()
    assert free_text.wrong_in_slack(exchanges) == []
    assert [text for text in answers if turned(text)] == []
    shown = await pages_and_files(stage, incident)
    outside = sent_outside(elsewhere)
    said = "\n".join(text for _, text in free_text.said_in_slack(exchanges))
    read = "\n".join((said, shown, outside, *answers))
    assert {mark for mark in free_text_on_call.marks() if mark not in read} == set()
    assert {mark for mark in free_text_on_call.KEPT_BACK if mark in read} == set()
    assert all(mark in outside for mark in ("refunds", "pname", "porg", "jobsaid"))
    await stage.intact()


async def test_places_that_nobody_knows_are_told_of_as_text_and_the_next_one_is_paged(
    make_stage: Make, elsewhere: Elsewhere
) -> None:
    stage = await opened(make_stage, elsewhere, nowhere())
    stage.status_file("staging", "RED\n")
    card = await stage.message(INCIDENTS, "RED", "staging", "P2")
    await stage.message(INCIDENTS, "ppages", "did not arrive", thread_of=str(card["ts"]))
    await stage.message(INCIDENTS, "pticket", "open one by hand", thread_of=str(card["ts"]))
    await stage.told(ADA, "staging", "Ada, you are asked as well")
    incident = next(word for word in stage.people.text_of(card).split() if word.startswith("INC-"))
    await stage.quiet()
    exchanges = await stage.people.requests()
    assert [each for each in free_text.wrong_in_slack(exchanges) if "<!here> whoever" not in each] == []
    code, document = await cli(stage, "incident", incident, "--markdown")
    assert (code, wrong_in_markdown(document)) == (0, [])
    read = "\n".join([document, *(text for _, text in free_text.said_in_slack(exchanges))])
    assert {mark for mark in free_text_on_call.places() if mark not in read} == set()
    await stage.intact()
