"""A policy, requests, incidents and views to render; a real ledger, and a small Slack that keeps what it is told."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp import ClientSession, web
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View
from slack_sdk.signature import SignatureVerifier

from bot.domain.approval import Approval, ApprovalState, SecondFactor
from bot.domain.artifact import Artifact, RegistryAnswer, RegistryWord
from bot.domain.change_request import Actor, ChangeRequest, Closing, Kind, RequestState
from bot.domain.environment import Colour, EnvironmentStatus, MonitorState
from bot.domain.incident import Incident, IncidentState
from bot.domain.outcome import Citation, GateOutcome, Readiness, Status
from bot.domain.quorum import Quorum, SeatHeld
from bot.domain.second_factor import Credential
from bot.flows.collect import Collector
from bot.flows.inquire import IncidentView, RequestView
from bot.flows.reload_policy import PolicyHolder
from bot.gates import GATES
from bot.policy import Policy, parse
from handlers.slack.app import build_app
from handlers.slack.blocks import Message
from handlers.slack.context import SlackContext
from handlers.slack.events import slack_events
from handlers.slack.web_api import SlackApi
from sandbox.limits import block_flaws, view_flaws
from storage.ledger import Ledger

NOW = datetime(2026, 11, 10, 14, 22, tzinfo=UTC)  # a Tuesday, 9:22 in New York
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
DIGEST, OTHER = "sha256:" + "9f2c6a01" * 8, "sha256:" + "51be07d0" * 8
TEAM, SECRET = "T0ACME", "signing-secret-of-the-tests"

POLICY = """
version: 1
organization: acme
timezone: America/New_York
slack:
  channels: {approvals: deployments, incidents: incidents, announcements: releases}
people:
  lin: {slack: U01LIN, name: Lin}
  ada: {slack: U02ADA}
  bo: {slack: U03BO}
  cy: {slack: U04CY}
roles:
  platform-lead: {people: [ada]}
  release-manager: {people: [bo]}
services:
  checkout: {image: registry.acme.example/checkout}
  payments: {}
environments:
  production:
    gates: {ticket: {pattern: "^CHG-[0-9]+$"}}
    approval:
      seats: [{role: platform-lead}, {role: release-manager}]
      minimum: 2
      exclude: [requester]
      second_factor: {methods: [totp]}
    severity: P0
  staging:
    gates: {ticket: {pattern: "^CHG-[0-9]+$"}}
    approval: {seats: [{role: platform-lead}], minimum: 1}
    severity: P2
on_call:
  primary: {rotation: {people: [cy], handoff: "0 9 * * MON"}}
