"""The calendar as the policy writes it: windows, restrictions, holidays and freezes, and their compilation."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, ValidationInfo, WithJsonSchema, model_validator

from bot.domain.calendar import (
    Calendar,
    DayOfYear,
    Effect,
    Elapsed,
    Ending,
    Fixed,
    Holidays,
    Recurring,
    Rule,
    RuleKind,
    Scope,
    Source,
    Span,
    UntilTime,
    UntilWeekday,
    end_instant,
    parse_until,
    start_instant,
    whole_days,
)
from bot.policy.feeds import REFRESH, SHORTEST_REFRESH, STALE_AFTER, FeedRule, check_address, is_address
from bot.policy.ics import IcsFile, load_ics
from bot.policy.references import EnvironmentName, RoleName, ServiceName
from bot.policy.types import CronText, Duration, ListOfOne, PositiveDuration, Section, Text, ZoneName

BASE: Final = "base"
"""The key of the validation context under which the folder of the policy stands."""
ICS: Final = "ics"
"""The key of the validation context under which the iCalendar files that were read are collected."""
ZONE: Final = "zone"
"""The key of the validation context under which the policy's zone stands, where it is known."""

_MOMENT: Final = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:\d\d)?)?", re.ASCII | re.IGNORECASE
)
_DATE_LENGTH: Final = len("2026-11-23")

Label = Annotated[str, Field(min_length=1, max_length=80)]
Scoped = Annotated[tuple[EnvironmentName, ...], ListOfOne, Field(min_length=1)]
ScopedServices = Annotated[tuple[ServiceName, ...], ListOfOne, Field(min_length=1)]


def _until(value: object) -> object:
    if not isinstance(value, str):
        return value
    return parse_until(value)


