"""Everything outside that a walk over free texts needs: what asks the bot, what it asks, and a policy with such words."""

import json
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

from sandbox.mail import MailServer
from sandbox.pagerduty import FakePagerDuty
from tests.attacks.conftest import Make
from tests.attacks.free_text import evil
from tests.attacks.free_text_on_call import worse
from tests.scenarios.stage import Stage

KEY, TOKEN, SECRET = "routing-key-0123456789", "api-token-0123456789", "hook-secret-0123456789"
LINES = f"{evil('pname')}\r\nBcc: eve@evil.example\r\n\r\n.\r\n"
"""A name that would begin another header, and end a mail."""
CHECK = f"#!/bin/sh\nprintf '%s\\n' '{evil('xearlier')}' '{worse('checkline').splitlines()[0]}'\nexit 3\n"


HEARTBEAT = "      - {name: nightly, component: jobs, heartbeat: {every: 1h}}\n"


def quoted(text: str) -> str:
    """As a text of YAML."""
    return json.dumps(text)


@dataclass
class Elsewhere:
    """Everything that the bot asks and tells outside Slack, and all that it was told."""

    pagerduty: FakePagerDuty
    mail: MailServer
    url: str = ""
    posted: list[dict[str, Any]] = field(default_factory=list)

    async def hook(self, request: web.Request) -> web.Response:
        self.posted.append(await request.json())
        return web.Response()

    async def health(self, _: web.Request) -> web.Response:
        said = evil("xunhealthy")
        return web.json_response(
            {"status": said, "checks": {said: said, "errors": [said]}, "timestamp": said}
        )

    async def query(self, request: web.Request) -> web.Response:
        asked = str((await request.post())["query"])
        if evil("xquery") in asked:
            return web.json_response({"status": "error", "error": evil("xpromerror")}, status=400)
        series = [{"metric": {"job": evil("xpromseries"), evil("xpromseries"): "x"}, "value": [1.0, "9"]}]
        return web.json_response({"status": "success", "data": {"resultType": "vector", "result": series}})


def monitors(health: str) -> str:
    """Of every other kind one on dev, each a component of its own, so that each is told of."""
    quick = "every: 1s, fail_after: 1, pass_after: 1"
    matchers = f"{{environment: dev, {quoted('team')}: {quoted(evil('xmatcher'))}}}"
    query = quoted("absent(" + evil("xquery") + ")")
    return f"""\
      - {{name: alerts, component: cluster, alertmanager: {{matchers: {matchers}}}}}
      - {{name: check, component: script, command: [sh, check.sh, {quoted(evil("xcmdword"))}], {quick}}}
      - {{name: api, component: shop, http: {{url: "{health}", contract: true, allow_private: true}}, {quick}}}
      - {{name: refused, component: metrics, prometheus: {{query: {query}, fail_above: 1}}, {quick}}}
      - {{name: high, component: load, prometheus: {{query: "up", fail_above: 1}}, {quick}}}
    owner: cy
    writes: written/dev.status
    severity: P3
"""


def policy_edits(health: str, rest: str) -> tuple[tuple[str, str], ...]:
    """The example's policy with such words in it; `rest` are sections of its own."""
    turns = 'rotation: {people: [cy], handoff: "0 9 * * MON"}'
    change = 'environment: production, gates: {ticket: {pattern: "^CHG-[0-9]+$"}}, approval: {seats: [{role: platform-lead}]}'
    return (
        (OPEN, ""),  # `rest` says who may see it
        ("organization: acme\n", f"organization: {quoted(evil('porg'))}\n"),
        ("name: Cy}", f"name: {quoted(LINES)}}}"),
        ("    severity: P2\n", f"{HEARTBEAT}    severity: P2\n"),
        ("    severity: P3\n", monitors(health)),
        (f"    {turns}", f"    layers:\n      - {{name: {quoted(evil('player'))}, {turns}}}"),
        ("contacts: {primary: cy,", f"state_change: {{{change}}}\n{rest}contacts: {{primary: cy,"),
    )


OPEN = "status_page: {readers: public}      # everybody who reaches the port, without names of people\n"
CONFIGURED = """\
status_page: {readers: public, markdown: status.md}
incidents: {pages: [hook], tickets: {webhook: hook}}
escalation:
  - {notify: [on_call: primary, pagerduty: default, webhook: hook], within: 5m}
  - {notify: [person: ada], within: 5m}
"""


def nowhere() -> str:
    """Sections that name places which the settings do not know."""
    pages, ticket, pager, hook = (quoted(evil(mark)) for mark in ("ppages", "pticket", "ppager", "phook"))
    channel = quoted("#" + evil("pchannel"))
    return f"""\
incidents: {{pages: [{pages}], tickets: {{webhook: {ticket}}}}}
escalation:
  - {{notify: [channel: {channel}, pagerduty: {pager}, webhook: {hook}], within: 5m}}
  - {{notify: [person: ada], within: 5m}}
"""


async def opened(make_stage: Make, elsewhere: Elsewhere, rest: str) -> Stage:
    """A stage with everything outside, and monitors that say what they like."""
    stage = await make_stage(*policy_edits(f"{elsewhere.url}/health", rest), started=False)
    stage.environment |= {
        "PORTCULLIS_PAGERDUTY_KEYS": f"default={KEY}",
        "PORTCULLIS_PAGERDUTY_API_TOKEN": TOKEN,
        "PORTCULLIS_PAGERDUTY_WEBHOOK_SECRETS": f"main={SECRET}",
        "PORTCULLIS_PAGERDUTY_EVENTS_URL": elsewhere.pagerduty.url,
        "PORTCULLIS_PAGERDUTY_API_URL": elsewhere.pagerduty.url,
        "PORTCULLIS_SMTP_URL": f"smtp://127.0.0.1:{elsewhere.mail.port}",
        "PORTCULLIS_MAIL_FROM": "portcullis@acme.example",
        "PORTCULLIS_WEBHOOKS": f"hook={elsewhere.url}/hook",
        "PORTCULLIS_WEBHOOK_SECRETS": "hook=siren-secret-0123456789",
        "PORTCULLIS_PROMETHEUS_URL": f"{elsewhere.url}/prometheus/",
    }
    (stage.folder / "check.sh").write_text(CHECK, encoding="utf-8")
    await stage.start()
    await stage.begin()
    elsewhere.pagerduty.subscribe(f"{stage.bot_url}/pagerduty/webhooks", SECRET)
    return stage


async def told(stage: Stage, path: str, body: Any) -> tuple[int, str, str]:
    """Tell the bot something as a program does; the status, the type and the text that it answers."""
    headers = {"Authorization": f"Bearer {stage.world.token}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(stage.bot_url + path, json=body) as answer,
    ):
        text = await answer.text()
        assert isinstance(json.loads(text), dict), text
        return answer.status, answer.content_type, text
