"""Reads a status file once (K3): what it states, and whether that is fresh enough to be believed."""

import asyncio
import os
import stat
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from pydantic import JsonValue

from bot.adapters.status_file import Stated, Unreadable, stated_in
from bot.domain.environment import Colour, Reading
from bot.policy.monitors import FileMonitor
from bot.ports import Clock

STALE_AFTER: Final = timedelta(minutes=15)
"""How old a status may be where the policy does not say: never silently GREEN for ever."""
_AHEAD = timedelta(minutes=1)
_MOST_BYTES = 64 * 1024
_SECOND_LOOK_S = 0.05
_THREADS = 8  # a file system that hangs keeps its threads; the loop is not among them


class FileReader:
    """Takes readings of status files below the policy's folder. All are decisive: whoever wrote the file has already
    made up their mind, and a file that says nothing is UNKNOWN at once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="status-file")

    async def read(self, monitor: FileMonitor, folder: Path, written: Sequence[Path] = ()) -> Reading:
        """One reading; `monitor.file` is relative to `folder` and does not climb out of it (a symlink in it may).
        None of the files that the bot has `written` itself is a source, by whatever name it is reached.
        Never raises, and never takes longer than the monitor's timeout."""
        inside = _inside(monitor.file)
        if inside is None:
            return self._reading(Colour.UNKNOWN, "outside-policy-folder", {})
        try:
            async with asyncio.timeout(monitor.timeout.total_seconds()):
                stated, written_at = await self._twice(folder / inside, written)
        except TimeoutError:
            return self._reading(Colour.UNKNOWN, "timeout", {})
        except (FileNotFoundError, NotADirectoryError):
            return self._reading(Colour.UNKNOWN, "missing", {})
        except OwnWord:
            return self._reading(Colour.UNKNOWN, "own-file", {})
        except (OSError, ValueError):
            return self._reading(Colour.UNKNOWN, "unreadable", {})
        return self._judged(stated, stated.verified_at or written_at, monitor.stale_after or STALE_AFTER)

    async def close(self) -> None:
        """Waits for nothing."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _judged(self, stated: Stated, verified_at: datetime, limit: timedelta) -> Reading:
        age = self._clock.now() - verified_at
        facts: dict[str, JsonValue] = {
            "verified_at": verified_at.astimezone(UTC).isoformat(),
            "stated": stated.colour.value,
        }
        if age > limit:
            facts["limit_seconds"] = int(limit.total_seconds())
            return self._reading(Colour.UNKNOWN, "stale", facts)
        if age < -_AHEAD:
            return self._reading(Colour.UNKNOWN, "lies-about-time", facts)
        return self._reading(stated.colour, "stated", facts)

    def _reading(self, colour: Colour, code: str, facts: Mapping[str, JsonValue]) -> Reading:
        return Reading(colour=colour, code=code, at=self._clock.now(), facts=facts, decisive=True)

    async def _twice(self, path: Path, written: Sequence[Path]) -> tuple[Stated, datetime]:
        """A second look at what is missing or half written: it may be in the middle of being replaced."""
        try:
            return await self._once(path, written)
        except (FileNotFoundError, Unreadable):
            await asyncio.sleep(_SECOND_LOOK_S)
            return await self._once(path, written)

    async def _once(self, path: Path, written: Sequence[Path]) -> tuple[Stated, datetime]:
        loop = asyncio.get_running_loop()
        content, written_at = await loop.run_in_executor(self._pool, _content, path, written)
        return stated_in(content), written_at


class OwnWord(ValueError):  # noqa: N818 -- it names what was found
    """The bot would believe its own word for ever."""


def _same(kind: os.stat_result, other: Path) -> bool:
    try:
        return os.path.samestat(kind, other.stat())
    except OSError:  # it was not written yet
        return False


def _inside(relative: str) -> Path | None:
    """The path without detours, or None where it leaves the folder it starts in."""
    path = Path(os.path.normpath(relative))
    return None if path.is_absolute() or path.parts[:1] == ("..",) else path


def _content(path: Path, written: Sequence[Path]) -> tuple[bytes, datetime]:
    """The bytes of a regular file, and when they were written; a pipe or a device is not waited for."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:  # noqa: PTH123 -- a descriptor, so that what is checked is what is read
        kind = os.fstat(descriptor)
        if not stat.S_ISREG(kind.st_mode) or kind.st_size > _MOST_BYTES:
            raise Unreadable("not a regular file of at most 64 KiB")
        if any(_same(kind, each) for each in written):
            raise OwnWord("the bot wrote this file itself")
        return file.read(_MOST_BYTES), datetime.fromtimestamp(kind.st_mtime, UTC)
