"""What is not from Slack, or from nobody we know, is refused, and nothing is written."""

import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import aiohttp
from slack_sdk.signature import SignatureVerifier

from tests.scenarios.hands import EVE, LIN
from tests.scenarios.stage import GOOD, Stage

FORM = "application/x-www-form-urlencoded"


def command(**other: str) -> dict[str, str]:
    """What Slack posts for a slash command."""
    return {
        "command": "/deploy",
        "text": f"request catalogue {GOOD} ticket=CHG-1",
        "team_id": "T01ACME",
        "user_id": LIN,
        "channel_id": "C01DEPLOY",
        "trigger_id": "1.2.3",
        "api_app_id": "A00PORT",
        **other,
    }


def signed(stage: Stage, body: str, *, age: int = 0, secret: str | None = None) -> dict[str, str]:
    """Headers as Slack makes them, `age` seconds ago."""
    stamp = str(int(time.time()) - age)
    verifier = SignatureVerifier(secret or stage.environment["SLACK_SIGNING_SECRET"])
    signature = verifier.generate_signature(timestamp=stamp, body=body)
    assert signature is not None
    return {"Content-Type": FORM, "X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": signature}


async def post(stage: Stage, body: str, headers: Mapping[str, str]) -> tuple[int, str]:
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            stage.bot_url + "/slack/events", data=body.encode("utf-8", "surrogateescape"), headers=headers
        ) as answer,
    ):
        return answer.status, await answer.text()


async def test_a_rightly_signed_command_is_taken(stage: Stage) -> None:
    body = urlencode(command())
    assert (await post(stage, body, signed(stage, body)))[0] == 200
    await stage.card("DEP-1", "Approve")


REFUSED: list[tuple[str, int]] = [
    ("forged", 401),
    ("another body", 401),
    ("stale", 401),
    ("from the future", 401),
    ("no signature", 401),
    ("no timestamp", 401),
    ("a timestamp that is none", 401),
    ("no form", 400),
    ("not UTF-8", 400),
    ("empty", 401),
]


def shaped(stage: Stage, how: str) -> tuple[str, dict[str, str]]:
    """One bad request, by what is wrong with it."""
    body = urlencode(command())
    headers = signed(stage, body)
    match how:
        case "forged":
            return body, signed(stage, body, secret="0" * 32)
        case "another body":
            return body.replace("CHG-1", "CHG-2"), headers
        case "stale":
            return body, signed(stage, body, age=301)
        case "from the future":
            return body, signed(stage, body, age=-301)
        case "no signature":
            return body, {k: v for k, v in headers.items() if k != "X-Slack-Signature"}
        case "no timestamp":
            return body, {k: v for k, v in headers.items() if k != "X-Slack-Request-Timestamp"}
        case "a timestamp that is none":
            return body, headers | {"X-Slack-Request-Timestamp": "now"}
        case "no form":
            return body, headers | {"Content-Type": "image/png"}
        case "not UTF-8":
            return "\udcff", headers
        case _:
            return "", {"Content-Type": FORM}


async def test_what_is_not_signed_as_slack_signs_is_refused_and_nothing_is_written(stage: Stage) -> None:
    before = await stage.written()
    for how, status in REFUSED:
        body, headers = shaped(stage, how)
        found, sentence = await post(stage, body, headers)
        assert found == status, how
        assert len(sentence.strip().splitlines()) == 1, how
        assert await stage.written() == before, how


MALFORMED: list[str] = [
    "payload=not+json",
    "payload=%5B1%5D",
    "payload=" + "%7B" * 2000,
    urlencode({"payload": json.dumps({"type": "block_actions", "actions": [{"action_id": "request_approve"}]})}),
    urlencode({"payload": json.dumps({"type": "view_submission", "view": {"callback_id": "deploy_approve"}})}),
    urlencode({"command": "/deploy"}),
    "just words",
]  # fmt: skip


async def test_a_signed_body_that_is_not_slacks_is_answered_and_nothing_is_written(stage: Stage) -> None:
    before = await stage.written()
    for body in MALFORMED:
        status, _ = await post(stage, body, signed(stage, body))
        assert status in (200, 400, 404, 500), body  # only who holds the signing secret can send this
        assert await stage.written() == before, body
    assert await stage.deploy(LIN, "help")


async def test_a_signed_replay_decides_nothing_new(stage: Stage) -> None:
    body = urlencode(command())
    headers = signed(stage, body)
    await post(stage, body, headers)
    await stage.card("DEP-1", "Approve")
    await stage.quiet()
    before = await stage.written()
    status, text = await post(stage, body, headers)
    assert status == 200
    assert "DEP-1" in text
    assert (await stage.written())["head"] == before["head"]


async def test_another_workspace_is_nobody_here(stage: Stage) -> None:
    before = await stage.written()
    for text in (f"request catalogue {GOOD} ticket=CHG-1", "request"):
        body = urlencode(command(team_id="T99OTHER", user_id="U99OTHER", text=text))
        status, answer = await post(stage, body, signed(stage, body))
        said: dict[str, Any] = json.loads(answer)
        assert status == 200
        assert said["response_type"] == "ephemeral"
        assert "nothing was done" in said["text"]
    assert await stage.written() == before


async def test_a_known_user_id_of_another_workspace_is_nobody_here(stage: Stage) -> None:
    async def learnt() -> Any:
        return await stage.read(lambda tx: tx.place("slack", "workspace"))

    assert await stage.people.wait_for(learnt, what="the bot to learn its workspace") == {"team": "T01ACME"}
    before = await stage.written()
    body = urlencode(command(team_id="T99OTHER", text=f"request catalogue {GOOD} ticket=CHG-1"))
    status, answer = await post(stage, body, signed(stage, body))
    assert status == 200
    assert "workspace" in json.loads(answer)["text"]
    assert await stage.written() == before


async def test_somebody_whom_the_policy_does_not_name_can_do_nothing(stage: Stage) -> None:
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")
    card = await stage.card(request, "Approve")
    newer = await stage.publish()
    await stage.quiet()
    before = await stage.written()
    for text in (
        f"request catalogue {newer} ticket=CHG-1",
        "request",
        f"cancel {request}",
        f"start {request}",
    ):
        answer = await stage.deploy(EVE, text)
        assert "stands for nobody in the policy" in answer, text
        assert EVE in answer
    for button in ("Approve", "Reject"):
        await stage.press(EVE, button, card)
        await stage.told(EVE, "stands for nobody")
        assert await stage.people.modal(EVE) is None
    assert await stage.written() == before
