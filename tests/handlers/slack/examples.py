"""A policy, requests, incidents and views to render, and how a reader sees what came of it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

from bot.domain.approval import Approval, ApprovalState, SecondFactor
from bot.domain.artifact import Artifact
from bot.domain.change_request import Actor, ChangeRequest, Closing, Kind, RequestState
from bot.domain.environment import Colour, EnvironmentStatus, MonitorState
from bot.domain.incident import Incident, IncidentState
from bot.domain.outcome import Citation, GateOutcome, Readiness, Status
from bot.domain.quorum import Quorum, SeatHeld
from bot.flows.inquire import IncidentView, RequestView
from bot.gates import GATES
from bot.policy import Policy, parse
from handlers.slack.blocks import Message
from sandbox.limits import block_flaws, view_flaws

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


READY = readiness(*PASSED)
WAITING = replace(readiness(*PASSED, CLOSED), earliest=CLOSED.until)
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
