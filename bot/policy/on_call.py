"""Who is on call, who is told next, and how soon: rotations, escalation, severities, checklists."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from bot.domain import escalation
from bot.domain.calendar import LATEST, Recurring
from bot.domain.checklist import Item
from bot.domain.crons import Cron
from bot.domain.duty import Duty, Layer, person_at
from bot.domain.escalation import TargetKind
from bot.domain.override import Override
from bot.domain.rotation import EPOCH, MOST_HANDOFFS_PER_DAY, Rotation
from bot.policy.people import SlackUsergroup
from bot.policy.references import Excluded, GateName, OnCallName, PersonName, RoleName
from bot.policy.rule_section import Label, UntilText
from bot.policy.types import CronText, ListOfOne, PositiveDuration, Section, Text, ZoneName

SEVERITIES: Final = {
    "P0": timedelta(minutes=5),
    "P1": timedelta(minutes=15),
    "P2": timedelta(hours=1),
    "P3": timedelta(hours=24),
}
"""Response times where the policy names none (F7)."""
MOST_LAYERS: Final = 20
ALWAYS: Final = "always"
"""The name of the only layer of a plain rotation."""
LONGEST_ITEM: Final = 200
"""Characters of one line of a checklist: as many as a message shows of it."""


def _date(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError(f"{value!r} is not a date; write it like 2026-01-05") from None


def _countable(cron: Cron) -> Cron:
    if cron.firings_per_day > MOST_HANDOFFS_PER_DAY:
        raise ValueError(f"the hand-off {cron.text!r} fires more than hourly")
    return cron


def _after_epoch(value: date) -> date:
    if value < EPOCH:
        raise ValueError(f"a rotation cannot start before {EPOCH.isoformat()}")
    if value >= LATEST.date():
        raise ValueError(f"a rotation cannot start after {LATEST.year - 1}")
    return value


DateText = Annotated[date, BeforeValidator(_date), WithJsonSchema({"type": "string", "format": "date"})]


class RotationSection(Section):
    """People who take turns."""

    people: Annotated[tuple[PersonName, ...], Field(min_length=1)]
    """In the order in which they take over."""
    handoff: Annotated[CronText, AfterValidator(_countable)]
    """When the next one takes over."""
    timezone: ZoneName | None = None
    """The zone of the hand-off; unsaid, the policy's."""
    starts: Annotated[DateText, AfterValidator(_after_epoch)] | None = None
    """The first hand-off on or after this day hands over to the first person; unsaid, 1970-01-05."""

    def compiled(self, zone: ZoneInfo) -> Rotation:
        """The rotation itself; `zone` is the policy's."""
        own = ZoneInfo(self.timezone) if self.timezone else zone
        return Rotation(people=self.people, handoff=self.handoff, zone=own, starts=self.starts)


class HoursSection(Section):
    """The hours of a layer."""

    start: CronText
    """When they begin: a time that the clock skips falls after the gap, one that it shows twice is the first."""
    until: UntilText
    """When they end: 17:00, 24:00 or MON 00:00; a time that the clock shows twice is the last."""
    timezone: ZoneName | None = None
    """The zone of both; unsaid, that of the layer's rotation."""

    @model_validator(mode="after")
    def _countable(self) -> "HoursSection":
        self.compiled(ZoneInfo("UTC"))  # whatever the domain refuses is refused here, with its line
        return self

    def compiled(self, zone: ZoneInfo) -> Recurring:
        """The hours themselves; `zone` is the rotation's."""
        return Recurring(self.start, self.until, ZoneInfo(self.timezone) if self.timezone else zone)


class LayerSection(Section):
    """People who take turns, in certain hours."""

    name: Label
    """As people are told which one is on call."""
    rotation: RotationSection
    during: HoursSection | None = None
    """When they are asked; the last layer has no hours, and is on call whenever no other one is."""

    def compiled(self, zone: ZoneInfo) -> Layer:
        """The layer itself; `zone` is the policy's."""
        own = self.rotation.compiled(zone)
        return Layer(self.name, own, self.during.compiled(own.zone) if self.during else None)


class PagerDutySchedule(Section):
    """A schedule that PagerDuty keeps."""

    schedule: Annotated[str, Field(pattern=r"^P[A-Z0-9]+$")]
    """Its id."""


