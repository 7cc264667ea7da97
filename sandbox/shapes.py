"""The few shapes every part of the sandbox speaks: JSON objects, Slack's refusals, and what became of a delivery."""

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


class ApiError(Exception):
    """A Web API answer of `{"ok": false, "error": CODE}`; `messages` go to response_metadata, as Slack does."""

    def __init__(self, code: str, *messages: str, status: int = 200, **extra: object) -> None:
        super().__init__(code)
        self.code = code
        self.messages = list(messages)
        self.status = status
        self.extra = extra

    def body(self) -> Json:
        """The JSON answer."""
        body: Json = {"ok": False, "error": self.code, **self.extra}
        if self.messages:
            body["response_metadata"] = {"messages": self.messages}
            body["errors"] = self.messages
        return body


class Refused(Exception):  # noqa: N818 - it is an answer to a person, not a crash
    """Something a person could not have done in Slack's own client; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What became of one payload sent to the app.

    `status` is the HTTP status of the last attempt, None over a socket or when nothing answered; `body` is what the
    app put into its acknowledgement; `errors` are a modal's errors by block_id, the app's or the client's own.
    """

    acknowledged: bool
    status: int | None = None
    body: Json = field(default_factory=dict)
    attempts: int = 1
    elapsed_ms: float = 0.0
    error: str | None = None
    errors: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> Json:
        """The form in which the control API tells it."""
        return {
            "acknowledged": self.acknowledged,
            "status": self.status,
            "body": self.body,
            "attempts": self.attempts,
            "elapsed_ms": self.elapsed_ms,
            "error": self.error,
            "errors": self.errors,
        }
