"""When which monitor is read: each at its own phase of its interval, so many at once, so many of one host, no bursts.

Pure timing: it is told what time it is, and says what begins now. A day is simulated in a moment.
"""

import hashlib
import heapq
import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from bot.flows.observe import Watched
from bot.policy import Monitor

FIRST_RATE: Final = 300
"""So many monitors a second are read for the first time: a restart is not blind for long, and no burst either."""
TOO_SOON: Final = 0.1
"""Of its interval: a reading that would follow so soon is left out; no gap is longer than an interval and this much."""
STALLED: Final = 2.0
"""Seconds nobody looked at the schedule, after which what was missed is not made up for at once."""
SLOW: Final = 1.0
"""Seconds a reading may take until its host counts as slow; slow hosts share half of the places."""


@dataclass(slots=True, eq=False)
class Host:
    """What is read at one place: how much of it is under way, and what waits."""

    limit: int
    running: int = 0
    slow: bool = False
    queued: bool = False
    waiting: "deque[Post]" = field(default_factory=deque)


@dataclass(slots=True, eq=False)
class Post:
    """One monitor on the watch: its interval in seconds, where it is read, and when its turn comes."""

    environment: str
    monitor: Monitor
    watched: Watched
    every: float
    host: str | None = None
    """What `per_host` counts by; None is limited by nothing but the whole."""
    grid: float = 0.0
    """One instant of its schedule; the others are whole intervals away."""
    due: float = 0.0
    at: Host = field(default_factory=lambda: Host(limit=1))
    place: str = ""
    """The address itself; guesses count by it."""
    slow: bool = False
    under_way: bool = False
    began: float = 0.0


class Rounds:
    """The schedule of all posts. Instants are seconds of one clock that never goes back."""

    def __init__(self, posts: Iterable[Post], *, now: float, at_once: int, per_host: int) -> None:
        self.posts = tuple(posts)
        self._at_once = at_once
        self._heap: list[tuple[float, int, Post]] = []
        self._number = count()
        self._open: deque[Host] = deque()
        self._held: deque[Host] = deque()
        self._running = self._slow = 0
        self.stalled = 0.0
        """Seconds that the last stall took; 0 where there was none since the last call of `take`."""
        hosts: dict[str, Host] = {}
        for post in self.posts:
            post.at = (
                Host(limit=1) if post.host is None else hosts.setdefault(post.host, Host(limit=per_host))
            )
            own = phase(post.environment, post.monitor.name)
            first = now + own * min(post.every, max(1.0, len(self.posts) / FIRST_RATE))
            post.grid = now + own * post.every
            self._push(post, first)

    def take(self, now: float) -> list[Post]:
        """The posts whose reading begins now; each is given back with `done`."""
        self.stalled = 0.0
        if self._heap and now - self._heap[0][0] > STALLED:
            self._spread(now)
        while self._heap and self._heap[0][0] <= now:
            post = heapq.heappop(self._heap)[2]
            post.at.waiting.append(post)
            self._queue(post.at)
        return list(self._begin(now))

    def done(self, post: Post, now: float) -> None:
        """A reading ended; the next one is at the next instant of the schedule: what was missed meanwhile is not
        made up for."""
        post.under_way = False
        self._running -= 1
        self._slow -= post.slow
        post.at.running -= 1
        post.at.slow = now - post.began > SLOW
        if self._slow < self._most_slow:
            self._open.extend(self._held)
            self._held.clear()
        self._queue(post.at)
        after = math.floor((now - post.grid) / post.every) + 1
        due = post.grid + after * post.every
        if due - post.began < post.every * TOO_SOON:  # the first one was early, or this one was late
            due += post.every
        self._push(post, max(due, now))

    @property
    def next_at(self) -> float | None:
        """When `take` has something to do again, unless something is done before; None: nothing ever."""
        return self._heap[0][0] if self._heap else None

    @property
    def running(self) -> int:
        """Readings under way."""
        return self._running

    def overdue(self, now: float) -> float:
        """For how many seconds the reading that waits longest should have begun."""
        waiting = [host.waiting[0].due for host in {post.at for post in self.posts} if host.waiting]
        missed = [self._heap[0][0]] if self._heap else []
        return max((now - due for due in (*waiting, *missed)), default=0.0)

    def behind(self, now: float) -> float:
        """The same, without what waits for a host of its own that is slow or has all its places taken: that is the
        host's trouble, and no sign that the watch stands still."""
        hosts = {post.at for post in self.posts}
        free = [each for each in hosts if each.waiting and not each.slow and each.running < each.limit]
        missed = [self._heap[0][0]] if self._heap else []
        return max((now - due for due in (*(each.waiting[0].due for each in free), *missed)), default=0.0)

    @property
    def _most_slow(self) -> int:
        return max(1, self._at_once // 2)

    def _push(self, post: Post, due: float) -> None:
        post.due = due
        heapq.heappush(self._heap, (due, next(self._number), post))

    def _queue(self, host: Host) -> None:
        """Have a host that has something waiting, and a place for it, served in its turn."""
        if host.waiting and not host.queued and host.running < host.limit:
            host.queued = True
            self._open.append(host)

    def _begin(self, now: float) -> Iterator[Post]:
        """Host by host, one of each: many monitors of one host do not push those of another back."""
        while self._open and self._running < self._at_once:
            host = self._open.popleft()
            if host.slow and self._slow >= self._most_slow:
                self._held.append(host)  # stays queued, until a slow one is done
                continue
            host.queued = False
            post = host.waiting.popleft()
            post.began, post.slow, post.under_way = now, host.slow, True
            self._running += 1
            self._slow += post.slow
            host.running += 1
            self._queue(host)
            yield post

    def _spread(self, now: float) -> None:
        """Nobody looked for a while: this process was stopped, or the machine slept. What fell due meanwhile comes at
        the distances at which it would have come, from now on."""
        began = self._heap[0][0]
        self.stalled = now - began
        missed = []
        while self._heap and self._heap[0][0] <= now:
            missed.append(heapq.heappop(self._heap)[2])
        for post in missed:
            self._push(post, now + (post.due - began) % post.every)


def phase(environment: str, name: str) -> float:
    """A fixed fraction in [0, 1) for each monitor, so that they do not all fire at the same instant."""
    return int.from_bytes(hashlib.sha256(f"{environment}/{name}".encode()).digest()[:4]) / 2**32
