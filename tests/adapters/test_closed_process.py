"""A program of the same user reads neither the environment nor the memory of a process that closed itself."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
SCRIPT = """
import ctypes, subprocess, sys
from bot.adapters.closed_process import close_to_others
DUMPABLE = "import ctypes; print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"
if "closed" in sys.argv:
    assert close_to_others()
print("ours", ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
print("theirs", subprocess.run([sys.executable, "-c", DUMPABLE], capture_output=True, text=True).stdout.strip())
read = subprocess.run(["sh", "-c", "tr '\\\\0' '\\\\n' </proc/$PPID/environ"], capture_output=True, text=True)
print(read.stdout, open("/proc/self/statm").read())
"""


def ran(*words: str) -> str:
    environ = {**os.environ, "PORTCULLIS_AUDIT_KEY": "made-up-for-this-test"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *words],
        env=environ, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_nobody_but_root_may_look_into_it_and_what_it_starts_is_as_open_as_ever() -> None:
    assert "ours 1\n" in ran()
    said = ran("closed")
    assert "ours 0\n" in said
    assert "theirs 1\n" in said


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_program_that_it_starts_cannot_read_its_environment() -> None:
    assert "made-up-for-this-test" in ran()
    assert "made-up-for-this-test" not in ran("closed")
