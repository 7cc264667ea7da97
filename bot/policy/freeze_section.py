"""Freezes as the policy writes them: between two dates, or all events of an iCalendar file or address."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, ValidationInfo, WithJsonSchema, field_validator, model_validator

from bot.domain.calendar import Fixed, Source, Span, end_instant, start_instant, whole_days
from bot.domain.freeze import UNTIL_LIFTED
from bot.policy.feeds import REFRESH, SHORTEST_REFRESH, STALE_AFTER, check_address, is_address
from bot.policy.ics import IcsFile, load_ics
from bot.policy.problems import shown
from bot.policy.rule_section import Label, ScopedRule
from bot.policy.types import PositiveDuration, Text

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
_FIRST_YEAR, _LAST_YEAR = 1900, 9998  # beyond them, an offset could lead out of the years that there are


def _moment(value: object) -> object:
    try:
        if not isinstance(value, str) or not _MOMENT.fullmatch(value):
            raise ValueError(value)  # noqa: TRY301 - one sentence for all ways to be wrong
        if len(value) == _DATE_LENGTH:
            return date.fromisoformat(value)
        return datetime.fromisoformat(value.upper())
    except ValueError:
        raise ValueError(
            f"{shown(value)} is not a date or a time; write it like 2026-11-23 or 2026-11-23T18:00"
        ) from None


Moment = Annotated[
    datetime | date, BeforeValidator(_moment), WithJsonSchema({"type": "string", "format": "date"})
]


class Freeze(ScopedRule):
    """A dated freeze, from `from` to `to`, or all events of an iCalendar file or address."""

    name: Label
    begins: Annotated[Moment | None, Field(alias="from")] = None
    """A date (its first instant) or a wall-clock time; with an offset, an instant."""
    ends: Annotated[Moment | None, Field(alias="to")] = None
    """Exclusive. A date means its midnight, like DTEND in iCalendar; one in the year 9999 means without an end."""
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

    @field_validator("begins", "ends")
    @classmethod
    def _of_our_years(cls, value: date | datetime | None, info: ValidationInfo) -> date | datetime | None:
        if value is None or _FIRST_YEAR <= value.year <= _LAST_YEAR:
            return value
        if info.field_name == "ends" and value.year > _LAST_YEAR:  # until further notice
            return value
        raise ValueError(
            f"{_written(value)} does not lie between the years {_FIRST_YEAR} and {_LAST_YEAR}; "
            "a freeze without an end ends on 9999-12-31"
        )

    @field_validator("ics")
    @classmethod
    def _fetchable(cls, value: str | None) -> str | None:
        if value is not None and is_address(value):
            check_address(value)
        return value

    @field_validator("refresh")
    @classmethod
    def _not_too_often(cls, value: timedelta | None) -> timedelta | None:
        if value is not None and value < SHORTEST_REFRESH:
            raise ValueError("an address is fetched at most once a minute")
        return value

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
        """Raise ValueError where what only an address has is said of something else, or does not fit together."""
        if self.address is None:
            said = self.refresh is not None or self.stale_after is not None or self.allow_private
            if said:
                raise ValueError("refresh, stale_after and allow_private are for an ics address only")
            return
        refresh, stale_after = self.refresh or REFRESH, self.stale_after or STALE_AFTER
        if stale_after < refresh * 2:
            raise ValueError(
                "stale_after is shorter than two refreshes, so one that fails would close the gate"
            )

    def _span(self, begins: date | datetime, ends: date | datetime, zone: ZoneInfo) -> Span:
        own = self.zone(zone)
        end = UNTIL_LIFTED if ends.year > _LAST_YEAR else _instant(ends, own, end=True)
        return Span(_instant(begins, own, end=False), end)

    def source(self, zone: ZoneInfo, files: Mapping[str, IcsFile]) -> Source:
        """When it is in force; `zone` is the policy's, `files` are the iCalendar files that were read."""
        if self.ics is not None:  # of an address, the events come later: until then it has none
            return files[self.ics].in_zone(self.zone(zone)) if self.address is None else Fixed(())
        if self.begins is None or self.ends is None:
            raise ValueError(f"the freeze {self.name!r} has no beginning or no end")
        return Fixed((self._span(self.begins, self.ends, zone),))


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
