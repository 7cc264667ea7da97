"""Child processes: started on a core, waited for until they say that they are ready, ended by their own id."""

import json
import os
import select
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.cores import starting_on

ROOT = Path(__file__).resolve().parent.parent
STARTS_WITHIN = 60.0  # seconds
STOPS_WITHIN = 15.0


class Failed(RuntimeError):  # noqa: N818 -- it says what became of the run
    """A process did not do what was to be measured: there is no figure, and the text says why."""


@dataclass(frozen=True, slots=True)
class Started:
    """A server that said it is ready: its last word on that line (an address), and how long that took."""

    word: str
    seconds: float
    pid: int


def environment(**more: str) -> dict[str, str]:
    """A bare environment with this checkout's code first; settings of the caller's shell do not leak in."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TMPDIR") if name in os.environ}
    return {**kept, "PYTHONPATH": str(ROOT), **more}


@contextmanager
def server(
    argv: Sequence[str], folder: Path, core: int | None, settings: Mapping[str, str] | None = None
) -> Iterator[Started]:
    """A server in `folder`, ended on leaving. Its first line of output means that it is ready. Raises Failed."""
    errors = folder / "errors.log"
    with errors.open("wb") as log, starting_on(core):
        began = time.perf_counter()
        process = subprocess.Popen(
            argv,
            cwd=folder,
            env=environment(**(settings or {})),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
        )
    try:
        line = _first_line(process, errors)
        seconds = time.perf_counter() - began
        yield Started(line.split()[-1], seconds, process.pid)
        if process.poll() is not None:
            raise Failed(f"{argv[-1]} ended by itself with {process.returncode}: {_tail(errors)}")
    finally:
        _end(process)


def _first_line(process: "subprocess.Popen[bytes]", errors: Path) -> str:
    assert process.stdout is not None
    readable, _, _ = select.select([process.stdout], [], [], STARTS_WITHIN)
    line = process.stdout.readline().decode().strip() if readable else ""
    if not line:
        why = "said nothing" if process.poll() is None else f"ended with {process.returncode}"
        raise Failed(f"{process.args!r} {why}: {_tail(errors)}")
    return line


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOPS_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdout is not None:
        process.stdout.close()


def once(
    argv: Sequence[str], folder: Path, core: int | None, settings: Mapping[str, str] | None = None
) -> tuple[str, float]:
    """Run a program to its end: its output, and the seconds it took. Raises Failed where it does not exit with 0."""
    with starting_on(core):
        began = time.perf_counter()
        process = subprocess.Popen(
            argv,
            cwd=folder,
            env=environment(**(settings or {})),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    try:
        output, errors = process.communicate(timeout=300)
    except subprocess.TimeoutExpired:
        raise Failed(f"{argv!r} did not end") from None
    finally:
        _end(process)
    seconds = time.perf_counter() - began
    if process.returncode != 0:
        raise Failed(f"{argv!r} ended with {process.returncode}: {errors.decode(errors='replace')[-2000:]}")
    return output.decode(), seconds


def report(argv: Sequence[str], folder: Path, core: int | None) -> dict[str, Any]:
    """The JSON object that a program prints. Raises Failed."""
    output, _ = once(argv, folder, core)
    answer = json.loads(output)
    if not isinstance(answer, dict):
        raise Failed(f"{argv!r} printed no object")
    return answer


def _tail(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")[-2000:]
