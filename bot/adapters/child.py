"""Runs one of our own modules on untrusted bytes in a process of its own, with limits on its time and its memory:
whatever the bytes are, the bot goes on."""

import asyncio
import contextlib
import json
import sys
from dataclasses import dataclass
from typing import Final

MEMORY: Final = 1024 * 1024 * 1024  # bytes of address space
_CODE: Final = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from {0} import main; main()"


@dataclass(frozen=True, slots=True)
class Ended:
    """How the process ended: what it wrote, and its exit status (negative: the signal that ended it)."""

    output: bytes
    status: int


async def run_child(module: str, question: bytes, *, limit: float) -> Ended:
    """Call `main()` of `module` in a fresh interpreter without our environment, with `question` as its standard input.

    Raises OSError where it could not be started, and TimeoutError after `limit` seconds, of which starting Python
    takes one or so; it is ended then.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-c", _CODE.format(module), json.dumps(sys.path)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={},
    )
    try:
        async with asyncio.timeout(limit):
            output, _ = await process.communicate(question)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    return Ended(output, process.returncode or 0)


def limited(seconds: float) -> None:
    """What the process does first: take no more memory than `MEMORY`, no more CPU than `seconds`, leave no core."""
    with contextlib.suppress(
        ImportError, ValueError, OSError
    ):  # where the system has no such limits, time has one
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 1))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
