"""The small value types that every part of a policy shares: durations, crons, zones, names."""

import re
from datetime import timedelta
from typing import Annotated, Final, Self
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PlainSerializer,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from bot.domain import durations
from bot.domain.crons import Cron
from bot.policy.problems import explained
from bot.policy.suggestions import meant

NAME_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"

_LONGEST_ZONE: Final = 100
"""Characters of a name; no zone has half as many, and one of thousands would be walked folder by folder."""
_NO_PLACE: Final = re.compile(r"[A-Za-z]{2,5}|(?:[A-Za-z]{1,5})?[+-]\d.*", re.ASCII)
"""An abbreviation or an offset: the zone with the nearest name is seldom the one that is meant."""


class Section(BaseModel):
    """A part of the policy: immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @model_validator(mode="wrap")
    @classmethod
    def _explain(cls, value: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        # Done at every level, because only here is it known which keys could have been meant.
        try:
            return handler(value)
        except ValidationError as error:
            raise explained(cls, error) from error


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str):
        return durations.parse(value)
    raise ValueError(f"{value!r} is not a duration; write it with its unit, like 30s, 5m, 1h30m or 7d")


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError("a duration of zero has no meaning here")
    return value


def _cron(value: object) -> Cron:
    if isinstance(value, Cron):
        return value
    if isinstance(value, str):
        return Cron(value)
    raise ValueError(
        f"{value!r} is not a cron expression; write five fields in quotes, like '0 10 * * TUE-THU'"
    )


def zone(name: str) -> ZoneInfo:
    """The IANA zone of this name.

    Raises:
        ValueError: with a sentence, and the name that was probably meant.

    """
    if name.lower() in {"localtime", "factory", "posixrules"}:  # what these mean depends on the machine
        raise ValueError(f"{name!r} is not an IANA time zone; write a place, such as Europe/Berlin, or UTC")
    if len(name) > _LONGEST_ZONE:
        raise ValueError(f"'{name[:40]}…' is not an IANA time zone; no name of one is that long")
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError) as error:
        place = "; write a place, such as Europe/Berlin or America/New_York, or UTC"
        hint = place if _NO_PLACE.fullmatch(name) else meant(name, _known_zones()) or place
        raise ValueError(f"{name!r} is not an IANA time zone{hint}") from error


def _known_zones() -> set[str]:
    from zoneinfo import available_timezones  # reads the whole database: only for the hint in an error

    return available_timezones()


def _zone_name(value: str) -> str:
    return zone(value).key


def _one_or_many(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    PlainSerializer(durations.render, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": durations.PATTERN,
            "description": "A duration such as 30s, 5m, 23h30m, 7d.",
            "examples": ["30s", "5m", "23h30m", "7d"],
        }
    ),
]
"""A length of elapsed time, written like `23h30m`; a timedelta once parsed."""

PositiveDuration = Annotated[Duration, AfterValidator(_positive)]
"""A duration that is longer than nothing."""

CronText = Annotated[
    Cron,
    BeforeValidator(_cron),
    PlainSerializer(lambda cron: cron.text, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "description": "A cron expression of five fields: minute hour day month weekday.",
            "examples": ["0 10 * * TUE-THU"],
        }
    ),
]
"""A cron expression; a `Cron` once parsed."""

ZoneName = Annotated[
    str,
    AfterValidator(_zone_name),
    Field(description="An IANA time zone.", examples=["Europe/Berlin", "America/New_York", "UTC"]),
]
"""The name of an IANA zone, proved to exist."""

Name = Annotated[
    str, Field(pattern=NAME_PATTERN, description="Letters, digits, dots, dashes and underscores.")
]
"""A name that the policy gives to something of its own."""

Text = Annotated[str, Field(min_length=1, max_length=2000)]
"""A line for people; never empty."""

ListOfOne = BeforeValidator(_one_or_many, json_schema_input_type=str | list[str])
"""Lets a single name stand where a list of names is meant."""
