"""Lengths of time as people write them in a policy: `90s`, `5m`, `23h30m`, `7d`."""

import re
from datetime import timedelta
from typing import Final

LONGEST: Final = timedelta(days=3660)
"""The longest duration that is accepted: ten years. Longer ones are typing errors."""

_SECONDS: Final = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_SHAPE: Final = re.compile(
    r"(?:(\d{1,9})w)?(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?", re.ASCII
)

PATTERN: Final = r"^(?=\d)(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?$"
"""The same shape as a regular expression for JSON Schema."""


def parse(text: str) -> timedelta:
    """Read a duration of whole weeks, days, hours, minutes and seconds, the larger unit first.

    A day is 24 hours: a duration is elapsed time and knows no calendar.

    Raises:
        ValueError: with a sentence that says how a duration is written.

    """
    match = _SHAPE.fullmatch(text)
    if not text or match is None:
        raise ValueError(f"{text!r} is not a duration; write it like 30s, 5m, 1h30m or 7d")
    seconds = sum(
        int(count) * unit for count, unit in zip(match.groups(), _SECONDS.values(), strict=True) if count
    )
    if seconds > LONGEST.total_seconds():
        raise ValueError(f"{text!r} is longer than the {LONGEST.days} days that a duration may last")
    return timedelta(seconds=seconds)


def render(duration: timedelta) -> str:
    """Write a duration so that `parse` reads the same one again: `23h30m`, and `0s` for none.

    Raises:
        ValueError: for a negative duration or one with a fraction of a second, which the notation lacks.

    """
    if duration < timedelta(0) or duration.microseconds:
        raise ValueError(f"{duration!r} cannot be written as a duration of whole seconds")
    rest = duration.days * 86_400 + duration.seconds
    parts = []
    for letter, unit in _SECONDS.items():
        if letter == "w":  # seven days read better than one week beside `7d` in a policy
            continue
        count, rest = divmod(rest, unit)
        if count:
            parts.append(f"{count}{letter}")
    return "".join(parts) or "0s"