"""


def make_policy(text: str = POLICY) -> Policy:
    return parse(text, "policy.yaml", {name: gate.parameters for name, gate in GATES.items()}, Path.cwd())


@pytest.fixture(scope="session")
def policy() -> Policy:
    return make_policy()


# Gates, requests and views


def gate(name: str, code: str, status: Status = Status.PASSED, **facts: Any) -> GateOutcome:
    until = facts.pop("until", None)
    retry = facts.pop("retry", False)
    cites = (Citation(source="token:ci", at=NOW - HOUR),)
    return GateOutcome(
        gate=name, status=status, code=code, facts=facts, until=until, retry=retry, cites=cites
    )


def ago(length: timedelta) -> str:
    return (NOW - length).isoformat()


PASSED = (
    gate("staging-verified", "verified", environment="staging", verified_at=ago(3 * HOUR)),
    gate("soak", "soaked", environment="staging", ran_seconds=11_400, required_seconds=3600),
    gate("vulnerabilities", "clean", counts={"critical": 0, "high": 0}, scanned_at=ago(40 * MINUTE)),
    gate("immutable-artifact", "same-digest", registry_digest=DIGEST),
    gate("no-open-incident", "no-incident"),
    gate("environments-green", "all-green"),
    gate("rollback-target", "target-ready", target="51be07d"),
    gate("ticket", "ticket", ticket="CHG-1207"),
)
CLOSED = gate(
    "calendar",
    "prohibited",
    Status.WAITING,
    until=NOW + 38 * MINUTE,
    rules=[{"name": "outside-windows", "kind": "outside-windows", "effect": "prohibit"}],
)
VULNERABLE = gate(
    "vulnerabilities",
    "vulnerable",
    Status.BLOCKED,
    counts={"critical": 1, "high": 0},
    scanned_at=ago(12 * MINUTE),
    findings=[
        {
            "id": "CVE-2026-1234",
            "package": "openssl",
            "version": "3.0.8",
            "fixed_in": "3.0.9",
            "severity": "critical",
        }
    ],
)
RED_GATE = gate(
    "environments-green",
    "not-green",
    Status.BLOCKED,
    environments=[
        {
            "name": "production",
            "colour": "RED",
            "since": ago(20 * MINUTE),
            "causes": [{"monitor": "api", "code": "http-503"}],
        }
    ],
    fix_first="production",
    fixes=None,
)


def readiness(*outcomes: GateOutcome) -> Readiness:
    return Readiness(outcomes=outcomes, judged_at=NOW, policy_digest=DIGEST)


READY, WAITING = readiness(*PASSED), readiness(*PASSED, CLOSED)
BLOCKED = readiness(
    *(o for o in PASSED if o.gate not in ("vulnerabilities", "environments-green")), VULNERABLE, RED_GATE
)


def request(**changes: Any) -> ChangeRequest:
    usual: dict[str, Any] = {
        "id": "DEP-42",
        "number": 42,
        "kind": Kind.PROMOTION,
        "service": "checkout",
        "environment": "production",
        "artifact": Artifact("7a3f9c2", DIGEST),
        "requester": Actor(via="slack:T0ACME/U01LIN", person="lin"),
        "requested_at": NOW - 12 * MINUTE,
        "expires_at": NOW + 24 * HOUR,
        "evidence_deadline": NOW + 10 * MINUTE,
        "state": RequestState.AWAITING_APPROVAL,
        "ticket": "CHG-1207",
        "reason": "Retry card captures on timeouts",
        "readiness": READY,
        "fingerprint": "sha256:" + "ab" * 32,
        "rollback_target": Artifact("51be07d", OTHER),
    }
    return ChangeRequest(**(usual | changes))


def closed(state: RequestState, code: str = "", person: str | None = None, **changes: Any) -> ChangeRequest:
    closing = Closing(
        code=code or state.value, by=Actor(via="x", person=person), at=NOW, reason=changes.pop("why", None)
    )
    return request(state=state, closing=closing, approved_at=NOW - 12 * MINUTE, **changes)


def signed(person: str, state: ApprovalState = ApprovalState.COUNTED) -> Approval:
    return Approval(
        request="DEP-42",
        revision=1,
        person=person,
        via="x",
        fingerprint="f",
        signed_at=NOW - MINUTE,
        factor=SecondFactor(method="totp", credential="c", at=NOW - MINUTE),
        state=state,
    )


def view(asked: ChangeRequest | None = None, **changes: Any) -> RequestView:
    seats = (SeatHeld(("platform-lead",), "ada"), SeatHeld(("release-manager",)))
    usual: dict[str, Any] = {
        "request": asked or request(),
        "approvals": (signed("ada"),),
        "quorum": Quorum(seats=seats, people=1, minimum=2),
        "could_sign": ("bo",),
        "runs": (),
        "place": None,
        "now": NOW,
    }
    return RequestView(**(usual | changes))


EVERY_STATE: dict[str, ChangeRequest] = {
    "evaluating": request(state=RequestState.EVALUATING, readiness=None, fingerprint=None),
    "awaiting": request(),
    "awaiting its window": request(readiness=WAITING),
    "awaiting though blocked": request(readiness=BLOCKED),
    "approved": request(state=RequestState.APPROVED, readiness=READY, approved_at=NOW),
    "approved, closed": request(state=RequestState.APPROVED, readiness=WAITING, approved_at=NOW),
    "starting": request(state=RequestState.STARTING),
    "live": closed(RequestState.LIVE, "exit-0"),
    "refused": closed(RequestState.REFUSED, "blocked", readiness=BLOCKED),
    "rejected": closed(RequestState.REJECTED, person="bo", why="Not before the sale ends"),
    "cancelled": closed(RequestState.CANCELLED, person="lin"),
    "expired": closed(RequestState.EXPIRED),
    "failed": closed(RequestState.FAILED, "exit-3"),
    "unresolved": closed(RequestState.UNRESOLVED, "lost"),
}


def monitor(environment: str, colour: Colour, code: str = "ok", **facts: Any) -> MonitorState:
    return MonitorState(
        environment=environment,
        name="api",
        component=None,
        colour=colour,
        since=NOW - 3 * MINUTE,
        read_at=NOW - MINUTE,
        good_at=NOW - 4 * MINUTE,
        code=code,
        facts=facts,
    )


def status(environment: str, colour: Colour, code: str = "ok", **facts: Any) -> EnvironmentStatus:
    return EnvironmentStatus(
        name=environment,
        colour=colour,
        since=NOW - 3 * MINUTE,
        verified_at=NOW - MINUTE,
        monitors=(monitor(environment, colour, code, **facts),),
    )


def incident(**changes: Any) -> Incident:
    usual: dict[str, Any] = {
        "id": "INC-7",
        "environment": "production",
        "severity": "P0",
        "state": IncidentState.OPEN,
        "opened_at": NOW - 3 * MINUTE,
        "respond_by": NOW + 2 * MINUTE,
        "causes": ("api",),
        "on_call": "cy",
    }
    return Incident(**(usual | changes))


def incident_view(happened: Incident | None = None, **changes: Any) -> IncidentView:
    live = closed(RequestState.LIVE, "exit-0")
    assert live.closing is not None
    usual: dict[str, Any] = {
        "incident": happened or incident(),
        "status": status("production", Colour.RED, "http-503", expected=200),
        "others": (status("staging", Colour.GREEN), status("dev", Colour.UNKNOWN, "stale")),
        "changed": (replace(live, closing=replace(live.closing, at=NOW - 7 * MINUTE)),),
        "place": None,
        "now": NOW,
    }
    return IncidentView(**(usual | changes))


# What a message is for a reader


def text_of(message: Message) -> str:
    """The message as lines of text; a row of buttons is one line."""
    return "\n".join(_lines(message.blocks))


def _lines(blocks: Sequence[Any]) -> list[str]:
    lines: list[str] = []
    for block in blocks:
        match block["type"]:
            case "section":
                lines += block["text"]["text"].split("\n")
            case "context":
                lines += [e["text"] for e in block["elements"]]
            case "actions":
                lines.append(" ".join(f"[{e['text']['text']}]" for e in block["elements"]))
            case "input":
                lines.append(f"{block['label']['text']}: ________")
    return lines


def lines_of(message: Message) -> list[str]:
    return text_of(message).split("\n")


def view_text(view: Any) -> str:
    return "\n".join([view["title"]["text"], *_lines(view["blocks"])])


def buttons_of(message: Message) -> list[str]:
    return [e["action_id"] for b in message.blocks if b["type"] == "actions" for e in b["elements"]]


def accepted_by_slack(message: Message) -> None:
    """Slack's own models raise on most limits; the rest is counted here."""
    assert 1 <= len(message.blocks) <= 50
    assert message.text
    assert len(message.text) <= 4000
    assert block_flaws([dict(block) for block in message.blocks], "message") == []
    for block in message.blocks:
        for parsed in Block.parse_all([dict(block)]):
            assert parsed is not None
            parsed.to_dict()
        if block["type"] == "section":
            assert 1 <= len(block["text"]["text"]) <= 3000


