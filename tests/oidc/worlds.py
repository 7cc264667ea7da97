"""Policies and intents for tests of logins."""

from datetime import datetime
from pathlib import Path

from bot.domain.second_factor import CHALLENGE_LASTS, Challenge, Intent, Method, Purpose
from bot.gates import GATES
from bot.policy import Policy, parse

LOGIN = "{acr: ['urn:test:mfa'], amr: [mfa]}"
TEXT = """\
version: 1
organization: acme
timezone: UTC
people: {{ada: {{oidc: ada-subject}}, bo: {{oidc: bo-subject}}}}
roles: {{lead: {role}}}
second_factors: {{{login}}}
services: {{checkout: {{}}}}
environments:
  production: {{kind: production, gates: {{calendar: {{}}}}, approval: {{seats: [{{role: lead}}], minimum: 1, expires: 24h}}}}
"""
BY_NAME, BY_OIDC = "{people: [ada, bo]}", "{oidc_role: Deploy.PlatformLead}"


def policy(login: str | None = LOGIN, role: str = BY_NAME) -> Policy:
    """A small policy; `login` is second_factors.login, None without any."""
    said = "" if login is None else f"login: {login}"
    text = TEXT.format(login=said, role=role)
    return parse(text, "policy.yaml", {name: gate.parameters for name, gate in GATES.items()}, Path())


class InForce:
    """Implements ports.PolicyInForce."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy


def asked(at: datetime) -> tuple[Challenge, Intent]:
    """A challenge that was asked at `at`, and what it is for."""
    intent = Intent(
        id="0" * 64,
        purpose=Purpose.APPROVE,
        person="ada",
        via="slack:T1/U01ADA",
        created_at=at,
        expires_at=at + 5 * CHALLENGE_LASTS,
        request="DEP-1",
        revision=1,
        fingerprint="sha256:" + "ab" * 32,
    )
    challenge = Challenge(
        id="A" * 22,
        intent=intent.id,
        method=Method.OIDC.value,
        nonce="n" * 43,
        created_at=at,
        expires_at=at + CHALLENGE_LASTS,
    )
    return challenge, intent
