"""What Slack posts, made by hand: commands, clicks and forms, rightly signed or not, and posted wherever one likes."""

import itertools
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import aiohttp
from slack_sdk.signature import SignatureVerifier

from tests.scenarios.hands import DEPLOYMENTS
from tests.scenarios.stage import Stage

FORM = "application/x-www-form-urlencoded"
TEAM, APP = "T01ACME", "A00PORT"
Payload = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Heard:
    """What the bot answered."""

    status: int
    text: str

    @property
    def said(self) -> Any:
        """The answer as JSON; nothing where it is empty."""
        return json.loads(self.text) if self.text else {}


@dataclass
class Forger:
    """Whoever can reach the bot's address. `secret` is what the payloads are signed with; None: Slack's own."""

    stage: Stage
    secret: str | None = None
    numbers: Any = field(default_factory=itertools.count)

    # What is said

    def command(self, user: str, text: str, **other: str) -> str:
        """The body of a slash command."""
        number = next(self.numbers)
        usual = {
            "command": "/deploy",
            "text": text,
            "team_id": TEAM,
            "user_id": user,
            "channel_id": DEPLOYMENTS,
            "trigger_id": f"1.2.{number}",
            "api_app_id": APP,
        }
        return urlencode(usual | other)

    def press(self, who: str, action: str, value: str, **other: Any) -> str:
        """The body of a click on a button."""
        number = next(self.numbers)
        element = {"action_id": action, "value": value, "type": "button", "block_id": "b"}
        return self.payload(
            "block_actions",
            who,
            {"actions": [element | {"action_ts": f"1700000000.{number:06}"}], "trigger_id": f"3.4.{number}"},
            other,
        )

    def form(
        self, who: str, callback: str, metadata: Mapping[str, Any], values: Mapping[str, str], **other: Any
    ) -> str:
        """The body of a modal that was sent."""
        state = {
            block: {"value": {"type": "plain_text_input", "value": text}} for block, text in values.items()
        }
        view = {
            "id": f"V{next(self.numbers):06}",
            "type": "modal",
            "callback_id": callback,
            "private_metadata": json.dumps(metadata),
            "state": {"values": state},
        }
        return self.payload("view_submission", who, {"view": view}, other)

    def payload(self, kind: str, who: str, more: Payload, other: Payload) -> str:
        """An interaction's body; `other` changes what it says of itself."""
        about: Payload = {
            "type": kind,
            "user": {"id": who, "username": "x", "team_id": TEAM},
            "team": {"id": TEAM, "domain": "acme"},
            "api_app_id": APP,
        }
        return urlencode({"payload": json.dumps(about | more | other)})

    # How it is sent

    def headers(self, body: str, *, age: int = 0) -> dict[str, str]:
        """Headers as Slack makes them, so many seconds ago."""
        stamp = str(int(time.time()) - age)
        verifier = SignatureVerifier(self.secret or self.stage.environment["SLACK_SIGNING_SECRET"])
        signature = verifier.generate_signature(timestamp=stamp, body=body)
        assert signature is not None
        return {"Content-Type": FORM, "X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": signature}

    async def post(
        self, body: str, headers: Mapping[str, str] | None = None, *, url: str | None = None
    ) -> Heard:
        """Post it, signed unless `headers` say otherwise; `url`: another process of the bot."""
        said = self.headers(body) if headers is None else headers
        to = (url or self.stage.bot_url) + "/slack/events"
        async with (
            aiohttp.ClientSession() as session,
            session.post(to, data=body.encode(), headers=said) as answer,
        ):
            return Heard(answer.status, await answer.text())