def view_accepted_by_slack(view: dict[str, Any]) -> None:
    assert len(view["private_metadata"]) <= 3000
    View(**view).to_dict()
    assert view_flaws(view) == []


# A Slack that keeps what it is told


@dataclass
class Stub:
    """Answers the Web API and response URLs; `failures` are answered first, one by one."""

    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    replies: list[dict[str, Any]] = field(default_factory=list)
    failures: list[web.Response] = field(default_factory=list)
    url: str = ""
    posted: int = 0

    def fail(self, *errors: str) -> None:
        self.failures += [web.json_response({"ok": False, "error": e}) for e in errors]

    def of(self, method: str) -> list[dict[str, Any]]:
        return [body for name, body in self.calls if name == method]

    async def api(self, received: web.Request) -> web.Response:
        self.calls.append((received.match_info["method"], json.loads(await received.text() or "{}")))
        if self.failures:
            return self.failures.pop(0)
        self.posted += 1
        return web.json_response({"ok": True, "channel": "C0DEPLOY", "ts": f"1700000000.{self.posted:06d}"})

    async def reply(self, received: web.Request) -> web.Response:
        self.replies.append(json.loads(await received.text()))
        return self.failures.pop(0) if self.failures else web.Response(text="ok")


async def serve(*routes: web.RouteDef) -> tuple[web.AppRunner, str]:
    app = web.Application()
    app.add_routes(list(routes))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}"


@pytest.fixture
async def stub() -> AsyncIterator[Stub]:
    made = Stub()
    runner, made.url = await serve(
        web.post("/api/{method}", made.api), web.post("/response/{key}", made.reply)
    )
    yield made
    await runner.cleanup()


