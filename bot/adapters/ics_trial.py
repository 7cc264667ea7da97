"""Reads the bytes of a fetched calendar in a process of its own first, with limits on its time and its memory: whatever
they are, the bot goes on."""

import asyncio
import contextlib
import json
import sys
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

LIMIT: Final = 15.0  # seconds, of which starting Python takes one or so
MEMORY: Final = 1024 * 1024 * 1024  # bytes of address space
AT_ONCE: Final = 2
UNUSABLE: Final = 3
"""The exit status for bytes that are no calendar that can be used."""
_YEARS: Final = (1972, 2026, 2090)
_BLOCK: Final = timedelta(days=800)
_CODE: Final = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from bot.adapters.ics_trial import main; main()"
)


class IcsTrial:
    """Tries calendars, a few at a time; the others wait."""

    def __init__(self, *, limit: float = LIMIT) -> None:
        self._limit = limit
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def code(self, body: bytes) -> str:
        """`ok`, `not-a-calendar`, `too-slow` where reading it takes too long, or `trial-failed` where the process
        could not run or ended by itself, as one does that runs out of memory. Never raises."""
        async with self._slots:
            try:
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-I", "-c", _CODE, json.dumps(sys.path)),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=asyncio.subprocess.DEVNULL,
                    env={},
                )
            except OSError:
                return "trial-failed"
            try:
                async with asyncio.timeout(self._limit):
                    await process.communicate(body)
            except TimeoutError:
                return "too-slow"
            finally:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        return {0: "ok", UNUSABLE: "not-a-calendar"}.get(process.returncode or 0, "trial-failed")


def main() -> None:
    """What the process does: read standard input as a calendar and expand it at the ends and in the middle of time."""
    _limited()
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


def _limited() -> None:
    with contextlib.suppress(
        ImportError, ValueError, OSError
    ):  # where the system has no such limits, time has one
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (int(LIMIT) + 1, int(LIMIT) + 1))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
