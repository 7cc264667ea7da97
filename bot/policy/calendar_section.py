"""The calendar as the policy writes it: windows, restrictions, holidays and freezes, and their compilation."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from bot.domain.calendar import Calendar, Effect, Fixed, Rule, RuleKind, Source
from bot.policy.feeds import REFRESH, STALE_AFTER, FeedRule
from bot.policy.freeze_section import Freeze
from bot.policy.holiday_section import HolidayRule
from bot.policy.ics import IcsFile
from bot.policy.references import RoleName
from bot.policy.rule_section import Restriction, Window
from bot.policy.types import ListOfOne, Section


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