class ClockOf:
    """A clock that stands until it is moved."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


class SixNines:
    """Takes 999999 as the code of now, and each later step once."""

    def step(self, credential: Credential, code: str, at: datetime) -> int | None:
        return int(at.timestamp()) // 30 if code.replace(" ", "") == "999999" else None


class NoRegistry:
    async def resolve(self, image: str, reference: str) -> RegistryAnswer:
        return RegistryAnswer(word=RegistryWord.FOUND, asked_at=NOW, digest=DIGEST)


class NoDeployers:
    def of(self, service: str) -> None:
        return None


@pytest.fixture
def clock() -> ClockOf:
    return ClockOf(NOW)


@pytest.fixture
async def ledger(sqlite_url: str, clock: ClockOf) -> AsyncIterator[Ledger]:
    made = Ledger(sqlite_url, clock)
    yield made
    await made.close()


@pytest.fixture
async def context(ledger: Ledger, clock: ClockOf, stub: Stub, policy: Policy) -> AsyncIterator[SlackContext]:
    made = SlackContext(
        ledger=ledger,
        in_force=PolicyHolder(policy),
        collector=Collector(ledger, NoRegistry(), NoDeployers(), clock),
        clock=clock,
        code_check=SixNines(),
        api=SlackApi("xoxb-test", f"{stub.url}/api/"),
        signing_secret=SECRET,
        team_id=TEAM,
    )
    yield made
    await made.background.drain()
    await made.api.close()


@dataclass
class Answer:
    status: int
    body: Any


@dataclass
class People:
    """Signed payloads, as Slack would post them for people."""

    url: str
    session: ClientSession
    stub: Stub
    number: int = 0

    async def post(self, body: str, *, secret: str = SECRET, at: int | None = None, **headers: str) -> Answer:
        import time

        stamp = str(int(time.time()) if at is None else at)
        signature = SignatureVerifier(secret).generate_signature(timestamp=stamp, body=body) or ""
        usual = {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": signature,
        }
        async with self.session.post(self.url, data=body.encode(), headers=usual | headers) as answer:
            text = await answer.text()
            return Answer(answer.status, json.loads(text) if text.startswith("{") else text)

    def next(self) -> str:
        self.number += 1
        return f"{self.number}.trigger"

    async def command(
        self, user: str, text: str, *, name: str = "/deploy", trigger: str | None = None, team: str = TEAM
    ) -> Answer:
        form = {
            "command": name,
            "text": text,
            "user_id": user,
            "team_id": team,
            "channel_id": "C0TALK",
            "trigger_id": trigger or self.next(),
            "response_url": f"{self.stub.url}/response/1",
        }
        return await self.post(urlencode(form))

    async def interact(self, payload: dict[str, Any]) -> Answer:
        return await self.post(urlencode({"payload": json.dumps(payload)}))

    async def press(self, user: str, action_id: str, value: str, *, ts: str = "1.1") -> Answer:
        return await self.interact(
            {
                "type": "block_actions",
                "team": {"id": TEAM},
                "user": {"id": user, "team_id": TEAM},
                "trigger_id": self.next(),
                "response_url": f"{self.stub.url}/response/2",
                "actions": [
                    {
                        "type": "button",
                        "action_id": action_id,
                        "block_id": "b",
                        "value": value,
                        "action_ts": ts,
                    }
                ],
            }
        )

    async def submit(
        self, user: str, opened: dict[str, Any], values: dict[str, str], *, view_id: str | None = None
    ) -> Answer:
        state = {
            block: (
                {block: {"type": "static_select", "selected_option": {"value": value}}}
                if block in ("service", "environment")
                else {"value": {"type": "plain_text_input", "value": value}}
            )
            for block, value in values.items()
        }
        return await self.interact(
            {
                "type": "view_submission",
                "team": {"id": TEAM},
                "user": {"id": user, "team_id": TEAM},
                "view": {
                    "id": view_id or f"V{self.next()}",
                    "type": "modal",
                    "callback_id": opened["callback_id"],
                    "private_metadata": opened["private_metadata"],
                    "state": {"values": state},
                },
            }
        )


@pytest.fixture
async def people(context: SlackContext, stub: Stub) -> AsyncIterator[People]:
    runner, url = await serve(web.post("/slack/events", slack_events(build_app(context))))
    async with ClientSession() as session:
        yield People(f"{url}/slack/events", session, stub)
    await runner.cleanup()


async def until(what: Callable[[], Any], seconds: float = 5.0) -> Any:
    """Wait for something that happens after an ack, with a bound."""
    async with asyncio.timeout(seconds):
        while not (found := what()):
            await asyncio.sleep(0.005)
    return found
