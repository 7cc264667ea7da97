"""Socket Mode: one-time tickets, hello, envelopes to one connection of several, acknowledgements, goodbye."""

import asyncio
import contextlib

import aiohttp
import pytest
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient

APP_TOKEN = "xapp-app-1"


@pytest.fixture
async def connect(api):
    """Opens connections, each past its hello."""
    async with aiohttp.ClientSession() as session:
        sockets = []

        async def open_one():
            url = (await api("apps.connections.open", token=APP_TOKEN))["url"]
            socket = await session.ws_connect(url)
            sockets.append(socket)
            return socket, await socket.receive_json()

        yield open_one
        for socket in sockets:
            await socket.close()


async def test_a_connection_greets_and_its_address_works_once(api, sandbox):
    url = (await api("apps.connections.open", token=APP_TOKEN))["url"]
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        hello = await socket.receive_json()
        assert (hello["type"], hello["num_connections"]) == ("hello", 1)
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(url)


async def test_a_command_goes_to_one_socket_and_its_answer_is_shown(client, connect, stub):
    first, _ = await connect()
    second, _ = await connect()
    got = []

    async def answer(socket):
        with contextlib.suppress(asyncio.CancelledError):
            envelope = await socket.receive_json()
            got.append(envelope)
            reply = {"envelope_id": envelope["envelope_id"], "payload": {"text": "by socket"}}
            await socket.send_json(reply)

    readers = [asyncio.create_task(answer(one)) for one in (first, second)]
    delivered = await client.command("ada", "status", channel="deployments")
    for one in readers:
        one.cancel()
    await asyncio.gather(*readers)
    assert delivered.acknowledged
    [envelope] = got
    assert (envelope["type"], envelope["accepts_response_payload"]) == ("slash_commands", True)
    assert envelope["payload"]["text"] == "status"
    assert [one["text"] for one in await client.ephemerals("ada")] == ["by socket"]
    assert stub.received == []


async def test_an_unacknowledged_event_comes_again_with_the_attempt(client, connect):
    socket, _ = await connect()
    task = asyncio.create_task(client.open_home("ada"))
    first = await socket.receive_json()
    second = await socket.receive_json()
    await socket.send_json({"envelope_id": second["envelope_id"]})
    delivered = await task
    assert (first["retry_attempt"], second["retry_attempt"], second["retry_reason"]) == (0, 1, "timeout")
    assert first["payload"]["event_id"] == second["payload"]["event_id"]
    assert (delivered.acknowledged, delivered.attempts) == (True, 2)


async def test_an_unacknowledged_command_times_out(client, connect):
    await connect()
    assert (await client.command("ada", "", channel="deployments")).error == "operation_timeout"


async def test_close_socket_says_why_and_http_takes_over(client, connect, stub):
    socket, _ = await connect()
    closing = asyncio.create_task(client.fault("close_socket", reason="refresh_requested"))
    goodbye = await socket.receive_json()
    assert goodbye == {"type": "disconnect", "reason": "refresh_requested"}
    assert (await socket.receive()).type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED}
    await closing
    await client.command("ada", "", channel="deployments")
    assert len(stub.received) == 1


async def test_the_eleventh_connection_is_one_too_many(connect):
    for _ in range(10):
        await connect()
    _, greeting = await connect()
    assert greeting == {"type": "disconnect", "reason": "too_many_websockets"}


async def test_the_sdks_own_client_answers(client, sandbox):
    heard = asyncio.Event()

    async def listen(mode, request):
        await mode.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))
        heard.set()

    web_client = AsyncWebClient(token=APP_TOKEN, base_url=sandbox.api_url)
    mode = SocketModeClient(app_token=APP_TOKEN, web_client=web_client, ping_interval=0.1)
    mode.socket_mode_request_listeners.append(listen)
    await mode.connect()
    try:
        delivered = await client.command("ada", "", channel="deployments")
        assert delivered.acknowledged
        assert heard.is_set()
        assert await mode.is_connected()
    finally:
        await mode.close()
