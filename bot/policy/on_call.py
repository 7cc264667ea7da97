"""Who is on call, who is told next, and how soon: rotations, escalation, severities, checklists."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from bot.domain.calendar import LATEST
from bot.domain.checklist import Item
from bot.domain.crons import Cron
from bot.domain.rotation import EPOCH, MOST_HANDOFFS_PER_DAY, Rotation
from bot.policy.people import SlackUsergroup
from bot.policy.references import Excluded, GateName, OnCallName, PersonName, RoleName
from bot.policy.types import CronText, PositiveDuration, Section, Text, ZoneName

SEVERITIES: Final = {
    "P0": timedelta(minutes=5),
    "P1": timedelta(minutes=15),
    "P2": timedelta(hours=1),
    "P3": timedelta(hours=24),
}
"""Response times where the policy names none (F7)."""
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


class PagerDutySchedule(Section):
    """A schedule that PagerDuty keeps."""

    schedule: Annotated[str, Field(pattern=r"^P[A-Z0-9]+$")]
    """Its id."""


class OnCallSection(Section):
    """Where it is known who is on call: exactly one of the three."""

    rotation: RotationSection | None = None
    pagerduty: PagerDutySchedule | None = None
    slack_usergroup: SlackUsergroup | None = None
    """The id of a Slack user group."""

    @model_validator(mode="after")
    def _one(self) -> "OnCallSection":
        if len([each for each in (self.rotation, self.pagerduty, self.slack_usergroup) if each]) != 1:
            raise ValueError("on-call is exactly one of rotation, pagerduty, slack_usergroup")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class OnCall:
    """One on-call duty: a rotation of people, or the place that knows."""

    rotation: Rotation | None = None
    pagerduty: str | None = None
    """The id of a PagerDuty schedule."""
    slack_usergroup: str | None = None

    @classmethod
    def of(cls, section: OnCallSection, zone: ZoneInfo) -> "OnCall":
        """The duty that a section describes; `zone` is the policy's."""
        return cls(
            rotation=section.rotation.compiled(zone) if section.rotation else None,
            pagerduty=section.pagerduty.schedule if section.pagerduty else None,
            slack_usergroup=section.slack_usergroup,
        )


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

    @model_validator(mode="after")
    def _one(self) -> "Target":
        if (
            len(
                [
                    each
                    for each in (self.on_call, self.role, self.person, self.channel, self.pagerduty)
                    if each
                ]
            )
            != 1
        ):
            raise ValueError("a target is exactly one of on_call, role, person, channel, pagerduty")
        return self


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
