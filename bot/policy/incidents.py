"""What follows from an incident: who hears of it outside Slack, and what has to be written afterwards (F9, P21)."""

import re
from datetime import timedelta
from typing import Annotated, Final

from pydantic import BeforeValidator, Field, model_validator

from bot.policy.problems import shown
from bot.policy.references import RoleOrPersonName, SeverityName
from bot.policy.services import HttpUrl
from bot.policy.types import PositiveDuration, Section, Text


class Tickets(Section):
    """Where an incident's ticket is opened: exactly one of the two."""

    github: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$")] | None = None
    """OWNER/NAME: an issue of this repository."""
    webhook: Text | None = None
    """The name of a webhook from the settings."""
    severities: tuple[SeverityName, ...] | None = None
    """Only for these; unsaid, for every incident."""

    @model_validator(mode="after")
    def _one(self) -> "Tickets":
        if (self.github is None) == (self.webhook is None):
            raise ValueError("a ticket is opened in exactly one place: github or webhook")
        return self


class Postmortems(Section):
    """Which incidents need a post-mortem, and by when."""

    severities: tuple[SeverityName, ...] = ("P0", "P1")
    """Incidents of these severities."""
    within: PositiveDuration = timedelta(hours=48)
    """Published by then, counted from when it was resolved."""
    owner: RoleOrPersonName | None = None
    """Who writes it; unsaid, whoever acknowledged the incident."""


class IncidentSection(Section):
    """Incidents."""

    pages: Annotated[tuple[Text, ...], Field(max_length=20)] = ()
    """PagerDuty integrations and webhooks from the settings that hear of every incident, besides the escalation."""
    rounds: Annotated[int, Field(ge=1, le=10)] = 3
    """How often the escalation is walked before it is given up."""
    tickets: Tickets | None = None
    postmortems: Postmortems = Postmortems()


_HOST_AND_PORT: Final = r"^[^\s:/]+:[0-9]{1,5}$|^\[[0-9a-fA-F:]+\]:[0-9]{1,5}$"


def _host_and_port(value: object) -> object:
    if isinstance(value, str) and re.search(_HOST_AND_PORT, value) is None:
        raise ValueError(
            f"{shown(value)} does not say which port: write HOST:PORT, such as example.com:443 or [2001:db8::1]:443"
        )
    return value


class Reference(Section):
    """An address that answers as long as our own network does: exactly one of the two."""

    http: HttpUrl | None = None
    """Any answer will do."""
    tcp: Annotated[str, BeforeValidator(_host_and_port), Field(pattern=_HOST_AND_PORT)] | None = None
    """HOST:PORT that accepts a connection."""

    @model_validator(mode="after")
    def _one(self) -> "Reference":
        if (self.http is None) == (self.tcp is None):
            raise ValueError("a reference is exactly one of http, tcp")
        return self


class Monitoring(Section):
    """How monitors are read."""

    reference: tuple[Reference, ...] = ()
    """While none of these answers, our own network is down: what every probe says then is UNKNOWN, and pages nobody.
    Where that lasts for five minutes, the blindness itself is paged."""
    per_host: Annotated[int, Field(ge=1, le=1000)] = 6
    """So many readings of one host at the same time."""
    at_once: Annotated[int, Field(ge=1, le=10_000)] = 200
    """So many readings at the same time in all."""
