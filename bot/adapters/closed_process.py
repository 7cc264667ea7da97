"""Keeps other programs of the same user, monitor commands among them, from reading the memory and the environment of this process."""

import ctypes
import sys
from typing import Final

_PR_SET_DUMPABLE: Final = 4


def close_to_others() -> bool:
    """Whether it could be done: from now on `/proc/PID/environ`, `/proc/PID/mem` and ptrace are root's, and there are no
    core dumps. Programs that are started from here are as open as ever. On other systems than Linux: False."""
    if sys.platform != "linux":
        return False
    try:
        return int(ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)) == 0
    except (OSError, AttributeError):  # a C library without it
        return False
