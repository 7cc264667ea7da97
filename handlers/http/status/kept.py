"""What was rendered lately: visitors share one reading of the ledger a second, and one rendering of it."""

import asyncio
import gzip
import hashlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from bot.domain.board import Board
from bot.policy import Policy
from bot.ports import Clock, Ledger

FRESH: Final = timedelta(seconds=1)
STALEST: Final = timedelta(seconds=10)
REST: Final = 10
"""A board that takes long to make is made so much more seldom: a tenth of the time at most goes into it."""
READING_SECONDS: Final = 5.0
"""How long visitors wait for the ledger before they are told that it does not answer."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """Bytes to send, packed as well, with their tag."""

    body: bytes
    packed: bytes
    tag: str


class View(NamedTuple):
    """What is rendered: in which form, and whether for the public."""

    form: str
    public: bool


@dataclass(frozen=True, slots=True)
class _Kept:
    """All renderings of one board, and until when it counts as fresh."""

    board: Board
    policy: Policy
    read_at: datetime
    fresh_until: datetime
    rendered: dict[View, Rendered]

    def serves(self, policy: Policy, now: datetime) -> bool:
        # A clock that was put back must not make an old board fresh for ever.
        return self.policy is policy and self.read_at <= now < self.fresh_until


Read = Callable[[Ledger, Policy], Awaitable[Board]]
Render = Callable[[View, Board, Policy], bytes]


@dataclass(slots=True)
class Boards:
    """The newest board. However many ask at once, one reading and one rendering of each view is under way."""

    read: Read
    render: Render
    _kept: _Kept | None = None
    _under_way: dict[View, asyncio.Task[Rendered]] = field(default_factory=dict)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def of(self, view: View, ledger: Ledger, policy: Policy, clock: Clock) -> Rendered:
        """The bytes of a view, at most a second old. Raises what reading raises, and TimeoutError."""
        if (ready := self.ready(view, policy, clock)) is not None:
            return ready
        work = self._under_way.get(view)
        if work is None:
            work = asyncio.create_task(self._made(view, ledger, policy, clock), name=f"status-{view.form}")
            self._under_way[view] = work
            work.add_done_callback(lambda _: self._under_way.pop(view, None))
        return await asyncio.shield(work)  # a visitor who leaves takes it away from nobody

    def ready(self, view: View, policy: Policy, clock: Clock) -> Rendered | None:
        """The bytes of a view where nothing has to be asked for them."""
        kept = self._kept
        return kept.rendered.get(view) if kept is not None and kept.serves(policy, clock.now()) else None

    async def _made(self, view: View, ledger: Ledger, policy: Policy, clock: Clock) -> Rendered:
        async with self._turn:
            kept = self._kept
            if kept is None or not kept.serves(policy, clock.now()):
                kept = self._kept = await self._newest(ledger, policy, clock)
            if (ready := kept.rendered.get(view)) is None:
                body = await asyncio.to_thread(self.render, view, kept.board, policy)
                ready = kept.rendered[view] = await asyncio.to_thread(_packed, body)
            return ready

    async def _newest(self, ledger: Ledger, policy: Policy, clock: Clock) -> _Kept:
        began = time.perf_counter()
        read_at = clock.now()
        async with asyncio.timeout(READING_SECONDS):
            board = await self.read(ledger, policy)
        took = timedelta(seconds=time.perf_counter() - began)
        lasts = min(max(FRESH, took * REST), STALEST)
        return _Kept(board, policy, read_at, read_at + lasts, {})


def _packed(body: bytes) -> Rendered:
    return Rendered(body, gzip.compress(body, 6, mtime=0), hashlib.sha256(body).hexdigest()[:32])
