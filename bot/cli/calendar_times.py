"""Instants on the command line: how they are written and read, for machines and for people."""

import re
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

NOW: Final = "now"
_RFC3339: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?P<offset>[Zz]|[+-]\d\d:\d\d)?", re.ASCII
)
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def instant(text: str) -> datetime:
    """The instant that an RFC 3339 text names.

    Raises:
        ValueError: with a sentence, for any other text and for one without an offset.

    """
    match = _RFC3339.fullmatch(text)
    try:
        if match is None:
            raise ValueError(text)  # noqa: TRY301 - one sentence for both ways to be wrong
        found = datetime.fromisoformat(text.upper())
    except ValueError:
        raise ValueError(f"{text!r} is not a time; write it like 2026-07-04T14:00:00Z") from None
    if match["offset"] is None:
        raise ValueError(
            f"{text!r} has no offset, so which instant it means is unknown; add Z or one such as -04:00"
        )
    try:
        return found.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{text!r} lies outside the years of the calendar") from None


def instant_or_now(text: str) -> datetime:
    """The same, where the word `now` is understood too."""
    return now() if text == NOW else instant(text)


def now() -> datetime:
    """The present instant, in UTC."""
    from bot.adapters.clock import SystemClock

    return SystemClock().now()


def day_or_instant(text: str, zone: "ZoneInfo") -> datetime:
    """The beginning of a local day of `zone`, an instant, or `now`. Raises ValueError with a sentence."""
    from bot.domain.calendar import whole_days

    if not _DATE.fullmatch(text):
        return instant_or_now(text)
    try:
        day = date.fromisoformat(text)
        return whole_days(day, day, zone)[0]
    except ValueError:
        raise ValueError(f"{text!r} is not a date") from None
    except OverflowError:
        raise ValueError(f"{text!r} lies outside the years of the calendar") from None


def rfc3339(moment: datetime | None) -> str | None:
    """An instant as RFC 3339 in UTC, null where there is none."""
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def told(moment: datetime, zone: "ZoneInfo", *, seconds: bool = True) -> str:
    """Wall-clock time in `zone` with its abbreviation: `Tue 2026-11-10 10:00:00 EST`."""
    return moment.astimezone(zone).strftime("%a %Y-%m-%d %H:%M:%S %Z" if seconds else "%a %Y-%m-%d %H:%M %Z")
