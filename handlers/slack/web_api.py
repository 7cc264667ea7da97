"""The way to Slack: the Web API methods that are used, response URLs, and what their failures mean."""

import math
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

METHODS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "chat.postMessage": ("chat:write", "chat:write.public"),
        "chat.update": ("chat:write",),
        "views.open": (),
        "users.info": ("users:read",),
        "auth.test": (),
    }
)
"""Every method that is called with the bot's token, and the scopes that it takes."""

READS: Final = frozenset({"users.info"})
"""Methods that do not see arguments in a JSON body: to `users.info` in JSON Slack answers `user_not_found`."""

SLACK_API: Final = "https://slack.com/api/"
RESPONSE_HOST: Final = "hooks.slack.com"
TIMEOUT: Final = 10.0  # seconds; a delivery is tried again, a modal's trigger is over after three anyway


class SlackFailed(Exception):  # noqa: N818 -- what Slack answered is an answer
    """A call that did not work: Slack's error code, or `unreachable`, `http-503`, `rate-limited`."""

    def __init__(self, code: str, *, retry_after: float | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.retry_after = retry_after


class SlackApi:
    """The Web API and response URLs over one HTTP session. Close it before the loop ends.

    `base_url` leads to Slack, or to a stand-in for it; response URLs are believed only on Slack's own host or on
    that of `base_url`, because whoever else is named there would read what was meant for one person.
    """

    def __init__(self, token: str, base_url: str = SLACK_API) -> None:
        self._token = token
        self.base_url = base_url
        self._session: aiohttp.ClientSession | None = None
        self.answered_at = -math.inf
        """When Slack took something last, by the monotonic clock: whoever reaches it has a network."""

    def client(self, *, patient: bool, session: aiohttp.ClientSession | None = None) -> AsyncWebClient:
        """An SDK client. `patient` waits once for a rate limit; a delivery's is not: its lane is put off instead."""
        return AsyncWebClient(
            token=self._token,
            base_url=self.base_url,
            timeout=int(TIMEOUT),
            session=session,
            retry_handlers=[AsyncRateLimitErrorRetryHandler()] if patient else [],
        )

    async def call(self, method: str, *, patient: bool = False, **arguments: Any) -> Mapping[str, Any]:
        """Call one of METHODS. Raises SlackFailed."""
        if method not in METHODS:
            raise LookupError(f"{method} is not among METHODS: name it and its scopes there")
        try:
            client = self.client(patient=patient, session=self._open())
            if method in READS:
                answer = await client.api_call(method, http_verb="GET", params=arguments)
            else:
                answer = await client.api_call(method, json=arguments)
        except SlackApiError as error:
            raise _failed(error) from None
        except (SlackClientError, aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise SlackFailed("unreachable") from error
        self.answered_at = time.monotonic()
        data = answer.data
        return data if isinstance(data, dict) else {}

    async def respond(self, url: str, body: Mapping[str, Any]) -> None:
        """Post to a response URL. Raises SlackFailed; `bad-response-url` for a host that is not Slack's."""
        if not self.believes(url):
            raise SlackFailed("bad-response-url")
        try:
            async with self._open().post(url, json=dict(body), allow_redirects=False) as answer:
                await answer.read()
                if answer.status == 429:  # noqa: PLR2004
                    raise SlackFailed("rate-limited", retry_after=_seconds(answer.headers.get("Retry-After")))
                if answer.status != 200:  # noqa: PLR2004
                    raise SlackFailed(f"http-{answer.status}")
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise SlackFailed("unreachable") from error

    def believes(self, url: str) -> bool:
        """Whether a response URL leads to Slack, or to the host of the configured API address."""
        try:
            asked, own = urlsplit(url), urlsplit(self.base_url)
            same = (asked.scheme, asked.hostname, asked.port) == (own.scheme, own.hostname, own.port)
        except ValueError:
            return False
        slack = asked.scheme == "https" and asked.hostname == RESPONSE_HOST and asked.port in (None, 443)
        return slack or (same and own.hostname != urlsplit(SLACK_API).hostname)

    async def close(self) -> None:
        """Let go of the connections."""
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=TIMEOUT), cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._session


def _failed(error: SlackApiError) -> SlackFailed:
    response = error.response
    status = getattr(response, "status_code", None) or getattr(response, "status", None) or 200
    headers = getattr(response, "headers", None) or {}
    data = getattr(response, "data", None)
    code = data.get("error") if isinstance(data, dict) else None
    if status == 429 or code in ("ratelimited", "rate_limited"):  # noqa: PLR2004
        return SlackFailed("rate-limited", retry_after=_seconds(headers.get("Retry-After")))
    if status >= 500 or not isinstance(code, str):  # noqa: PLR2004
        return SlackFailed(f"http-{status}")
    return SlackFailed(code)


def _seconds(text: str | None) -> float:
    """Retry-After, between one second and ten minutes; one that is no number counts as a few seconds."""
    try:
        return min(max(float(text or 5), 1.0), 600.0)
    except ValueError:
        return 5.0
