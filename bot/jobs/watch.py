"""Watches the environments: reads every monitor on its own jittered schedule and gives the readings to the flow."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

import structlog

from bot.domain.environment import Colour, Reading
from bot.flows.colours import unread
from bot.flows.listening import hear_nothing
from bot.flows.observe import Seen, Watched, age, keep_every
from bot.jobs.batch import Batch
from bot.jobs.reference import Reach, Sight
from bot.jobs.rounds import Post, Rounds, phase
from bot.jobs.turn import Turn
from bot.jobs.work import Pulse, rest
from bot.policy import Monitor, Policy
from bot.policy.monitors import CommandMonitor, HttpMonitor, PrometheusMonitor, TcpMonitor
from bot.ports import Ledger, PolicyInForce, Prober

__all__ = ["Watch", "phase"]
log = structlog.get_logger(__name__)

READ_EVERY = timedelta(seconds=30)  # of a monitor that names no interval
AGE_EVERY = 10.0  # seconds between two looks for monitors that fell silent
GRACE = 5.0  # seconds beyond its own limit after which a probe is given up
TIGHT: Final = timedelta(seconds=5)  # a reading that is kept this often does not wait for long
FINEST: Final = 0.002  # seconds: what falls due within the same moment begins together
KEPT_LAGS: Final = 20_000
IN_ONE_GO: Final = 500  # monitors of a new policy that are prepared before others have their turn


class Watch:
    """Reads the monitors of the policy in force, each in its turn; a reload replaces them."""

    def __init__(
        self,
        ledger: Ledger,
        in_force: PolicyInForce,
        prober: Prober,
        watchable: Callable[[Monitor], bool],
        *,
        reach: Reach | None = None,
        answered: Callable[[], float] | None = None,
        turn: Turn | None = None,
    ) -> None:
        """`reach` asks the references; without it, blindness is guessed, and `answered` says when something that is not
        watched answered last, by the loop's clock: then our network works. `turn` says whether it is this process that
        watches; without it there is no other."""
        self._ledger = ledger
        self._in_force = in_force
        self._prober = prober
        self._watchable = watchable
        self._sight = Sight(ledger, in_force, reach, answered)
        self._batch = Batch(ledger, in_force)
        self._watched: dict[tuple[str, str], Watched] = {}
        self._rounds: Rounds | None = None
        self._freed = asyncio.Event()
        self.changed = asyncio.Event()
        self.pulse = Pulse()
        self._ageing = Pulse()
        self._turn = turn
        if turn is not None:
            turn.changed = self.changed.set
        self.lags: deque[float] = deque(maxlen=KEPT_LAGS)
        """By how many seconds the last readings began later than they were due."""

    @property
    def pulses(self) -> dict[str, Pulse]:
        """Its loops: who reads, who writes down what was read, who looks for monitors that fell silent."""
        found = {"watch": self.pulse, "readings": self._batch.pulse, "ageing": self._ageing}
        return found if self._turn is None else {**found, "turn": self._turn.pulse}

    @property
    def blind(self) -> bool:
        """Whether the watch does not see now: its own network is down, or so it seems."""
        return self._sight.blind

    @property
    def overdue(self) -> float:
        """For how many seconds the reading that waits longest should have begun."""
        return 0.0 if self._rounds is None else self._rounds.overdue(asyncio.get_running_loop().time())

    @property
    def behind(self) -> float:
        """The same, without what waits for a slow host: for how many seconds the watch itself is late."""
        return 0.0 if self._rounds is None else self._rounds.behind(asyncio.get_running_loop().time())

    async def run(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._batch.run())
            tasks.create_task(self._sight.run())
            tasks.create_task(self._age())
            if self._turn is not None:
                tasks.create_task(self._turn.run())
            while True:
                self.changed.clear()
                await self._until_changed(self._in_force.policy)

    async def _until_changed(self, policy: Policy) -> None:
        posts = await self._posts(policy)
        self._sight.watch(posts)
        self._rounds = Rounds(
            posts,
            now=asyncio.get_running_loop().time(),
            at_once=policy.monitoring.at_once,
            per_host=policy.monitoring.per_host,
        )
        async with asyncio.TaskGroup() as tasks:
            under_way: set[asyncio.Task[None]] = set()

            def begin(post: Post, rounds: Rounds = self._rounds) -> None:
                task = tasks.create_task(self._read(rounds, post))
                under_way.add(task)
                task.add_done_callback(under_way.discard)

            going = tasks.create_task(self._go_round(self._rounds, begin))
            await self.changed.wait()
            for task in (going, *under_way):
                task.cancel()

    async def _go_round(self, rounds: Rounds, begin: Callable[[Post], None]) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._freed.clear()
            now = loop.time()
            for post in rounds.take(now):
                self.lags.append(now - post.due)
                begin(post)
            if rounds.stalled:
                log.warning("watch.stalled", seconds=round(rounds.stalled, 1))
            left = None if rounds.next_at is None else max(rounds.next_at - loop.time(), FINEST)
            await rest(self.pulse, left, self._freed)

    async def _read(self, rounds: Rounds, post: Post) -> None:
        try:
            async with asyncio.timeout(post.monitor.timeout.total_seconds() + GRACE):
                reading = await self._prober.read(post.environment, post.monitor)
            self._give_back(rounds, post)
            self._count_in(post, await self._sight.judged(post, reading))
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # Something inside was cancelled. To pass it on would end this monitor for good, and silently.
            log.exception("watch.failed", environment=post.environment, monitor=post.monitor.name)
        except Exception:
            log.exception("watch.failed", environment=post.environment, monitor=post.monitor.name)
        if post.under_way:
            self.pulse.failed += 1
            self._give_back(rounds, post)

    def _give_back(self, rounds: Rounds, post: Post) -> None:
        rounds.done(post, asyncio.get_running_loop().time())
        self._freed.set()
        self.pulse.done += 1

    def _count_in(self, post: Post, reading: Reading) -> None:
        """Hand the reading on: at once where it may open or end an incident, or has to be kept soon; that somebody
        is merely well, again or for the first time, can wait for others."""
        state = post.watched.state
        well = state is not None and (
            reading.colour is state.colour or (state.colour, reading.colour) == (Colour.UNKNOWN, Colour.GREEN)
        )
        tight = keep_every(post.monitor) < TIGHT
        seen = Seen(post.environment, post.monitor, reading, post.watched)
        if not self.ours:  # somebody else has taken over: what was under way is theirs to read
            return
        self._batch.add(seen, urgent=not well or tight or reading.decisive)

    @property
    def ours(self) -> bool:
        """Whether it is this process that watches."""
        return self._turn is None or self._turn.mine

    async def _posts(self, policy: Policy) -> list[Post]:
        if (
            not self.ours
        ):  # whoever stands by reads nothing, and forgets: another one writes what is true meanwhile
            self._watched = {}
            return []
        wanted = {
            (environment, monitor.name): monitor
            for environment, settings in policy.environments.items()
            for monitor in settings.monitors
            if self._watchable(monitor)
        }
        self._watched = {key: self._watched.get(key) or Watched() for key in wanted}
        await self._recall(wanted)
        posts: list[Post] = []
        for (environment, name), monitor in wanted.items():
            posts.append(post_of(environment, monitor, self._watched[environment, name]))
            if len(posts) % IN_ONE_GO == 0:
                await asyncio.sleep(0)
        return posts

    async def _recall(self, wanted: Mapping[tuple[str, str], Monitor]) -> None:
        """What was held of the monitors before this process began, read once for all of them."""
        if all(watched.state for watched in self._watched.values()):
            return
        try:
            now, held = await self._ledger.read(lambda tx: (tx.now, tx.environments.monitors()))
        except Exception:
            log.exception("recall.failed")  # then each is recalled with its first reading
            return
        kept = {each.id: each for each in held}
        for number, ((environment, name), monitor) in enumerate(wanted.items(), 1):
            if number % IN_ONE_GO == 0:
                await asyncio.sleep(0)
            watched = self._watched[environment, name]
            watched.state = (
                watched.state or kept.get(f"{environment}/{name}") or unread(environment, monitor, now)
            )

    async def _age(self) -> None:
        while True:
            await rest(self._ageing, AGE_EVERY, asyncio.Event())
            try:
                if self.blind:
                    await hear_nothing(self._ledger)
                await age(self._ledger, self._in_force.policy)
            except Exception:
                log.exception("age.failed")


def post_of(environment: str, monitor: Monitor, watched: Watched) -> Post:
    """The monitor's place in the schedule: where it is read is what `per_host` counts by."""
    every = (monitor.every or READ_EVERY).total_seconds()
    host = place = None
    if isinstance(monitor, HttpMonitor):
        parts = urlsplit(monitor.http.url)
        host, place = (parts.hostname or "").lower(), parts.netloc.lower()
    elif isinstance(monitor, TcpMonitor):
        host, place = monitor.tcp.host.lower(), f"{monitor.tcp.host}:{monitor.tcp.port}".lower()
    elif isinstance(monitor, CommandMonitor):
        host = place = "command:"  # this machine
    elif isinstance(monitor, PrometheusMonitor):
        host = place = "prometheus:"
    return Post(environment, monitor, watched, every, host, place=place or "")
