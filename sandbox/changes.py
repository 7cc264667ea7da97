"""A counter that grows with every change, and a way to wait until it has."""

import asyncio


class Changes:
    """Counts changes; anyone may wait for the next."""

    def __init__(self) -> None:
        self.count = 0
        self._next = asyncio.Event()

    def bump(self) -> None:
        """Something changed."""
        self.count += 1
        happened, self._next = self._next, asyncio.Event()
        happened.set()

    async def wait_past(self, seen: int, timeout: float) -> int:  # noqa: ASYNC109 - the long poll's own limit
        """Return the count as soon as it exceeds `seen`, or as it is after `timeout` seconds."""
        if self.count <= seen:
            try:
                await asyncio.wait_for(self._next.wait(), timeout)
            except TimeoutError:
                return self.count
        return self.count
