"""Socket Mode: Slack over WebSockets that we open, two of them, because the SDK closes one before it opens the next.

A payload comes over any one of them and is sent again where its ack was lost; the flows' keys make it count once.
"""

import asyncio
import logging
import re
import time
from typing import Final

from slack_bolt.adapter.socket_mode.async_internals import run_async_bolt_app, send_async_response
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.web.async_client import AsyncWebClient

from handlers.slack.web_api import SLACK_API

METHODS: Final = ("apps.connections.open",)
"""What is called with the app-level token, which has the scope connections:write."""
PING_EVERY: Final = 5.0  # seconds; also the pause before the next try to connect
_QUERY: Final = re.compile(r"(wss?://[^\s?'\"]+)\?[^\s'\")]*")


class SocketMode:
    """The connections of one app. They are opened in the background and opened again whenever they are lost."""

    def __init__(
        self, app: AsyncApp, app_token: str, connections: int = 2, base_url: str = SLACK_API
    ) -> None:
        if not 1 <= connections <= 10:  # noqa: PLR2004 -- Slack's limit
            raise ValueError("Slack allows between 1 and 10 connections")
        self._app = app
        self._app_token = app_token
        self._connections = connections
        self._base_url = base_url
        self._clients: list[SocketModeClient] = []
        self._connecting: list[asyncio.Task[None]] = []
        self._logger = _logger()

    async def start(self) -> None:
        """Begin to connect; `connected` tells how far it got. Does not wait for Slack."""
        for _ in range(self._connections):
            web = AsyncWebClient(
                token=self._app_token, base_url=self._base_url, logger=self._logger, timeout=10
            )
            client = SocketModeClient(
                app_token=self._app_token, web_client=web, logger=self._logger, ping_interval=PING_EVERY
            )
            client.socket_mode_request_listeners.append(self._handle)
            self._clients.append(client)
            self._connecting.append(asyncio.create_task(_connect(client), name="socket-mode-connect"))

    async def stop(self) -> None:
        """Close the connections: nothing comes in any more. What is under way ends by itself."""
        clients, self._clients = self._clients, []
        connecting, self._connecting = self._connecting, []
        for task in connecting:
            task.cancel()
        await asyncio.gather(*connecting, return_exceptions=True)
        for client in clients:
            owned = (client.message_processor, client.current_session_monitor, client.message_receiver)
            await client.close()  # type: ignore[no-untyped-call]
            await asyncio.gather(*(task for task in owned if task is not None), return_exceptions=True)

    def connected(self) -> int:
        """How many connections stand and answer pings; none of them means not ready."""
        return sum(_stands(client) for client in self._clients)

    async def _handle(self, client: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        answer = await run_async_bolt_app(self._app, request)
        await send_async_response(client, request, answer, began)


async def _connect(client: SocketModeClient) -> None:
    """The SDK's own loop: it tries until it stands."""
    await client.connect()  # type: ignore[no-untyped-call]


def _stands(client: SocketModeClient) -> bool:
    """What the SDK's own `is_connected` says, without waiting."""
    session = client.current_session
    if client.closed or client.stale or session is None or session.closed:
        return False
    answered = client.last_ping_pong_time
    return answered is None or time.time() - answered < PING_EVERY * 4


class _WithoutTickets(logging.Filter):
    """Takes the tickets out of socket addresses, and the stacks that repeat them."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = _QUERY.sub(r"\1?…", record.getMessage())
        record.args, record.exc_info, record.exc_text = (), None, None
        return True


def _logger() -> logging.Logger:
    logger = logging.getLogger("portcullis.socket-mode")
    logger.setLevel(logging.WARNING)
    if not any(isinstance(f, _WithoutTickets) for f in logger.filters):
        logger.addFilter(_WithoutTickets())
    return logger
