"""A policy whose monitors are told, for the tests of the addresses that tell them."""

from pathlib import Path

from bot.gates import GATES
from bot.policy import Policy, parse

TEXT = """\
version: 1
timezone: Europe/Berlin
environments:
  production:
    gates: {}
    monitors:
      - {name: backup, heartbeat: {every: 1d}}
      - {name: nightly, heartbeat: {every: 1h}}
      - {name: alerts, alertmanager: {matchers: {environment: production}}}
      - {name: api, http: {url: "https://api.example/health"}}
    severity: P0
  staging:
    kind: staging
    gates: {}
    monitors:
      - {name: nightly, heartbeat: {every: 1h}}
      - {name: alerts, alertmanager: {matchers: {environment: staging}}}
"""


def told_policy() -> Policy:
    """The policy."""
    return parse(
        TEXT, "policy.yaml", {name: gate.parameters for name, gate in GATES.items()}, Path("/nowhere")
    )
