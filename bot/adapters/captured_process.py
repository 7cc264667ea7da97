"""Runs one program to its end or to its time limit: no shell, no stdin, its own process group, its output kept."""

import asyncio
import contextlib
import errno
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.adapters.kept_output import KeptOutput

_GRACE_S = 5.0
_DRAIN_S = 1.0
_POLL_S = 0.02
_READ_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended: `exit-N`, `signal-N`, `timed-out`, `not-found`, `not-executable`, `cannot-start`,
    `no-working-folder`. `output` is stdout and stderr in the order they were written, already capped."""

    code: str
    output: str


async def run(
    argv: Sequence[str],
    *,
    folder: Path,
    environ: Mapping[str, str],
    limit_s: float,
    grace_s: float = _GRACE_S,
    leave_none: bool = False,
) -> Ended:
    """Runs `argv` in `folder` with exactly the variables of `environ`.

    At `limit_s` its whole process group gets SIGTERM and, after `grace_s`, SIGKILL; the same when this call is
    cancelled. A descendant that left the group, or that keeps the output open after the program ended, is not waited
    for. Never raises for what the program does. With `leave_none`, what the program left behind in its group when it
    ended by itself is killed too: what runs again and again must not pile up.
    """
    output = KeptOutput()
    pipe = _Pipe(output)
    try:
        try:
            process = await _started(argv, folder, environ, pipe.write_end)
        except (OSError, ValueError) as error:
            return Ended(_why_not(error, folder), "")
        finally:
            pipe.close_write_end()
        timed_out = False
        try:
            async with asyncio.timeout(limit_s):
                await process.wait()
        except TimeoutError:
            timed_out = process.returncode is None
        finally:
            if process.returncode is None:
                await _end_group(process, grace_s)
            elif leave_none:
                _signal(process.pid, signal.SIGKILL)
        await pipe.drained(_DRAIN_S)
    finally:
        pipe.close()
    code = process.returncode
    if timed_out or code is None:
        return Ended("timed-out", output.text())
    return Ended(f"exit-{code}" if code >= 0 else f"signal-{-code}", output.text())


async def _started(
    argv: Sequence[str], folder: Path, environ: Mapping[str, str], write_end: int
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *argv,
        cwd=str(folder),
        env=dict(environ),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=write_end,
        stderr=write_end,
        start_new_session=True,  # its own process group, and no terminal to ask for a password on
    )


def _why_not(error: Exception, folder: Path) -> str:
    if isinstance(error, OSError) and error.filename == str(folder):
        return "no-working-folder"
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return "not-found"
    if isinstance(error, PermissionError) or (isinstance(error, OSError) and error.errno == errno.ENOEXEC):
        return "not-executable"
    return "cannot-start"


async def _end_group(process: asyncio.subprocess.Process, grace_s: float) -> None:
    """SIGTERM to the group, and SIGKILL to what is left of it after `grace_s`; SIGKILL at once if cancelled again."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + grace_s
    try:
        _signal(process.pid, signal.SIGTERM)
        while loop.time() < deadline and _signal(process.pid, 0):  # noqa: ASYNC110 -- a group has no event
            await asyncio.sleep(_POLL_S)
    finally:
        _signal(process.pid, signal.SIGKILL)
        with contextlib.suppress(TimeoutError):  # one that hangs in the kernel is left to it
            await asyncio.wait_for(process.wait(), _DRAIN_S)


def _signal(group: int, number: int) -> bool:
    """Whether the group was still there."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


class _Pipe:
    """The read end of the program's output, watched by the loop. An own pipe, not the transport's: waiting for the
    program must not wait for everybody who inherited its output."""

    def __init__(self, output: KeptOutput) -> None:
        self._loop = asyncio.get_running_loop()
        self._output = output
        self._ended = asyncio.Event()
        self._read_end, self.write_end = os.pipe()
        os.set_blocking(self._read_end, False)
        self._loop.add_reader(self._read_end, self._take)

    def _take(self) -> None:
        try:
            chunk = os.read(self._read_end, _READ_BYTES)
        except BlockingIOError:
            return
        if chunk:
            self._output.feed(chunk)
        else:
            self._loop.remove_reader(self._read_end)
            self._ended.set()

    def close_write_end(self) -> None:
        os.close(self.write_end)

    async def drained(self, at_most_s: float) -> None:
        """Until everybody has closed the output, or `at_most_s` has passed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(at_most_s):
                await self._ended.wait()

    def close(self) -> None:
        self._loop.remove_reader(self._read_end)
        os.close(self._read_end)
