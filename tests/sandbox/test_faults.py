"""Faults happen as often as they were armed, to the method they were armed for, and are seen in the inspector."""

import aiohttp
import pytest
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.client import WaitedInVain
from sandbox.server import Sandbox
from sandbox.shapes import Refused
from sandbox.workspace import Workspace


async def test_a_rate_limit_says_when_to_come_back_and_ends(sandbox, client, api):
    await client.fault("429", method="chat.postMessage", retry_after=7)
    async with aiohttp.ClientSession() as session:
        headers = {"Authorization": "Bearer xoxb-bot-1"}
        async with session.post(f"{sandbox.api_url}chat.postMessage", json={}, headers=headers) as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (429, "7")
    assert (await api("chat.postMessage", channel="C01DEP", text="now"))["ok"]


async def test_the_sdks_retry_handler_gets_through_a_rate_limit(sandbox, client):
    await client.fault("429", method="chat.postMessage", retry_after=0)
    web_client = AsyncWebClient(
        token="xoxb-bot-1",
        base_url=sandbox.api_url,
        retry_handlers=[AsyncRateLimitErrorRetryHandler(max_retry_count=1)],
    )
    assert (await web_client.chat_postMessage(channel="C01DEP", text="through"))["ok"]


async def test_a_fault_meets_only_its_method(client, api):
    await client.fault("ok_false", method="views.open", error="internal_error")
    assert (await api("auth.test"))["ok"]
    assert (await api("views.open"))["error"] == "internal_error"
    assert (await api("views.open"))["error"] == "invalid_arguments"


async def test_a_500_posts_nothing(client, sandbox):
    await client.fault("500", times=2)
    url = f"{sandbox.api_url}chat.postMessage"
    async with aiohttp.ClientSession() as session, session.post(url) as answer:
        assert answer.status == 500
    await client.clear_faults()
    assert await client.messages("deployments") == []


async def test_reset_after_accept_posts_and_drops_the_connection(client, api):
    await client.fault("reset_after_accept", method="chat.postMessage")
    with pytest.raises(aiohttp.ClientError):
        await api("chat.postMessage", channel="C01DEP", text="did it arrive?")
    assert [one["text"] for one in await client.messages("deployments")] == ["did it arrive?"]


async def test_a_hang_is_slow_and_then_works(client, api):
    await client.fault("hang", method="auth.test", seconds=0.2)
    assert (await api("auth.test"))["ok"]
    [call] = await client.requests()
    assert call["elapsed_ms"] >= 200
    assert call["note"] == "fault: hang"


async def test_an_unknown_fault_is_refused(client):
    with pytest.raises(Refused, match="no such fault: gremlin"):
        await client.fault("gremlin")


async def test_waiting_returns_what_was_waited_for_as_soon_as_it_is_there(client, api):
    await api("chat.postMessage", channel="C01DEP", text="one")
    said = await client.wait_for(lambda: client.messages("deployments"), what="a message")
    assert said[0]["text"] == "one"


async def test_waiting_in_vain_tells_what_and_what_was_said_instead(client, api):
    await api("chat.postMessage", channel="C01DEP", text="something else")
    with pytest.raises(WaitedInVain, match=r"(?s)for an approval, in vain.*#deployments: something else"):
        await client.wait_for(lambda: False, what="an approval", timeout=0.2)


async def test_strict_rate_refuses_a_burst_in_one_channel():
    cast = {
        "people": [{"id": "U1", "name": "ada", "real_name": "Ada"}],
        "channels": [{"id": "C1", "name": "a"}, {"id": "C2", "name": "b"}],
    }
    sandbox = Sandbox(
        Workspace.from_mapping(cast),
        signing_secret="s",
        bot_token="xoxb",
        app_token="xapp",
        manifest=None,
        events_url=None,
        strict_rate=True,
    )
    await sandbox.start()
    try:
        async with aiohttp.ClientSession(headers={"Authorization": "Bearer xoxb"}) as session:
            statuses = []
            for channel in ("C1", "C1", "C1", "C1", "C2"):
                url = f"{sandbox.api_url}chat.postMessage"
                async with session.post(url, json={"channel": channel, "text": "x"}) as answer:
                    statuses.append((answer.status, answer.headers.get("Retry-After")))
        assert statuses == [(200, None)] * 3 + [(429, "1"), (200, None)]
    finally:
        await sandbox.stop()
