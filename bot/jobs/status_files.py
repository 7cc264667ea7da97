"""Keeps the status files that the bot writes (K3): new after each change, and renewed before anybody finds them stale."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import structlog

from bot.flows.status_files import Gist, StatusFile, gists, status_files, written
from bot.jobs.work import Pulse, look_again_and_again
from bot.policy import Policy
from bot.ports import Ledger, PolicyInForce

log = structlog.get_logger(__name__)

LOOK_AGAIN: Final = 2.0  # seconds: a colour that turned is in its file soon
PATIENCE: Final = 120.0  # seconds: each of the files has seconds of its own
RENEW_EVERY: Final = timedelta(minutes=2)
"""An unchanged file is written this often: a status that nobody confirmed for 15 minutes is stale by default."""
Write = Callable[[Path, str, bytes], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Kept:
    """What was written of an environment, where and when; `code` says why it was not."""

    place: Path
    gist: Gist
    at: datetime
    code: str | None


class StatusFiles:
    """Writes the files of the policy in force; a file that cannot be written is tried again with each renewal."""

    def __init__(
        self, ledger: Ledger, in_force: PolicyInForce, write: Write, render: Callable[[StatusFile], str]
    ) -> None:
        """`write` is given the policy's folder, a path below it and the content, and raises OSError."""
        self._ledger = ledger
        self._in_force = in_force
        self._write = write
        self._render = render
        self._kept: dict[str, _Kept] = {}
        self.changed = asyncio.Event()
        self.pulse = Pulse(patience=PATIENCE)

    @property
    def failing(self) -> dict[str, str]:
        """The environments whose file is not what it should be, and why."""
        return {name: kept.code for name, kept in self._kept.items() if kept.code is not None}

    async def run(self) -> None:
        """Look again and again until cancelled."""
        await look_again_and_again(
            self.look, self.pulse, LOOK_AGAIN, self.changed, failed="status-files.failed"
        )

    async def look(self) -> int:
        """Write what is new or due; how many files. Raises what the ledger raises."""
        policy = self._in_force.policy
        paths = written(policy)
        self._kept = {name: kept for name, kept in self._kept.items() if name in paths}
        if not paths:
            return 0
        now, found = await gists(self._ledger, policy)
        due = [name for name in paths if self._due(name, policy.folder / paths[name], found[name], now)]
        if not due:
            return 0
        files = await status_files(self._ledger, policy, due)
        done = [await self._keep(policy, one, found[one.status.name]) for one in files]
        return sum(done)

    def _due(self, name: str, place: Path, gist: Gist, now: datetime) -> bool:
        kept = self._kept.get(name)
        if kept is None or (kept.place, kept.gist) != (place, gist):
            return True
        return not timedelta(0) <= now - kept.at < RENEW_EVERY

    async def _keep(self, policy: Policy, one: StatusFile, gist: Gist) -> bool:
        name, before = one.status.name, self._kept.get(one.status.name)
        code = None
        try:
            await self._write(policy.folder, one.path, self._render(one).encode())
            self.pulse.done += 1
        except OSError as error:
            self.pulse.failed += 1
            code = error.strerror or type(error).__name__
        if code is not None and (before is None or before.code != code):
            log.warning("status-file.not-written", environment=name, path=one.path, reason=code)
        elif code is None and before is not None and before.code is not None:
            log.info("status-file.written-again", environment=name, path=one.path)
        self._kept[name] = _Kept(policy.folder / one.path, gist, one.written_at, code)
        return code is None