def _moment(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        if not _MOMENT.fullmatch(value):
            raise ValueError(value)  # noqa: TRY301 - one sentence for both ways to be wrong
        if len(value) == _DATE_LENGTH:
            return date.fromisoformat(value)
        return datetime.fromisoformat(value.upper())
    except ValueError:
        raise ValueError(
            f"{value!r} is not a date or a time; write it like 2026-11-23 or 2026-11-23T18:00"
        ) from None


def _day(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return DayOfYear.parse(value) if len(value) == len("12-24") else date.fromisoformat(value)
    except ValueError:
        raise ValueError(
            f"{value!r} is not a day; write it like 2026-12-24, or 12-24 for every year"
        ) from None


DayText = Annotated[
    date | DayOfYear,
    BeforeValidator(_day),
    WithJsonSchema({"type": "string", "examples": ["2026-12-24", "12-24"]}),
]
UntilText = Annotated[
    UntilTime | UntilWeekday,
    BeforeValidator(_until),
    WithJsonSchema({"type": "string", "examples": ["14:00", "24:00", "MON 00:00"]}),
]
Moment = Annotated[
    datetime | date, BeforeValidator(_moment), WithJsonSchema({"type": "string", "format": "date"})
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


class OwnDay(Section):
    """A day that no list of public holidays has."""

    date: DayText
    """A date, or a day of every year, written like 12-24."""
    name: Label


class HolidayRule(ScopedRule):
    """The public holidays of a country or a part of it, observed days included, and own days; whole local days."""

    name: Label | None = None
    country: Annotated[str, Field(pattern=r"^[A-Z]{2,3}$")] | None = None
    """The ISO code, such as US; unsaid, only the own days count."""
    subdivision: Annotated[str, Field(max_length=40)] | None = None
    """The ISO code of the part, such as NY."""
    days: tuple[OwnDay, ...] = ()
    """Own days beside the public ones: a date, or one that comes back every year, written like 12-24."""
    effect: Literal["discourage", "prohibit"] = "prohibit"
    break_glass: bool = False

    @model_validator(mode="after")
    def _known(self) -> "HolidayRule":
        if self.country is None and (self.subdivision is not None or not self.days):
            raise ValueError("holidays need a country, or own days")
        self.source(ZoneInfo("UTC"))
        return self

    @property
    def title(self) -> str:
        """Its name, or one made of the codes."""
        codes = [code for code in (self.country, self.subdivision) if code]
        return self.name or "-".join(["holidays", *codes])

    def source(self, zone: ZoneInfo) -> Holidays:
        """When it is in force; `zone` is the policy's."""
        return Holidays(
            self.country,
            self.subdivision,
            self.zone(zone),
            own=tuple((day.date, day.name) for day in self.days),
        )


class Freeze(ScopedRule):
    """A dated freeze, from `from` to `to`, or all events of an iCalendar file or address."""

    name: Label
    begins: Annotated[Moment | None, Field(alias="from")] = None
    """A date (its first instant) or a wall-clock time; with an offset, an instant."""
    ends: Annotated[Moment | None, Field(alias="to")] = None
    """Exclusive. A date means its midnight, like DTEND in iCalendar."""
    ics: Text | None = None
    """The path of an iCalendar file, relative to the folder of the policy, or an address that it is fetched from."""
    refresh: PositiveDuration | None = None
    """How often an address is fetched; unsaid, every 15 minutes."""
    stale_after: PositiveDuration | None = None
    """How old the last good copy may be before the calendar gate closes; unsaid, one day."""
    allow_private: bool = False
    """Whether the address may lie in a private network."""
    effect: Literal["discourage", "prohibit"] = "prohibit"
    break_glass: bool = False
    in_flight: Literal["hold", "finish"] | None = None
    """What becomes of a rollout that is under way when it begins; unsaid, what prohibits holds its next step."""

    @property
    def address(self) -> str | None:
        """The address to fetch; None for a file and for a freeze with dates."""
        return self.ics if self.ics is not None and is_address(self.ics) else None

    @property
    def holds(self) -> bool:
        """Whether it holds the next step of a rollout that is under way."""
        return self.effect == "prohibit" and self.in_flight != "finish"

    @model_validator(mode="after")
    def _when(self, info: ValidationInfo) -> "Freeze":
        if (self.ics is None) == (self.begins is None and self.ends is None):
            raise ValueError("a freeze needs either from and to, or ics")
        if self.in_flight == "hold" and self.effect != "prohibit":
            raise ValueError("only a freeze that prohibits can hold what is under way")
        self._fetching()
        context = info.context or {}
        if self.ics is not None:
            if self.address is None:
                _read_ics(self.ics, context)
            return self
        if self.begins is None or self.ends is None:
            raise ValueError("a freeze needs both from and to")
        span = self._span(self.begins, self.ends, context.get(ZONE) or ZoneInfo("UTC"))
        if span.start >= span.end:
            raise ValueError(
                f"it ends ({_written(self.ends)}) no later than it begins ({_written(self.begins)})"
            )
        return self

    def _fetching(self) -> None:
        """Raise ValueError where what only an address has is said of something else, or an address is unusable."""
        if self.address is None:
            said = self.refresh is not None or self.stale_after is not None or self.allow_private
            if said:
                raise ValueError("refresh, stale_after and allow_private are for an ics address only")
            return
        check_address(self.address)
        refresh, stale_after = self.refresh or REFRESH, self.stale_after or STALE_AFTER
        if refresh < SHORTEST_REFRESH:
            raise ValueError("an address is fetched at most once a minute")
        if stale_after < refresh * 2:
            raise ValueError(
                "stale_after is shorter than two refreshes, so one that fails would close the gate"
            )

    def _span(self, begins: date | datetime, ends: date | datetime, zone: ZoneInfo) -> Span:
        own = self.zone(zone)
        return Span(_instant(begins, own, end=False), _instant(ends, own, end=True))

    def source(self, zone: ZoneInfo, files: Mapping[str, IcsFile]) -> Source:
        """When it is in force; `zone` is the policy's, `files` are the iCalendar files that were read."""
        if self.ics is not None:  # of an address, the events come later: until then it has none
            return files[self.ics].in_zone(self.zone(zone)) if self.address is None else Fixed(())
        if self.begins is None or self.ends is None:
            raise ValueError(f"the freeze {self.name!r} has no beginning or no end")
        return Fixed((self._span(self.begins, self.ends, zone),))


class CalendarSection(Section):
    """When deployments may start (P6, P12)."""

    outside_windows: Literal["prohibit", "discourage", "allow"] = "prohibit"
    """What holds where an environment has windows and none is open."""
    windows: tuple[Window, ...] = ()
    restrictions: tuple[Restriction, ...] = ()
    holidays: tuple[HolidayRule, ...] = ()
    freezes: tuple[Freeze, ...] = ()
    may_freeze: Annotated[tuple[RoleName, ...], ListOfOne] | None = None
    """Who may declare a freeze in Slack; unsaid, everybody of the directory: to stop is the safe direction."""
    may_lift: Annotated[tuple[RoleName, ...], ListOfOne] | None = None
    """Who may lift one; unsaid, whoever declared it and whoever may fill a seat in every environment it covers."""


def compiled(section: CalendarSection, zone: ZoneInfo, files: Mapping[str, IcsFile]) -> Calendar:
    """The calendar itself; `zone` is the policy's, `files` are the iCalendar files that were read."""
    return Calendar(_rules(section, zone, files), Effect[section.outside_windows.upper()])


def _rules(section: CalendarSection, zone: ZoneInfo, files: Mapping[str, IcsFile]) -> Iterator[Rule]:
    for window in section.windows:
        yield _rule(window, window.name, RuleKind.WINDOW, window.source(zone))
    for restriction in section.restrictions:
        yield _rule(restriction, restriction.name, RuleKind.RESTRICTION, restriction.source(zone))
    for holiday in section.holidays:
        yield _rule(holiday, holiday.title, RuleKind.HOLIDAY, holiday.source(zone))
    for freeze in section.freezes:
        if freeze.address is None:
            yield _rule(freeze, freeze.name, RuleKind.FREEZE, freeze.source(zone, files))


def feeds(section: CalendarSection, zone: ZoneInfo) -> Iterator[FeedRule]:
    """The freezes whose events are fetched; `zone` is the policy's."""
    for freeze in section.freezes:
        if freeze.address is not None:
            yield FeedRule(
                name=freeze.name,
                url=freeze.address,
                refresh=freeze.refresh or REFRESH,
                stale_after=freeze.stale_after or STALE_AFTER,
                allow_private=freeze.allow_private,
                zone=freeze.zone(zone),
                template=_rule(freeze, freeze.name, RuleKind.FREEZE, Fixed(())),
            )


def _rule(
    section: Window | Restriction | HolidayRule | Freeze, name: str, kind: RuleKind, source: Source
) -> Rule:
    return Rule(
        name=name,
        kind=kind,
        effect=Effect[section.effect.upper()],
        source=source,
        scope=section.scope,
        break_glass=not isinstance(section, Window) and section.break_glass,
        reason=section.reason,
        holds=isinstance(section, Freeze) and section.holds,
    )


def _instant(moment: date | datetime, zone: ZoneInfo, *, end: bool) -> datetime:
    """The UTC instant of a freeze's edge: a date's midnight or a wall-clock time in the zone, or a true instant."""
    if not isinstance(moment, datetime):
        return whole_days(moment, moment, zone)[1 if end else 0]
    if moment.tzinfo is not None:
        return moment.astimezone(UTC)
    return end_instant(moment, zone) if end else start_instant(moment, zone)


def _written(moment: date | datetime) -> str:
    return moment.isoformat()


def _read_ics(name: str, context: dict[str, object]) -> None:
    """Read the file and leave it in the context, where the compilation and the digest find it."""
    base, files = context.get(BASE), context.get(ICS)
    if isinstance(base, Path) and isinstance(files, dict) and name not in files:
        files[name] = load_ics(base / name)
