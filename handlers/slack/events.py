"""POST /slack/events: what Slack sends by HTTP, bounded and of the right type, before Bolt verifies its signature."""

from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest

log = structlog.get_logger(__name__)
LIMIT: Final = 1024 * 1024
TYPES: Final = frozenset({"application/x-www-form-urlencoded", "application/json"})
PASSED_ON: Final = (
    "Content-Type",
    "X-Slack-Signature",
    "X-Slack-Request-Timestamp",
    "X-Slack-Retry-Num",
    "X-Slack-Retry-Reason",
)
"""The headers that Bolt sees. Others steer it (`X-Slack-Bolt-…`) and are not covered by the signature."""


def slack_events(app: AsyncApp) -> Callable[[web.Request], Awaitable[web.Response]]:
    """The aiohttp handler. A forged or stale signature is 401, and nothing is read from such a body."""

    async def handler(request: web.Request) -> web.Response:
        if request.content_type not in TYPES:
            return _no(400, "Slack sends forms or JSON to this address; this is neither.")
        body = await _body(request)
        if isinstance(body, web.Response):
            return body
        if not request.headers.get("X-Slack-Request-Timestamp", "").isdecimal():
            return _no(401, "This is not signed as Slack signs it.")
        headers = {name: request.headers[name] for name in PASSED_ON if name in request.headers}
        try:
            heard = AsyncBoltRequest(body=body, query=request.query_string, headers=headers)  # type: ignore[arg-type]
        except (ValueError, TypeError, AttributeError, RecursionError):
            return _no(400, "The body is no form or JSON as Slack sends them.")
        try:
            answer = await app.async_dispatch(heard)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            # Our listeners catch everything themselves: Bolt stumbled over a payload that lacks what Slack's have.
            log.warning("slack.malformed", error=type(error).__name__)
            return _no(400, "The payload is not what Slack sends.")
        if answer.status == 401:  # noqa: PLR2004
            return _no(401, "The signature is missing, wrong or older than five minutes.")
        return await to_aiohttp_response(answer)

    return handler


async def _body(request: web.Request) -> str | web.Response:
    """The body as text, or the refusal of one that is too large, cut off, or no text."""
    try:
        content = await request.read()  # kept by aiohttp: whoever reads it again finds it again
    except web.HTTPRequestEntityTooLarge:
        return _no(413, "The body is larger than 1 MiB; Slack's are not.")
    except (OSError, ValueError):
        return _no(400, "The body ended before it was complete.")
    if len(content) > LIMIT:
        return _no(413, "The body is larger than 1 MiB; Slack's are not.")
    try:
        return content.decode()
    except UnicodeDecodeError:
        return _no(400, "The body is not UTF-8.")


def _no(status: int, sentence: str) -> web.Response:
    return web.Response(status=status, text=sentence + "\n")
