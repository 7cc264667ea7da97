"""Reads a status file such as `deployment/status/production.status` (K3): one colour, and when it was verified."""

import re
from dataclasses import dataclass
from datetime import datetime

from bot.adapters.timestamps import instant
from bot.domain.environment import Colour

_COLOUR = re.compile(r"(?:status\s*[:=]\s*)?(green|yellow|red)", re.IGNORECASE)
_VERIFIED = re.compile(r"last[ _-]verified\s*[:=]\s*(.*)", re.IGNORECASE)


class Unreadable(ValueError):  # noqa: N818 -- it names what was found
    """The file does not state a colour, or states a time that is none: half written, or something else."""


@dataclass(frozen=True, slots=True)
class Stated:
    """What a status file states; `verified_at` is None where it does not say."""

    colour: Colour
    verified_at: datetime | None


def stated_in(content: bytes) -> Stated:
    """The first line is a colour word, alone or after `STATUS:`; a later line may be `Last Verified: <RFC 3339>`;
    whatever else follows is for people. Raises Unreadable."""
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise Unreadable("not UTF-8") from error
    colour = _COLOUR.fullmatch(lines[0].strip()) if lines else None
    if colour is None:
        raise Unreadable("the first line is not a colour")
    verified = [m for m in (_VERIFIED.fullmatch(line.strip()) for line in lines[1:]) if m]
    if not verified:
        return Stated(Colour[colour[1].upper()], None)
    at = instant(verified[0][1])
    if at is None:
        raise Unreadable("the verified time is not RFC 3339 with a zone")
    return Stated(Colour[colour[1].upper()], at)
