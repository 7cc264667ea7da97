"""Who is who, and who may do what: the directory of people and the roles they hold (P7, P8)."""

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from bot.policy.references import OnCallName, PersonName
from bot.policy.types import ListOfOne, Section, Text

GitHubLogin = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,38}$")]
GitHubTeam = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9][A-Za-z0-9._-]*$")]
SlackUser = Annotated[str, Field(pattern=r"^[UW][A-Z0-9]+$")]
OnlyFor = Literal["scheduled", "initial", "promotion", "rollback", "configuration", "emergency"]
SlackUsergroup = Annotated[str, Field(pattern=r"^S[A-Z0-9]+$")]


class Person(Section):
    """One human, with the identities that are linked."""

    slack: SlackUser | None = None
    """The Slack member id, such as U01ADA."""
    github: GitHubLogin | None = None
    """The GitHub login."""
    email: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$", max_length=254)] | None = None
    """The address by which calendars, PagerDuty and the identity provider know the person."""
    oidc: Text | None = None
    """The subject at the identity provider: `sub`, or `TENANT/OBJECT` where it has tenants. Only whoever is named so
    can enrol by a login; an e-mail address settles nothing."""
    name: Text | None = None
    """The name to show, where the key of this entry does not suffice."""

    @model_validator(mode="after")
    def _reachable(self) -> "Person":
        if not (self.slack or self.github or self.email or self.oidc):
            raise ValueError("a person needs at least one of slack, github, email, oidc")
        return self


class AllOf(Section):
    """Sources that must all name a person for the role to be held."""

    github_team: GitHubTeam | None = None
    """ORGANIZATION/TEAM."""
    oidc_role: Text | None = None
    """A role or group in the identity provider's token."""
    slack_usergroup: SlackUsergroup | None = None
    """The id of a Slack user group."""

    @model_validator(mode="after")
    def _something(self) -> "AllOf":
        if not self.sources:
            raise ValueError("all_of needs at least one of github_team, oidc_role, slack_usergroup")
        return self

    @property
    def sources(self) -> tuple[str, ...]:
        """What has to be asked live, in words: `github_team acme/approvers`."""
        return _told(
            github_team=self.github_team, oidc_role=self.oidc_role, slack_usergroup=self.slack_usergroup
        )


def _everyone_or_listed(value: object) -> str:
    return "everyone" if isinstance(value, str) else "listed"


class Role(Section):
    """Held by whoever any of its sources names; where `all_of` stands, all of its sources must agree too."""

    people: (
        Annotated[
            Annotated[Literal["*"], Tag("everyone")] | Annotated[tuple[PersonName, ...], Tag("listed")],
            Discriminator(_everyone_or_listed),
        ]
        | None
    ) = None
    """Names from `people`, or "*" for everyone in it."""
    on_call: OnCallName | None = None
    """Whoever is on call in this rotation."""
    codeowners: bool = False
    """The code owners of what the change touches."""
    github_team: GitHubTeam | None = None
    """ORGANIZATION/TEAM."""
    oidc_role: Text | None = None
    """A role or group in the identity provider's token."""
    slack_usergroup: SlackUsergroup | None = None
    """The id of a Slack user group."""
    all_of: AllOf | None = None
    """What a holder must be as well, all of it."""
    only_for: Annotated[tuple[OnlyFor, ...], ListOfOne, Field(min_length=1)] | None = None
    """The kinds of change that it has a say in (P7). `scheduled` is one that named its start, with `at=`, and is no
    emergency. Unsaid: every kind."""

    @model_validator(mode="after")
    def _held_by_someone(self) -> "Role":
        if not (self.people or self.on_call or self.live_sources):
            raise ValueError(
                "nobody can hold this role; name people, on_call, codeowners, github_team, oidc_role or slack_usergroup"
            )
        return self

    @property
    def live_sources(self) -> tuple[str, ...]:
        """What has to be asked live to know who holds it, in words; empty where the policy itself knows."""
        return self.own_live_sources + (self.all_of.sources if self.all_of else ())

    @property
    def own_live_sources(self) -> tuple[str, ...]:
        """Those of which any suffices, without `all_of`."""
        return _told(
            codeowners="file" if self.codeowners else None,
            github_team=self.github_team,
            oidc_role=self.oidc_role,
            slack_usergroup=self.slack_usergroup,
        )


def _told(**sources: str | None) -> tuple[str, ...]:
    return tuple(f"{kind} {value}" for kind, value in sources.items() if value)