class OnCallSection(Section):
    """Where it is known who is on call: exactly one of the four."""

    rotation: RotationSection | None = None
    """One rotation, around the clock."""
    layers: Annotated[tuple[LayerSection, ...], Field(min_length=1, max_length=MOST_LAYERS)] | None = None
    """Several, of which the first one whose hours contain the instant gives the person (follow-the-sun)."""
    pagerduty: PagerDutySchedule | None = None
    slack_usergroup: SlackUsergroup | None = None
    """The id of a Slack user group."""
    leads: Annotated[tuple[RoleName, ...], ListOfOne] = ()
    """Roles whose holders may declare an override for others, and take one back."""

    @model_validator(mode="after")
    def _one(self) -> "OnCallSection":
        ways = (self.rotation, self.layers, self.pagerduty, self.slack_usergroup)
        if len([each for each in ways if each]) != 1:
            raise ValueError("on-call is exactly one of rotation, layers, pagerduty, slack_usergroup")
        self.compiled(ZoneInfo("UTC"))
        return self

    def compiled(self, zone: ZoneInfo) -> Duty | None:
        """The duty of people; None where another system keeps it. `zone` is the policy's."""
        if self.rotation is not None:
            return Duty((Layer(ALWAYS, self.rotation.compiled(zone)),))
        return None if self.layers is None else Duty(tuple(each.compiled(zone) for each in self.layers))


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What another system said last: this person, and until when where it said so."""

    person: str
    at: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OnCall:
    """One on-call duty: people who take turns, or the place that knows.

    `overrides` and `told` stand in no policy: `flows.on_duty.rostered` and `called` add what people declared and what
    another system said, as of one transaction, for whoever asks which roles somebody holds or whom to tell.
    """

    duty: Duty | None = None
    pagerduty: str | None = None
    """The id of a PagerDuty schedule."""
    slack_usergroup: str | None = None
    leads: tuple[str, ...] = ()
    overrides: tuple[Override, ...] = ()
    told: Told | None = None

    @classmethod
    def of(cls, section: OnCallSection, zone: ZoneInfo) -> "OnCall":
        """The duty that a section describes; `zone` is the policy's."""
        return cls(
            duty=section.compiled(zone),
            pagerduty=section.pagerduty.schedule if section.pagerduty else None,
            slack_usergroup=section.slack_usergroup,
            leads=section.leads,
        )

    @property
    def rotation(self) -> Rotation | None:
        """The people who are on call whenever no other layer is; None where another system keeps the duty."""
        return None if self.duty is None else self.duty.layers[-1].rotation

    @property
    def elsewhere(self) -> str | None:
        """The other system that keeps it, as it is asked: `pagerduty PABC123`; None for a duty of people."""
        if self.pagerduty is not None:
            return f"pagerduty {self.pagerduty}"
        return None if self.slack_usergroup is None else f"slack_usergroup {self.slack_usergroup}"

    @property
    def known(self) -> bool:
        """Whether it can be told here who is on call."""
        return self.duty is not None or self.told is not None

    def person_at(self, instant: datetime) -> str | None:
        """Who is on call, for all that is known here."""
        if self.duty is not None:
            return person_at(self.duty, self.overrides, instant)
        return None if self.told is None else self.told.person


class Target(Section):
    """Someone or some place to notify: exactly one."""

    on_call: OnCallName | None = None
    """Whoever is on call there."""
    role: RoleName | None = None
    """Everybody who holds it."""
    person: PersonName | None = None
    """One human."""
    channel: Text | None = None
    """One of `slack.channels`, a channel id, or #a-name."""
    pagerduty: Text | None = None
    """The name of a PagerDuty integration from the settings."""
    webhook: Text | None = None
    """The name of a webhook from the settings."""

    @model_validator(mode="after")
    def _one(self) -> "Target":
        if len(self._named()) != 1:
            raise ValueError(f"a target is exactly one of {', '.join(TargetKind)}")
        return self

    def _named(self) -> list[escalation.Target]:
        said = ((kind, getattr(self, kind)) for kind in TargetKind)
        return [escalation.Target(kind, name) for kind, name in said if name]

    @property
    def compiled(self) -> escalation.Target:
        """The target as the domain has it."""
        return self._named()[0]


class EscalationStep(Section):
    """Who is notified next when nobody acknowledged."""

    notify: Annotated[tuple[Target, ...], Field(min_length=1)]
    """All at once."""
    within: PositiveDuration | None = None
    """How long this step waits for an acknowledgement; unsaid, the severity's response time."""


class ChecklistItem(Section):
    """One line of a checklist: ticked by a gate, or attested by a person in a role."""

    item: Annotated[str, Field(max_length=LONGEST_ITEM, pattern=r"\S")]
    """What has to be so, in one line."""
    gate: GateName | None = None
    """The gate that ticks it; each environment that asks for the checklist needs that gate."""
    attest: RoleName | None = None
    """The role whose holders tick it."""
    exclude: tuple[Excluded, ...] = ()
    """Who may not tick it, whatever roles they hold: requester, commit-authors, roles or people."""

    @model_validator(mode="after")
    def _one(self) -> "ChecklistItem":
        if (self.gate is None) == (self.attest is None):
            raise ValueError("an item is ticked by exactly one of gate, attest")
        if self.gate is not None and self.exclude:
            raise ValueError("a gate ticks this item, so there is nobody to exclude")
        return self

    def compiled(self) -> Item:
        """The item as the gate reads it."""
        return Item(text=self.item, gate=self.gate, role=self.attest)
