"""What Slack gives out for one use or a few: trigger ids, response URLs and Socket Mode tickets."""

import secrets
import time
from dataclasses import dataclass

from sandbox.shapes import ApiError

TRIGGER_SECONDS = 3.0
RESPONSE_URL_SECONDS = 30 * 60.0
RESPONSE_URL_USES = 5
SOCKET_TICKET_SECONDS = 30.0


class Triggers:
    """Trigger ids: three seconds, one use, one person."""

    def __init__(self) -> None:
        self._issued: dict[str, tuple[str, float]] = {}
        self._used: set[str] = set()

    def issue(self, user: str) -> str:
        """A fresh trigger id for what this person just did."""
        now = time.monotonic()
        stamp = time.time_ns()
        trigger = f"{stamp // 1_000_000}.{stamp % 10_000_000:07d}.{secrets.token_hex(16)}"
        self._issued[trigger] = (user, now)
        return trigger

    def exchange(self, trigger: str) -> str:
        """The person of a trigger; raises ApiError exchanged_, expired_ or invalid_trigger_id."""
        if trigger in self._used:
            raise ApiError("exchanged_trigger_id")
        if trigger not in self._issued:
            raise ApiError("invalid_trigger_id")
        user, at = self._issued[trigger]
        if time.monotonic() - at > TRIGGER_SECONDS:
            raise ApiError("expired_trigger_id")
        self._used.add(trigger)
        return user


@dataclass(slots=True, kw_only=True)
class ResponseUrl:
    """Where a response URL leads, and how often it may still be used."""

    channel: str
    user: str
    message_ts: str | None
    thread_ts: str | None
    expires: float
    uses: int = 0


class ResponseUrls:
    """Response URLs: thirty minutes, five uses."""

    def __init__(self) -> None:
        self._issued: dict[str, ResponseUrl] = {}

    def issue(
        self, *, channel: str, user: str, message_ts: str | None = None, thread_ts: str | None = None
    ) -> str:
        """The secret last part of a new response URL."""
        key = secrets.token_urlsafe(18)
        self._issued[key] = ResponseUrl(
            channel=channel,
            user=user,
            message_ts=message_ts,
            thread_ts=thread_ts,
            expires=time.monotonic() + RESPONSE_URL_SECONDS,
        )
        return key

    def find(self, key: str) -> ResponseUrl:
        """The URL's target if it may be used now; raises ApiError (404). The use is counted by `count`."""
        found = self._issued.get(key)
        if found is None:
            raise ApiError("invalid_url", status=404)
        if time.monotonic() > found.expires:
            raise ApiError("expired_url", status=404)
        if found.uses >= RESPONSE_URL_USES:
            raise ApiError("used_url", status=404)
        return found


class SocketTickets:
    """The one-time ticket inside a Socket Mode address."""

    def __init__(self) -> None:
        self._open: dict[str, float] = {}

    def issue(self) -> str:
        """A fresh ticket."""
        ticket = secrets.token_urlsafe(18)
        self._open[ticket] = time.monotonic() + SOCKET_TICKET_SECONDS
        return ticket

    def take(self, ticket: str) -> bool:
        """Whether this ticket was good; it no longer is."""
        return self._open.pop(ticket, 0.0) > time.monotonic()
