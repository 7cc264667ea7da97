"""Runs a verification command once (K4): its exit code is the colour, and of its output a digest and the last line stay."""

import hashlib
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from pydantic import JsonValue

from bot.adapters.captured_process import Ended, run
from bot.adapters.own_secrets import SHORTEST, parts_of, secrets_in
from bot.adapters.plain_text import one_line
from bot.domain.environment import Colour, Reading
from bot.logs import GONE, without_told_secrets
from bot.policy.monitors import CommandMonitor
from bot.ports import Clock

ALWAYS_PASSED: Final = ("PATH", "HOME", "LANG")
GRACE_S: Final = 1.0
"""Between SIGTERM and SIGKILL for one that is over its time: a check has nothing to tidy up that takes longer."""
LONGEST_LINE: Final = 200
_COULD_NOT_ASK = frozenset({"not-found", "not-executable", "cannot-start", "no-working-folder"})


class CommandReader:
    """Takes readings by running programs: an argv without a shell, in the policy's folder, in a process group that is
    ended at the time limit. They see PATH, HOME, LANG and what the monitor passes on by name, and nothing else."""

    def __init__(self, clock: Clock, environ: Mapping[str, str], secrets: Collection[str] = ()) -> None:
        """`secrets` are values of our own that no program may repeat, besides those in `environ`: settings may stand in
        a file."""
        self._clock = clock
        self._environ = environ
        self._secrets = {part for each in secrets for part in parts_of(each) if len(part) >= SHORTEST}

    async def read(self, monitor: CommandMonitor, folder: Path) -> Reading:
        """One reading: exit 0 is GREEN, `warn_exit` YELLOW, any other end RED; a program that cannot be started is
        UNKNOWN, for nobody was asked. Never raises; takes at most the monitor's timeout and two seconds more, in
        which what is left of the process group is ended."""
        passed = {n: self._environ[n] for n in (*ALWAYS_PASSED, *monitor.pass_env) if n in self._environ}
        ended = await run(
            monitor.command,
            folder=folder,
            environ={"PATH": os.defpath, **passed},
            limit_s=monitor.timeout.total_seconds(),
            grace_s=GRACE_S,
            leave_none=True,
        )
        code = {"exit-0": "ok", "timed-out": "timeout"}.get(ended.code, ended.code)
        facts = {"exit": ended.code, **_kept(ended, self._hidden(monitor))}
        return Reading(colour=_colour(ended, monitor), code=code, at=self._clock.now(), facts=facts)

    def _hidden(self, monitor: CommandMonitor) -> list[str]:
        """What may not be shown, the longest first: what is passed on, and what our own environment and settings hold,
        for a program of the same user may find ways to read them."""
        return sorted(secrets_in(self._environ, monitor.pass_env).union(self._secrets), key=len, reverse=True)


def _colour(ended: Ended, monitor: CommandMonitor) -> Colour:
    if ended.code == "exit-0":
        return Colour.GREEN
    if ended.code in _COULD_NOT_ASK:
        return Colour.UNKNOWN
    if monitor.warn_exit is not None and ended.code == f"exit-{monitor.warn_exit}":
        return Colour.YELLOW
    return Colour.RED


def _kept(ended: Ended, hidden: list[str]) -> dict[str, JsonValue]:
    """The digest of the (capped) output and its last line that is not empty, with secrets put out of it."""
    if not ended.output:
        return {}
    facts: dict[str, JsonValue] = {"output_digest": digest_of(ended.output)}
    lines = [line for line in ended.output.splitlines() if line.strip()]
    if lines:
        facts["last_line"] = one_line(_without(lines[-1], hidden), LONGEST_LINE)
    return facts


def digest_of(output: str) -> str:
    """What names exactly this output in a record that does not hold it."""
    return "sha256:" + hashlib.sha256(output.encode("utf-8", "replace")).hexdigest()


def _without(line: str, hidden: list[str]) -> str:
    for value in hidden:
        line = line.replace(value, GONE)
    return without_told_secrets(line)
