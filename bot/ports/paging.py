"""What flows and handlers need of the ways to people outside Slack: PagerDuty, mail, webhooks, tickets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from pydantic import JsonValue

Urgency = Literal["critical", "error", "warning", "info"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """An event of an incident for PagerDuty. `key` is the incident's id with the installation's name: events of one
    key are sent in order, and none of them is overtaken."""

    action: Literal["trigger", "acknowledge", "resolve"]
    key: str
    summary: str
    source: str
    urgency: Urgency
    at: datetime
    component: str | None = None
    details: Mapping[str, JsonValue] = field(default_factory=dict)
    links: tuple[tuple[str, str], ...] = ()  # address and text


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """Something went live: shown in PagerDuty beside what breaks afterwards."""

    summary: str
    source: str
    at: datetime
    details: Mapping[str, JsonValue] = field(default_factory=dict)
    links: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A message of plain text. `thread` makes those of one incident one conversation."""

    to: str
    subject: str
    text: str
    id: str
    thread: str | None = None
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class Duty:
    """Who is on call by another system: e-mail addresses or accounts, the first responder first; `until` where that
    system says when it changes."""

    people: tuple[str, ...]
    until: datetime | None = None


class DutyUnknown(Exception):  # noqa: N818
    """The other system did not say who is on call; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class PagerDuty(Protocol):
    """PagerDuty, by the names of integrations in the settings. Raises `Later` or `Undeliverable`."""

    async def alert(self, integration: str, alert: Alert) -> None: ...
    async def changed(self, integration: str, changed: Changed) -> None: ...
    async def on_call(self, schedule: str) -> Duty:
        """Who is on call in a schedule now. Raises DutyUnknown."""
        ...


class Mailer(Protocol):
    """Sends mail. Raises `Later` or `Undeliverable`."""

    async def send(self, mail: Mail) -> None: ...


class Webhooks(Protocol):
    """Posts signed JSON to an address of the settings. Raises `Later` or `Undeliverable`."""

    async def post(self, name: str, body: Mapping[str, JsonValue], *, id: str) -> None:  # noqa: A002
        """`id` is the same whenever the same thing is posted again."""
        ...


class Tickets(Protocol):
    """Opens tickets at a source forge. Raises `Later` or `Undeliverable`."""

    async def open(self, repository: str, *, title: str, body: str, id: str) -> str:  # noqa: A002
        """The ticket's name, like `acme/checkout#7`; one that was opened under this id before is found again."""
        ...
