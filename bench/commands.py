"""Signed slash commands as Slack posts them: every one with its own trigger and asking for its own artifact."""

import hashlib
import hmac
import time
from dataclasses import dataclass
from urllib.parse import quote, urlencode

SIGNING_SECRET = "bench-signing-secret-0123456789abcdef"
BOT_TOKEN = "xoxb-1-bench"
TEAM, CHANNEL, REQUESTER = "T01BENCH", "C01BENCH", "U03CY"
SERVICE, ENVIRONMENT = "checkout", "production"


@dataclass(frozen=True, slots=True)
class Commands:
    """Writes the bytes of one HTTP request after another; `seed` keeps the rounds apart."""

    host: str
    seed: str
    response_origin: str

    def request(self, number: int) -> bytes:
        """`/deploy request` number `number`, signed at this moment."""
        tag = hashlib.sha256(f"{self.seed}/{number}".encode()).hexdigest()[:12]
        body = self.body(number, f"request {SERVICE} {tag} {ENVIRONMENT} ticket=CHG-1234 the weekly release")
        stamp = str(int(time.time()))
        head = (
            f"POST /slack/events HTTP/1.1\r\nHost: {self.host}\r\nContent-Length: {len(body)}\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\nUser-Agent: Slackbot 1.0\r\nAccept: */*\r\n"
            f"X-Slack-Request-Timestamp: {stamp}\r\nX-Slack-Signature: {signature(stamp, body)}\r\n\r\n"
        )
        return head.encode() + body

    def body(self, number: int, text: str) -> bytes:
        """The form with all the fields that Slack sends."""
        unique = f"{self.seed}.{number}"
        form = {
            "token": "not-used-any-more",
            "team_id": TEAM,
            "team_domain": "bench",
            "channel_id": CHANNEL,
            "channel_name": "deployments",
            "user_id": REQUESTER,
            "user_name": "cy",
            "command": "/deploy",
            "text": text,
            "api_app_id": "A01BENCH",
            "is_enterprise_install": "false",
            "response_url": f"{self.response_origin}/commands/{TEAM}/{unique}",
            "trigger_id": unique,
        }
        return urlencode(form, quote_via=quote).encode()


def signature(stamp: str, body: bytes) -> str:
    """Slack's signature of a body, version 0."""
    signed = hmac.new(SIGNING_SECRET.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256)
    return "v0=" + signed.hexdigest()
