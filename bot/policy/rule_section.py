"""The rules of a calendar as the policy writes them: what all of them share, windows and restrictions."""

from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from bot.domain.calendar import Elapsed, Ending, Recurring, Scope, UntilTime, UntilWeekday, parse_until
from bot.policy.problems import shown
from bot.policy.references import EnvironmentName, ServiceName
from bot.policy.types import CronText, Duration, ListOfOne, Section, Text, ZoneName

Label = Annotated[str, Field(min_length=1, max_length=80)]
Scoped = Annotated[tuple[EnvironmentName, ...], ListOfOne, Field(min_length=1)]
ScopedServices = Annotated[tuple[ServiceName, ...], ListOfOne, Field(min_length=1)]


def _until(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError(  # noqa: TRY004 - pydantic makes a problem of a ValueError alone
            f'{shown(value)} is not an end; write it in quotes, like "14:00", "24:00" or "MON 00:00"'
        )
    return parse_until(value)


UntilText = Annotated[
    UntilTime | UntilWeekday,
    BeforeValidator(_until),
    WithJsonSchema({"type": "string", "examples": ["14:00", "24:00", "MON 00:00"]}),
]


class ScopedRule(Section):
    """To what a rule applies: services AND environments; unsaid, to all of them."""

    environments: Scoped | None = None
    services: ScopedServices | None = None
    timezone: ZoneName | None = None
    """The zone of the rule's times; unsaid, the policy's."""
    reason: Text | None = None
    """What is shown to a person whom the rule stops."""

    @property
    def scope(self) -> Scope:
        """The scope, for the compiled rule."""
        return Scope(
            environments=frozenset(self.environments) if self.environments else None,
            services=frozenset(self.services) if self.services else None,
        )

    def zone(self, zone: ZoneInfo) -> ZoneInfo:
        """The rule's own zone, or the policy's."""
        return ZoneInfo(self.timezone) if self.timezone else zone


class RecurringRule(ScopedRule):
    """A rule that starts whenever a cron fires and ends at `until` (wall-clock) or after `for` (elapsed)."""

    name: Label
    start: CronText
    until: UntilText | None = None
    """14:00, 24:00 (the next midnight) or MON 00:00; at or before the start, the next day's."""
    length: Annotated[Duration | None, Field(alias="for")] = None
    """Elapsed time."""

    @model_validator(mode="after")
    def _one_end(self) -> "RecurringRule":
        if (self.until is None) == (self.length is None):
            raise ValueError("it needs exactly one of until (a wall-clock time) and for (elapsed time)")
        self.source(ZoneInfo("UTC"))  # whatever the domain refuses is refused here, with its line
        return self

    def source(self, zone: ZoneInfo) -> Recurring:
        """When it is in force; `zone` is the policy's."""
        ending: Ending | None = Elapsed(self.length) if self.length is not None else self.until
        if ending is None:
            raise ValueError(f"the rule {self.name!r} has no end")
        return Recurring(self.start, ending, self.zone(zone))


class Window(RecurringRule):
    """When deploying is welcome or allowed."""

    effect: Literal["prefer", "allow"] = "allow"


class Restriction(RecurringRule):
    """When deploying is discouraged or prohibited, again and again."""

    effect: Literal["discourage", "prohibit"] = "prohibit"
    break_glass: bool = False
    """Whether break-glass passes it."""
