"""Holidays as the policy writes them: those of a country or a part of it, and own days."""

import re
from datetime import date
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from bot.domain.calendar import DayOfYear, Holidays
from bot.policy.problems import shown
from bot.policy.rule_section import Label, ScopedRule
from bot.policy.types import Section

_CODE: Final = re.compile(r"[A-Z]{2,3}", re.ASCII)


def _day(value: object) -> object:
    try:
        if not isinstance(value, str):
            raise ValueError(value)  # noqa: TRY301, TRY004 - one sentence for all ways to be wrong
        return DayOfYear.parse(value) if len(value) == len("12-24") else date.fromisoformat(value)
    except ValueError:
        raise ValueError(
            f"{shown(value)} is not a day; write it like 2026-12-24, or 12-24 for every year"
        ) from None


DayText = Annotated[
    date | DayOfYear,
    BeforeValidator(_day),
    WithJsonSchema({"type": "string", "examples": ["2026-12-24", "12-24"]}),
]


def _country(value: object) -> object:
    if isinstance(value, str) and not _CODE.fullmatch(value):
        hint = value.upper() if _CODE.fullmatch(value.upper()) else "DE or US"
        raise ValueError(f"{value!r} is not a country; write its ISO code in capitals, like {hint}")
    return value


Country = Annotated[
    str, BeforeValidator(_country), WithJsonSchema({"type": "string", "pattern": "^[A-Z]{2,3}$"})
]


class OwnDay(Section):
    """A day that no list of public holidays has."""

    date: DayText
    """A date, or a day of every year, written like 12-24."""
    name: Label


class HolidayRule(ScopedRule):
    """The public holidays of a country or a part of it, observed days included, and own days; whole local days."""

    name: Label | None = None
    country: Country | None = None
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
