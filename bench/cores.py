"""One core for the server and another for the load, so that neither takes the other's time."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


def two_cores() -> tuple[int, int] | None:
    """The cores of server and load; None where there is one core only, or where the system cannot pin."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    allowed = sorted(os.sched_getaffinity(0))
    return (allowed[0], allowed[1]) if len(allowed) > 1 else None


@contextmanager
def starting_on(core: int | None) -> Iterator[None]:
    """What is started meanwhile, with all its threads, runs on `core` alone; this process goes back afterwards."""
    if core is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
