"""Reads the bytes of a fetched calendar in a process of its own first, with limits on its time and its memory: whatever
they are, the bot goes on."""

import asyncio
import sys
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from bot.adapters.child import limited, run_child

LIMIT: Final = 15.0  # seconds, of which starting Python takes one or so
AT_ONCE: Final = 2
UNUSABLE: Final = 3
"""The exit status for bytes that are no calendar that can be used."""
_YEARS: Final = (1972, 2026, 2090)
_BLOCK: Final = timedelta(days=800)


class IcsTrial:
    """Tries calendars, a few at a time; the others wait."""

    def __init__(self, *, limit: float = LIMIT) -> None:
        self._limit = limit
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def code(self, body: bytes) -> str:
        """`ok`, `not-a-calendar`, `too-slow` where reading it takes too long, or `trial-failed` where the process
        could not run or ended by itself, as one does that runs out of memory. Never raises."""
        try:
            async with self._slots:
                ended = await run_child(__name__, body, limit=self._limit)
        except TimeoutError:
            return "too-slow"
        except OSError:
            return "trial-failed"
        return {0: "ok", UNUSABLE: "not-a-calendar"}.get(ended.status, "trial-failed")


def main() -> None:
    """What the process does: read standard input as a calendar and expand it at the ends and in the middle of time."""
    limited(LIMIT)
    from bot.policy.ics import parse_ics

    body = sys.stdin.buffer.read()
    zone = ZoneInfo("UTC")
    try:
        source = parse_ics(body, "the feed").in_zone(zone)
    except ValueError:
        sys.exit(UNUSABLE)
    for year in _YEARS:
        low = datetime(year, 1, 1, tzinfo=zone)
        source.spans(low, low + _BLOCK)
