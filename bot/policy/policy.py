"""The policy: all of a team's rules as one immutable value. The product itself holds none of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, JsonValue

from bot.domain.calendar import Calendar
from bot.policy.calendar_section import CalendarSection
from bot.policy.environments import Environment, State
from bot.policy.feeds import FeedRule
from bot.policy.incidents import IncidentSection, Monitoring
from bot.policy.on_call import SEVERITIES, ChecklistItem, EscalationStep, OnCall, OnCallSection
from bot.policy.people import Person, Role
from bot.policy.references import PersonName
from bot.policy.second_factors import SecondFactors
from bot.policy.services import Component, Service
from bot.policy.state_change import StateChange
from bot.policy.status_page import StatusPage, Targets
from bot.policy.types import Name, PositiveDuration, Section, Text, ZoneName

ChannelName = Annotated[str, Field(pattern=r"^#?[^\s#@<>&]{1,80}$")]
NEVER_BYPASSED: Final = ("immutable-artifact", "rollback-target")
"""What break-glass never passes."""


class Channels(Section):
    """Where the bot speaks: names or ids of Slack channels."""

    approvals: ChannelName = "deployments"
    """Requests, who signed, and what is said about second factors."""
    incidents: ChannelName = "incidents"
    """Incidents, break-glass, and rollbacks that nobody could confirm."""
    announcements: ChannelName = "releases"
    """What went live or back, and freezes."""


class Slack(Section):
    """The Slack workspace."""

    channels: Channels = Channels()


class PolicyFile(Section):
    """What stands in the file, section by section."""

    version: Literal[1]
    """The version of this format."""
    organization: Text = "organization"
    """The name to show."""
    timezone: ZoneName
    """The zone of every wall-clock time that names none of its own."""
    state: State = "production"
    """The state of the project (K1): it selects what each environment says under `when_state`. Where `state_change`
    stands, the one that it begins in."""
    state_change: StateChange | None = None
    """Without it the file's `state` holds, and a reload changes it."""
    slack: Slack = Slack()
    people: dict[Name, Person] = Field(default_factory=dict)
    """The directory: who is who."""
    roles: dict[Name, Role] = Field(default_factory=dict)
    """Who may do what."""
    services: dict[Name, Service] = Field(default_factory=dict)
    """What is deployed, and how."""
    environments: Annotated[dict[Name, Environment], Field(min_length=1)]
    """In the order in which they are fixed: the first is the most protected (K2)."""
    calendar: CalendarSection = CalendarSection()
    on_call: dict[Name, OnCallSection] = Field(default_factory=dict)
    """Who is on call, by duty."""
    escalation: tuple[EscalationStep, ...] = ()
    """Who is notified, step by step, until somebody acknowledges."""
    severities: dict[Name, PositiveDuration] = Field(default_factory=SEVERITIES.copy)
    """Response times. An environment without a `severity` has the one with the shortest."""
    incidents: IncidentSection = IncidentSection()
    monitoring: Monitoring = Monitoring()
    components: dict[Name, Component] = Field(default_factory=dict)
    """The parts that monitors tell of."""
    status_page: StatusPage = StatusPage()
    targets: Targets = Targets()
    second_factors: SecondFactors = SecondFactors()
    """How people come by a second factor."""
    checklists: dict[Name, tuple[ChecklistItem, ...]] = Field(default_factory=dict)
    """What gates or people tick before a start; the gate `checklist` asks for one."""
    contacts: dict[Name, PersonName] = Field(default_factory=dict)
    """Whom to call: primary, backup, escalation (C10)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A valid policy, compiled. `digest` names exactly this text and the calendars it includes."""

    version: int
    organization: str
    timezone: str
    zone: ZoneInfo
    state: State
    """The state whose rules are in force: the file's, or where `state_change` stands the one that was entered last."""
    state_change: StateChange | None
    slack: Slack
    people: Mapping[str, Person]
    roles: Mapping[str, Role]
    services: Mapping[str, Service]
    environments: Mapping[str, Environment]
    """As they are in the state that is in force."""
    written: Mapping[str, Environment] = field(compare=False, repr=False)
    """As they stand in the file, with the rules of every state."""
    calendar: Calendar = field(compare=False)
    """The rules that stand in the file. Decisions add what people declared and what is fetched."""
    feeds: tuple[FeedRule, ...]
    """The freezes whose events are fetched."""
    calendar_section: CalendarSection
    on_call: Mapping[str, OnCall]
    escalation: tuple[EscalationStep, ...]
    severities: Mapping[str, PositiveDuration]
    incidents: IncidentSection
    monitoring: Monitoring
    components: Mapping[str, Component]
    status_page: StatusPage
    targets: Targets
    second_factors: SecondFactors
    checklists: Mapping[str, tuple[ChecklistItem, ...]]
    contacts: Mapping[str, str]
    digest: str
    """`sha256:` and the hash of the RFC 8785 form of the document, iCalendar files included, and of the state in force
    where that is another one than the document's."""
    document: JsonValue = field(compare=False, repr=False)
    """What the digest names: the parsed text, the order of its environments, the digests of the files it includes."""
    source: Path
    """The file it was read from; relative paths in it start from its folder."""

    @property
    def folder(self) -> Path:
        """Where relative paths in the policy start."""
        return self.source.parent

    @property
    def usual_severity(self) -> str:
        """The severity where nothing names one: the one that presses most, by its response time."""
        return min(self.severities, key=lambda name: self.severities[name], default="P0")

    def person_by_slack(self, user_id: str) -> tuple[str, Person] | None:
        """The person with this Slack member id, with the name the policy gives."""
        return next(((name, each) for name, each in self.people.items() if each.slack == user_id), None)

    def person_by_github(self, login: str) -> tuple[str, Person] | None:
        """The person with this GitHub login; GitHub does not tell upper and lower case apart."""
        wanted = login.casefold()
        return next(
            (
                (name, each)
                for name, each in self.people.items()
                if each.github and each.github.casefold() == wanted
            ),
            None,
        )

    def person_by_email(self, address: str) -> tuple[str, Person] | None:
        """The person with this e-mail address, upper and lower case alike."""
        wanted = address.casefold()
        return next(
            (
                (name, each)
                for name, each in self.people.items()
                if each.email and each.email.casefold() == wanted
            ),
            None,
        )

    def person_by_oidc(self, subject: str) -> tuple[str, Person] | None:
        """The person with this subject at the identity provider."""
        return next(((name, each) for name, each in self.people.items() if each.oidc == subject), None)

    def after(self, environment: str) -> tuple[str, ...]:
        """The environments that come after this one in the fix-first order."""
        names = list(self.environments)
        return tuple(names[names.index(environment) + 1 :])
