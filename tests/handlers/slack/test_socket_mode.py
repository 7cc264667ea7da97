"""Socket Mode against a stand-in that opens sockets, closes them and loses acks."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import WSMsgType, web

from handlers.slack.app import build_app
from handlers.slack.context import SlackContext
from handlers.slack.socket_mode import SocketMode
from storage.ledger import Ledger
from tests.handlers.slack.conftest import serve, until
from tests.handlers.slack.examples import TEAM


@dataclass
class Sockets:
    """apps.connections.open and the sockets behind it."""

    url: str = ""
    tokens: list[str] = field(default_factory=list)
    open: list[web.WebSocketResponse] = field(default_factory=list)
    acks: list[dict[str, Any]] = field(default_factory=list)

    async def connections_open(self, request: web.Request) -> web.Response:
        self.tokens.append(request.headers.get("Authorization", ""))
        return web.json_response(
            {"ok": True, "url": f"{self.url.replace('http', 'ws')}/socket?ticket=secret-ticket"}
        )

    async def socket(self, request: web.Request) -> web.WebSocketResponse:
        made = web.WebSocketResponse()
        await made.prepare(request)
        self.open.append(made)
        await made.send_json({"type": "hello", "num_connections": len(self.open)})
        async for message in made:
            if message.type is WSMsgType.TEXT:
                self.acks.append(message.json())
        self.open.remove(made)
        return made


@pytest.fixture
async def sockets() -> AsyncIterator[Sockets]:
    made = Sockets()
    runner, made.url = await serve(
        web.post("/api/apps.connections.open", made.connections_open), web.get("/socket", made.socket)
    )
    yield made
    for one in list(made.open):
        await one.close()
    await runner.cleanup()


def envelope(trigger: str, envelope_id: str) -> dict[str, Any]:
    payload = {
        "command": "/deploy",
        "text": "request checkout 7a3f9c2",
        "user_id": "U01LIN",
        "team_id": TEAM,
        "channel_id": "C0TALK",
        "trigger_id": trigger,
    }
    return {
        "type": "slash_commands",
        "envelope_id": envelope_id,
        "payload": payload,
        "accepts_response_payload": True,
    }


async def test_a_command_by_socket_is_durable_acknowledged_and_counts_once(
    context: SlackContext, sockets: Sockets, ledger: Ledger
) -> None:
    mode = SocketMode(build_app(context), "xapp-test", base_url=f"{sockets.url}/api/")
    assert mode.connected() == 0
    await mode.start()
    try:
        await until(lambda: mode.connected() == 2 and len(sockets.open) == 2)
        first, second = sockets.open
        await first.send_json(envelope("1.same", "e1"))
        await until(lambda: sockets.acks)
        await second.send_json(envelope("1.same", "e2"))
        await until(lambda: len(sockets.acks) == 2)
    finally:
        await mode.stop()
    assert sockets.tokens == ["Bearer xapp-test"] * 2
    assert [ack["envelope_id"] for ack in sockets.acks] == ["e1", "e2"]
    assert "DEP-1" in sockets.acks[0]["payload"]["text"]
    assert "was asked for already" in sockets.acks[1]["payload"]["text"]
    assert len(await ledger.read(lambda tx: tx.requests.newest(limit=9))) == 1
    assert mode.connected() == 0


async def test_a_closed_socket_is_opened_again_while_the_other_stands(
    context: SlackContext, sockets: Sockets
) -> None:
    mode = SocketMode(build_app(context), "xapp-test", base_url=f"{sockets.url}/api/")
    await mode.start()
    try:
        await until(lambda: len(sockets.open) == 2)
        await sockets.open[0].send_json({"type": "disconnect", "reason": "refresh_requested"})
        await until(lambda: len(sockets.tokens) == 3 and mode.connected() == 2)
    finally:
        await mode.stop()


async def test_starting_does_not_wait_for_slack_and_stopping_does_not_hang(context: SlackContext) -> None:
    mode = SocketMode(build_app(context), "xapp-test", base_url="http://127.0.0.1:9/api/")
    async with asyncio.timeout(5):
        await mode.start()
        assert mode.connected() == 0
        await mode.stop()


@pytest.mark.parametrize("connections", [0, 11])
async def test_slack_allows_ten_connections(connections: int, context: SlackContext) -> None:
    with pytest.raises(ValueError, match="between 1 and 10"):
        SocketMode(build_app(context), "xapp-test", connections)


def test_no_ticket_reaches_the_log(caplog: pytest.LogCaptureFixture, context: SlackContext) -> None:
    SocketMode(build_app(context), "xapp-test")
    address = "wss://w.slack.com/link?ticket=secret"
    with caplog.at_level(logging.WARNING, "portcullis.socket-mode"):
        logging.getLogger("portcullis.socket-mode").error(
            "Failed (error: %s)", address, exc_info=OSError(address)
        )
    assert "secret" not in caplog.text
    assert "wss://w.slack.com/link?…" in caplog.text
