"""A linked identity: one account of one person at Slack, GitHub or the identity provider, linked for good."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.domain.canonical import sha256


class Provider(StrEnum):
    """Where an account is."""

    SLACK = "slack"
    GITHUB = "github"
    OIDC = "oidc"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """One account and the one person it belongs to. `subject` is what the provider never gives to anybody else:
    `TEAM/USER` at Slack, the numeric id at GitHub, `ISSUER SUBJECT` at an identity provider (`ISSUER TENANT/OBJECT`
    where it has tenants). Never an e-mail address, nor a login: both are given to somebody else one day.

    `label` is what it was called when it was linked, to be shown and never compared.
    """

    provider: Provider
    subject: str
    person: str
    label: str
    linked_at: datetime
    linked_by: str  # "slack:T1/U01ADA", "host:root": how it was proved
    revoked_at: datetime | None = None

    @property
    def id(self) -> str:
        return identity_id(self.provider, self.subject)


def identity_id(provider: Provider, subject: str) -> str:
    """The key of the record: the same account has the same one, whoever it is linked to."""
    return f"{provider.value}:{sha256(subject.encode()).removeprefix('sha256:')[:40]}"


def slack_subject(team: str, user: str) -> str:
    """A Slack account: member ids are unique within a workspace only."""
    return f"{team}/{user}"
