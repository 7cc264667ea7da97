"""The policy of the flow tests: close to the contract's shape, and complete in itself."""

from pathlib import Path

from bot.gates import GATES
from bot.policy import Policy, parse

POLICY = """\
version: 1
organization: acme
timezone: America/New_York
slack:
  channels: {approvals: deployments, incidents: incidents, announcements: releases}
people:
  ada: {slack: U01ADA, github: ada-l, email: ada@acme.example}
  bo:  {slack: U02BO, github: bo-r}
  cy:  {slack: U03CY, github: cy-m}
  vic: {slack: U04VIC, github: vic-e}
  lin: {slack: U05LIN, github: lin-q}
  sam: {slack: U06SAM, github: sam-k}
roles:
  engineer:        {people: "*"}
  platform-lead:   {people: [ada, vic]}
  release-manager: {people: [bo, sam]}
  on-call-sre:     {on_call: primary}
services:
  checkout:
    image: registry.acme.example/checkout
    deployer: {command: {start: [./deploy.sh, "{environment}", "{artifact}"]}}
  pages: {}
environments:
  production:
    kind: production
    promotes_from: staging
    gates:
      staging-verified:   {in: staging}
      soak:               {in: staging, for: 1h}
      vulnerabilities:    {forbid: [critical, high], scanned_within: 30d}
      immutable-artifact: {}
      calendar:           {}
      no-open-incident:   {}
      environments-green: {environments: [production, staging]}
      rollback-target:    {}
      ticket:             {pattern: "^CHG-[0-9]+$"}
    approval:
      seats:
        - {role: [platform-lead, release-manager]}
        - {role: [platform-lead, on-call-sre]}
      minimum: 2
      exclude: [requester, commit-authors]
      second_factor: {methods: [totp]}
      expires: 24h
    monitors:
      - {name: api, component: backend, http: {url: "https://checkout.acme.example/health"}, every: 30s, fail_after: 3, pass_after: 2, stale_after: 365d}
      - {name: db,  component: database, http: {url: "https://checkout.acme.example/db"}, every: 30s, fail_after: 1, pass_after: 1, stale_after: 365d}
    severity: P0
  staging:
    kind: staging
    gates: {immutable-artifact: {}, calendar: {}}
    approval: {seats: [], minimum: 0, expires: 24h}
    monitors:
      - {name: status, file: staging.status, every: 30s, stale_after: 365d}
    severity: P2
  dev:
    kind: development
    gates: {}
    approval: {seats: [], minimum: 0}
    monitors:
      - {name: smoke, http: {url: "https://dev.acme.example/health"}, every: 30s, fail_after: 1, timeout: 5s}
calendar:
  outside_windows: prohibit
  windows:
    - {name: standard, environments: [production], start: "0 10 * * TUE-THU", until: "14:00", effect: prefer}
    - {name: weekdays, environments: [production], start: "0 0 * * MON-FRI", until: "24:00"}
  restrictions:
    - {name: friday-afternoon, environments: [production], start: "0 14 * * FRI", until: "24:00", effect: discourage}
    - {name: weekend, environments: [production], start: "0 0 * * SAT", until: "MON 00:00", effect: prohibit}
  freezes:
    - {name: peak-trading, environments: [production], from: "2026-11-23", to: "2026-12-01", effect: prohibit}
on_call:
  primary: {rotation: {people: [cy, bo, ada], handoff: "0 9 * * MON", starts: "2026-11-09"}}
escalation:
  - {notify: [on_call: primary], within: 5m}
severities: {P0: 5m, P1: 15m, P2: 1h, P3: 24h}
"""


def policy_of(*changes: tuple[str, str]) -> Policy:
    """The policy, with each `(old, new)` replaced; an `old` that does not stand there is an error of the test."""
    text = POLICY
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return parse(
        text, "policy.yaml", {name: gate.parameters for name, gate in GATES.items()}, Path("/nowhere")
    )


NO_SEATS = (
    """\
      seats:
        - {role: [platform-lead, release-manager]}
        - {role: [platform-lead, on-call-sre]}
      minimum: 2
""",
    """\
      seats: []
      minimum: 0
""",
)
ONE_SEAT = (NO_SEATS[0], "      seats: [{role: [platform-lead, release-manager]}]\n      minimum: 1\n")
ON_CALL_SEAT = (NO_SEATS[0], "      seats: [{role: on-call-sre}]\n      minimum: 1\n")
LEFT_TO_PEOPLE = (
    "    severity: P0\n",
    "    severity: P0\n    rollout: {automatic_rollback: false}\n",
)
"""What fails in production is not taken back by itself."""
AUTHORS_MAY = ("exclude: [requester, commit-authors]", "exclude: [requester]")
REWORDED = ("organization: acme", "organization: acme-corp")
"""Another policy in nothing but its digest."""
