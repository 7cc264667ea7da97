"""Brings payloads to the app: signed over HTTP or enveloped over a socket, with Slack's deadline and retries."""

import asyncio
import json
import time
from dataclasses import dataclass, field
from urllib.parse import urlencode

import aiohttp
from slack_sdk.signature import SignatureVerifier

from sandbox.faults import DELIVERY_FAULTS
from sandbox.shapes import Delivered, Json
from sandbox.sockets import SocketLost
from sandbox.world import World

_ANSWER_LIMIT = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """One payload. `kind` is slash_commands, interactive or events_api; `name` is what people call it."""

    kind: str
    name: str
    payload: Json

    @property
    def names(self) -> frozenset[str]:
        """What a fault may call it: its kind and name, its action ids and callback id."""
        actions = [str(one.get("action_id")) for one in self.payload.get("actions") or ()]
        view = self.payload.get("view") or {}
        called = (self.payload.get("callback_id"), view.get("callback_id"))
        return frozenset({self.kind, self.name, *actions, *(str(one) for one in called if one)})

    def encode(self) -> tuple[bytes, str]:
        """The HTTP body and its content type."""
        if self.kind == "events_api":
            return json.dumps(self.payload).encode(), "application/json"
        if self.kind == "slash_commands":
            return urlencode(self.payload).encode(), "application/x-www-form-urlencoded"
        return urlencode({"payload": json.dumps(self.payload)}).encode(), "application/x-www-form-urlencoded"


@dataclass(slots=True, kw_only=True)
class _Attempt:
    transport: str
    number: int
    reason: str | None
    acknowledged: bool = False
    status: int | None = None
    body: Json = field(default_factory=dict)
    error: str | None = None
    why: str | None = None
    no_retry: bool = False
    note: str = ""


class Courier:
    """Delivers to whoever the app is: one of its open sockets at random, else its request URL."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._session: aiohttp.ClientSession | None = None
        self._verifier = SignatureVerifier(world.secrets.signing_secret)

    async def start(self) -> None:
        """Open the HTTP session."""
        self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())

    async def stop(self) -> None:
        """Close the HTTP session."""
        if self._session is not None:
            await self._session.close()

    async def deliver(self, parcel: Parcel) -> Delivered:
        """Deliver once, and an event up to three times more until it is acknowledged."""
        started = time.monotonic()
        attempt = await self._attempt(parcel, 0, None)
        retries = self._world.pace.retries if parcel.kind == "events_api" else ()
        for number, delay in enumerate(retries, start=1):
            if attempt.acknowledged or attempt.no_retry:
                break
            await asyncio.sleep(delay)
            attempt = await self._attempt(parcel, number, attempt.why)
        return Delivered(
            acknowledged=attempt.acknowledged,
            status=attempt.status,
            body=attempt.body,
            attempts=attempt.number + 1,
            elapsed_ms=round((time.monotonic() - started) * 1000, 1),
            error=attempt.error,
        )

    async def _attempt(self, parcel: Parcel, number: int, reason: str | None) -> _Attempt:
        fault = self._world.faults.take(DELIVERY_FAULTS, parcel.names)
        if fault is not None and fault.kind == "deliver_twice":
            gap = float(fault.details.get("gap", 0.0))
            first, _ = await asyncio.gather(
                self._once(parcel, number, reason, note="delivered twice: 1 of 2"),
                self._later(parcel, number, reason, gap),
            )
            return first
        lost = fault is not None and fault.kind == "drop_ack"
        return await self._once(parcel, number, reason, lost=lost)

    async def _later(self, parcel: Parcel, number: int, reason: str | None, gap: float) -> _Attempt:
        await asyncio.sleep(gap)
        return await self._once(parcel, number, reason, note="delivered twice: 2 of 2")

    async def _once(
        self, parcel: Parcel, number: int, reason: str | None, *, note: str = "", lost: bool = False
    ) -> _Attempt:
        started = time.monotonic()
        over_socket = self._world.sockets.count > 0
        attempt = _Attempt(
            transport="socket" if over_socket else "http", number=number, reason=reason, note=note
        )
        try:
            async with asyncio.timeout(self._world.pace.deadline):
                await (self._by_socket(parcel, attempt) if over_socket else self._by_http(parcel, attempt))
        except TimeoutError:
            attempt.error, attempt.why = "operation_timeout", "http_timeout"
        if lost and attempt.acknowledged:
            attempt.acknowledged, attempt.body, attempt.note = False, {}, "fault: acknowledgement dropped"
            attempt.error, attempt.why = "operation_timeout", "http_timeout"
        self._record(parcel, attempt, started)
        return attempt

    async def _by_socket(self, parcel: Parcel, attempt: _Attempt) -> None:
        why = "timeout" if attempt.reason == "http_timeout" else attempt.reason
        try:
            attempt.body = await self._world.sockets.send(
                parcel.kind, parcel.payload, attempt=attempt.number, reason=why
            )
            attempt.acknowledged = True
        except SocketLost as error:
            attempt.error, attempt.why, attempt.note = "dispatch_failed", "connection_failed", str(error)

    async def _by_http(self, parcel: Parcel, attempt: _Attempt) -> None:
        url = self._world.events_url
        if url is None or self._session is None:
            attempt.error, attempt.no_retry = "dispatch_failed", True
            attempt.note = "the app has no open socket and no request URL"
            return
        content, content_type = parcel.encode()
        headers = self._headers(content, content_type, attempt)
        try:
            answer = await self._session.post(url, data=content, headers=headers, allow_redirects=False)
            async with answer:
                text = (await answer.content.read(_ANSWER_LIMIT)).decode("utf-8", "replace")
        except aiohttp.ClientSSLError as error:
            attempt.error, attempt.why, attempt.note = "dispatch_failed", "ssl_error", str(error)
        except (aiohttp.ClientError, OSError) as error:
            attempt.error, attempt.why, attempt.note = "dispatch_failed", "connection_failed", str(error)
        else:
            attempt.status, attempt.body = answer.status, _answer(text)
            attempt.no_retry = answer.headers.get("X-Slack-No-Retry") == "1"
            attempt.acknowledged = 200 <= answer.status < 300
            if not attempt.acknowledged:
                attempt.error, attempt.why = "dispatch_failed", "http_error"
                attempt.note = f"the app answered {answer.status}"

    def _headers(self, content: bytes, content_type: str, attempt: _Attempt) -> dict[str, str]:
        stamp = str(int(time.time()))
        headers = {
            "Content-Type": content_type,
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": self._verifier.generate_signature(timestamp=stamp, body=content) or "",
        }
        if attempt.number:
            headers |= {
                "X-Slack-Retry-Num": str(attempt.number),
                "X-Slack-Retry-Reason": attempt.reason or "",
            }
        return headers

    def _record(self, parcel: Parcel, attempt: _Attempt, started: float) -> None:
        self._world.inspector.record(
            "out",
            parcel.name,
            transport=attempt.transport,
            ok=attempt.acknowledged,
            status=attempt.status,
            error=attempt.error,
            started=started,
            request=parcel.payload,
            response=attempt.body,
            attempt=attempt.number + 1,
            note=attempt.note,
        )


def _answer(text: str) -> Json:
    stripped = text.strip()
    if not stripped:
        return {}
    try:
        parsed = json.loads(stripped)
    except ValueError:
        return {"text": stripped}
    return parsed if isinstance(parsed, dict) else {"text": stripped}
