"""PagerDuty: events of incidents and changes are sent (Events API v2), and who is on call is asked (REST API v2)."""

import asyncio
import hashlib
import json
import math
import re
import time
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Final

import aiohttp
from pydantic import AwareDatetime, BaseModel, Field, JsonValue, SecretStr

from bot.adapters.failures import code_of
from bot.adapters.outgoing import accepted, pause_of, sending
from bot.ports import Alert, Changed, Clock, Duty, DutyUnknown, Undeliverable

MOST_SUMMARY: Final = 1024
MOST_KEY: Final = 255
MOST_BYTES: Final = 512 * 1024
MOST_LINKS: Final = 20
PATIENCE: Final = 2.0  # seconds for a question: nobody waits longer to learn who is on call
SEND_LIMIT: Final = 10.0  # seconds for an event
_PER_PAGE: Final = 100
_LARGEST_ANSWER: Final = 1024 * 1024
_PAUSE: Final = 60.0  # seconds that a 429 asks for where it does not say how long
_LONGEST_PAUSE: Final = 900.0
_ID: Final = re.compile(r"[A-Z0-9]{1,40}")
_OK, _NOT_FOUND, _TOO_MANY, _SERVER_ERRORS = 200, 404, 429, 500
_REFUSED: Final = frozenset({401, 403})

Event = dict[str, JsonValue]


class _User(BaseModel):
    email: Annotated[str, Field(max_length=254)] | None = None


class _OnCall(BaseModel):
    user: _User
    escalation_level: int = 1
    start: AwareDatetime | None = None
    end: AwareDatetime | None = None


class _OnCalls(BaseModel):
    oncalls: list[_OnCall]
    more: bool = False


class _Account(BaseModel):
    user: _User


class PagerDutyApi:
    """Implements ports.PagerDuty. It remembers only until when the REST API wants to be left alone."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        keys: Mapping[str, SecretStr],
        api_token: SecretStr | None,
        events_url: str,
        api_url: str,
        clock: Clock,
        send_limit: float = SEND_LIMIT,
        patience: float = PATIENCE,
    ) -> None:
        """`keys`: routing keys by the integration's name. Both addresses end with a slash."""
        self._session = session
        self._keys = keys
        self._token = api_token
        self._events_url = events_url
        self._api_url = api_url
        self._clock = clock
        self._send_limit = send_limit
        self._patience = patience
        self._quiet_until: datetime | None = None
        self.answered_at = -math.inf
        """When PagerDuty took an event last, by the monotonic clock."""

    async def alert(self, integration: str, alert: Alert) -> None:
        """Send an event of an incident. Raises Later or Undeliverable."""
        event: Event = {"event_action": alert.action, "dedup_key": _key(alert.key)}
        if alert.action == "trigger":
            payload = _payload(alert.summary, alert.source, alert.at, alert.details)
            payload |= {"severity": alert.urgency} | (
                {"component": alert.component} if alert.component else {}
            )
            event |= {"payload": payload, "links": _links(alert.links), "client": "Portcullis"}
        await self._enqueue("v2/enqueue", integration, event)

    async def changed(self, integration: str, changed: Changed) -> None:
        """Send a change event. Raises Later or Undeliverable."""
        payload = _payload(changed.summary, changed.source, changed.at, changed.details)
        event: Event = {"payload": payload, "links": _links(changed.links)}
        await self._enqueue("v2/change/enqueue", integration, event)

    async def on_call(self, schedule: str) -> Duty:
        """The e-mail addresses of whoever is on call in a schedule now, by level; `until` is when the first of them
        is relieved. Raises DutyUnknown: `no-token`, `unknown-schedule`, `token-refused`, `rate-limited`, `unavailable`,
        `too-many`, or a code of `bot.adapters.failures`."""
        if not _ID.fullmatch(schedule):
            raise DutyUnknown("unknown-schedule")
        query = {"schedule_ids[]": schedule, "include[]": "users", "limit": str(_PER_PAGE)}
        body = await self._ask("oncalls", query)
        try:
            found = _OnCalls.model_validate_json(body)
        except ValueError:
            raise DutyUnknown("malformed-response") from None
        if found.more:
            raise DutyUnknown("too-many")
        return _duty(found.oncalls, self._clock.now())

    async def email_of(self, user: str) -> str | None:
        """The address of an account; None where PagerDuty does not say it in time, or there is none."""
        if not _ID.fullmatch(user):
            return None
        try:
            return _Account.model_validate_json(await self._ask(f"users/{user}", {})).user.email
        except (DutyUnknown, ValueError):
            return None

    async def _enqueue(self, path: str, integration: str, event: Event) -> None:
        key = self._keys.get(integration)
        if key is None:
            raise Undeliverable("not-configured")
        body = _fitting({"routing_key": key.get_secret_value(), **event})
        headers = {"Content-Type": "application/json"}
        async with (
            sending(self._send_limit),
            self._session.post(
                self._events_url + path, data=body, headers=headers, allow_redirects=False
            ) as answer,
        ):
            accepted(answer)
        self.answered_at = time.monotonic()

    async def _ask(self, path: str, query: Mapping[str, str]) -> bytes:
        """The body of a good answer. Raises DutyUnknown."""
        if self._token is None:
            raise DutyUnknown("no-token")
        if self._quiet_until is not None and self._clock.now() < self._quiet_until:
            raise DutyUnknown("rate-limited")
        headers = {
            "Authorization": f"Token token={self._token.get_secret_value()}",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
        }
        try:
            async with (
                asyncio.timeout(self._patience),
                self._session.get(
                    self._api_url + path, params=query, headers=headers, allow_redirects=False
                ) as answer,
            ):
                self._judge(answer)
                return await _bounded(answer)
        except (OSError, aiohttp.ClientError, ValueError) as error:
            raise DutyUnknown(code_of(error)) from None

    def _judge(self, answer: aiohttp.ClientResponse) -> None:
        status = answer.status
        if status == _OK:
            return
        if status == _TOO_MANY:
            wait = min(pause_of(answer) or _limit_reset(answer) or _PAUSE, _LONGEST_PAUSE)
            self._quiet_until = self._clock.now() + timedelta(seconds=wait)
            raise DutyUnknown("rate-limited")
        if status in _REFUSED:
            raise DutyUnknown("token-refused")
        if status == _NOT_FOUND:
            raise DutyUnknown("unknown-schedule")
        raise DutyUnknown("unavailable" if status >= _SERVER_ERRORS else f"http-{status}")


