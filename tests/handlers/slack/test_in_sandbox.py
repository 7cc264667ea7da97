"""The surfaces in the sandbox workspace, which is strict about limits, scopes and deadlines, by HTTP and by socket."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from bot.adapters.clock import SystemClock
from bot.domain.audit import Fact
from bot.domain.change_request import RequestState
from bot.domain.evidence import Evidence, EvidenceKind
from bot.domain.second_factor import Credential
from bot.flows.evaluate import evaluate
from handlers.slack.announcer import Announcer
from handlers.slack.app import build_app
from handlers.slack.context import SlackContext
from handlers.slack.events import slack_events
from handlers.slack.socket_mode import SocketMode
from handlers.slack.web_api import SlackApi
from sandbox.client import SandboxClient
from sandbox.manifest import read_manifest
from sandbox.server import Sandbox
from sandbox.workspace import Workspace
from storage.ledger import Ledger
from storage.owed import DeliveryTable
from tests.handlers.slack.conftest import serve, until
from tests.handlers.slack.examples import DIGEST, SECRET, TEAM

ROOT = Path(__file__).resolve().parents[3]
LIN, ADA, BO = "U01LIN", "U02ADA", "U03BO"
CAST: dict[str, Any] = {
    "team": {"id": TEAM, "name": "Acme", "domain": "acme"},
    "bot": {"user_id": "U0GATE", "bot_id": "B0GATE", "app_id": "A0GATE", "name": "portcullis"},
    "people": [
        {"id": id_, "name": name, "real_name": name.title(), "tz": "America/New_York"}
        for name, id_ in {"lin": LIN, "ada": ADA, "bo": BO, "cy": "U04CY"}.items()
    ],
    "channels": [
        {"id": "C01DEP", "name": "deployments"},
        {"id": "C02INC", "name": "incidents"},
        {"id": "C03REL", "name": "releases"},
        {"id": "C04TALK", "name": "talk"},
    ],
}


@dataclass
class Stage:
    """The sandbox with the app in it, and hands for both."""

    people: SandboxClient
    context: SlackContext
    announcer: Announcer
    deliveries: DeliveryTable

    async def settle(self, request: str) -> None:
        """What the jobs do: judge, and send what is owed."""
        await evaluate(self.context.ledger, self.context.collector, self.context.policy, request)
        while claimed := await self.deliveries.claim(limit=20, busy=frozenset()):
            for one in claimed:
                await self.announcer.announce(one.item)
                await self.deliveries.finish(one)


@pytest.fixture(params=["http", "socket"])
async def stage(
    request: pytest.FixtureRequest, context: SlackContext, ledger: Ledger, sqlite_url: str
) -> AsyncIterator[Stage]:
    manifest = read_manifest(ROOT / "manifest.yml")
    manifest["settings"]["socket_mode_enabled"] = request.param == "socket"
    sandbox = Sandbox(
        Workspace.from_mapping(CAST),
        signing_secret=SECRET,
        bot_token="xoxb-stage",
        app_token="xapp-stage",
        manifest=manifest,
        events_url=None,
    )
    await sandbox.start()
    clock = SystemClock()
    now = Ledger(sqlite_url, clock)
    api = SlackApi("xoxb-stage", sandbox.api_url)
    made = replace(context, ledger=now, clock=clock, api=api)
    app = build_app(made)
    runner, url = await serve(web.post("/slack/events", slack_events(app)))
    sandbox.events_url = f"{url}/slack/events"
    mode = SocketMode(app, "xapp-stage", base_url=sandbox.api_url)
    if request.param == "socket":
        await mode.start()
        await until(lambda: mode.connected() == 2)
    announcer = Announcer(now, made.in_force, clock, api)
    async with SandboxClient(sandbox.url) as people:
        yield Stage(people, made, announcer, DeliveryTable(now, clock))
    await mode.stop()
    await made.background.drain()
    await runner.cleanup()
    await api.close()
    await sandbox.stop()
    await now.close()


async def prepare(ledger: Any) -> None:
    now = datetime.now(UTC)
    built = Evidence(
        id="b", kind=EvidenceKind.BUILD, service="checkout", artifact="7a3f9c2", digest=DIGEST, environment=None,
        passed=True, at=now, received_at=now, source="ci", details={"authors": ["sam"]},
    )  # fmt: skip

    def step(tx: Any) -> None:
        tx.evidence.put(built, Fact(type="evidence.accepted"))
        for person in ("ada", "bo"):
            credential = Credential(
                id=f"totp-{person}",
                person=person,
                method="totp",
                sealed="x",
                enrolled_at=now,
                enrolled_by="host:root",
            )
            tx.credentials.put(credential, Fact(type="credential.enrolled"))

    await ledger.write(step)


async def top(people: SandboxClient, user: str) -> Any:
    async def opened() -> Any:
        return await people.modal(user)

    return await people.wait_for(opened, what="a modal")


@pytest.mark.requirement("P10")
async def test_from_the_form_to_an_approval_and_a_rejection(stage: Stage) -> None:
    people = stage.people
    await prepare(stage.context.ledger)
    assert (await people.command(LIN, "request", channel="talk")).acknowledged
    await top(people, LIN)
    sent = await people.submit(LIN, {"service": "checkout", "artifact": "7a3f9c2", "ticket": "CHG-1", "reason": "<!channel> go"})  # fmt: skip
    assert (sent.acknowledged, sent.errors) == (True, {})
    await stage.settle("DEP-1")
    (card,) = await people.messages("deployments")
    text = people.text_of(card)
    assert "Approve checkout" in text
    assert "<!channel>" not in str(card)
    mine = [people.text_of(one) for one in await people.ephemerals(LIN)]
    assert any("Waits for approval" in one for one in mine)

    await people.click(ADA, action_id="request_approve", channel="deployments", ts=card["ts"])
    await top(people, ADA)
    assert "That code is wrong" in (await people.submit(ADA, {"code": "000000"})).errors["code"]
    assert (await people.submit(ADA, {"code": "999999"})).errors == {}
    await stage.settle("DEP-1")
    root, note = await people.messages("deployments", thread_ts=card["ts"])
    assert "signed*  platform-lead: ada" in people.text_of(root)
    assert "ada approved, with a second factor (totp)." in people.text_of(note)

    await people.click(BO, action_id="request_reject", channel="deployments", ts=card["ts"])
    await top(people, BO)
    assert (await people.submit(BO, {"reason": "Not before the sale ends"})).acknowledged
    await stage.settle("DEP-1")
    (ended,) = await people.messages("deployments")
    assert "Rejected: checkout" in people.text_of(ended)
    assert not re.search(r"request_(approve|reject|details)", str(ended))
    kept = await stage.context.ledger.read(lambda tx: tx.requests.get("DEP-1"))
    assert kept is not None
    assert kept.state is RequestState.REJECTED


async def test_every_command_is_answered_within_the_deadline(stage: Stage) -> None:
    await stage.people.command(LIN, "request checkout 7a3f9c2 production ticket=nope", channel="talk")
    await stage.settle("DEP-1")
    for text in ("help", "status", "status 1", "why 1", "cancel 1", "start 1", "windows", "nonsense"):
        assert (await stage.people.command(LIN, text, channel="talk")).acknowledged
    for text in ("", "status", "help", "check"):
        assert (await stage.people.command(LIN, text, channel="talk", command="/env")).acknowledged
    seen = "\n".join([stage.people.text_of(one) for one in await stage.people.ephemerals(LIN)])
    assert "“nope” is no ticket" in seen
    assert "is over already: it was refused" in seen
    failed = [one for one in await stage.people.requests() if not one["ok"]]
    assert failed == []