def _duty(found: Iterable[_OnCall], now: datetime) -> Duty:
    """Those who are on call now, the lowest level first, each once."""
    present = [each for each in found if (each.start or now) <= now and (each.end is None or each.end > now)]
    present.sort(key=lambda each: each.escalation_level)
    people = dict.fromkeys(each.user.email for each in present if each.user.email)
    ends = [each.end for each in present if each.end is not None]
    return Duty(people=tuple(people), until=min(ends, default=None))


def _limit_reset(answer: aiohttp.ClientResponse) -> float | None:
    said = answer.headers.get("ratelimit-reset", "").strip()
    return float(said[:9]) if said.isascii() and said.isdigit() else None


async def _bounded(answer: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > _LARGEST_ANSWER:
            raise DutyUnknown("malformed-response")
    return bytes(body)


def _payload(summary: str, source: str, at: datetime, details: Mapping[str, JsonValue]) -> Event:
    return {
        "summary": _cut(summary) or "?",
        "source": _cut(source) or "?",
        "timestamp": at.isoformat(),
        "custom_details": dict(details),
    }


def _links(links: Iterable[tuple[str, str]]) -> list[JsonValue]:
    return [{"href": href, "text": _cut(text)} for href, text in [*links][:MOST_LINKS]]


def _cut(text: str) -> str:
    return text if len(text) <= MOST_SUMMARY else text[: MOST_SUMMARY - 1] + "…"


def _key(key: str) -> str:
    """The key itself or, where PagerDuty would not take one so long, its beginning and what tells it from others."""
    if len(key) <= MOST_KEY:
        return key
    return f"{key[:180]}-{hashlib.sha256(key.encode('utf-8', 'replace')).hexdigest()}"


def _fitting(event: Event) -> bytes:
    """The event as it is sent; where it is larger than PagerDuty takes, without what is not needed to wake somebody."""
    body = _encoded(event)
    payload = event.get("payload")
    if len(body) > MOST_BYTES and isinstance(payload, dict):
        body = _encoded(event | {"links": [], "payload": payload | {"custom_details": {"truncated": True}}})
    if len(body) > MOST_BYTES:
        raise Undeliverable("too-large")
    return body


def _encoded(event: Event) -> bytes:
    return json.dumps(event, ensure_ascii=False).encode("utf-8", "replace")
