"""The loops of a running bot: what falls due, what is owed, what is watched, and whether all of that goes round."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator

import aiohttp

from bot.adapters.ics_feed import IcsFetcher
from bot.adapters.probes import Probes
from bot.adapters.prometheus import Prometheus
from bot.adapters.status_writer import StatusWriter
from bot.domain.health import Health
from bot.jobs.alive import Alive
from bot.jobs.board_file import BoardFile
from bot.jobs.deliveries import Pace, delivery_worker
from bot.jobs.duties import Duties
from bot.jobs.feeds import Feeds
from bot.jobs.follow_state import FollowState
from bot.jobs.metrics import Metrics
from bot.jobs.prune import Pruning
from bot.jobs.roll import Roll
from bot.jobs.self_check import SelfCheck
from bot.jobs.status_files import StatusFiles
from bot.jobs.timers import timer_worker
from bot.jobs.turn import Turn
from bot.jobs.watch import Watch
from bot.jobs.work import Pulse
from bot.settings import Settings
from bot.wiring.decider import Decider, forge_of, groups_of
from bot.wiring.outside import Outside
from bot.wiring.timers import timers_of
from handlers.slack.announcer import Announcer
from handlers.slack.context import SlackContext
from handlers.slack.socket_mode import SocketMode
from handlers.slack.workspace import keep_learning
from handlers.wording import board_markdown
from handlers.wording.status_file import status_file
from storage.owed import DeliveryTable, TimerTable
from storage.retention import Retention

Loop = Callable[[], Awaitable[None]]


class Loops:
    """Everything that goes round for as long as the bot runs."""

    def __init__(
        self,
        settings: Settings,
        decider: Decider,
        outside: Outside,
        slack: SlackContext,
        *,
        session: aiohttp.ClientSession,
        probes: Probes,
        socket_mode: SocketMode | None,
        closing: contextlib.AsyncExitStack,
    ) -> None:
        ledger, clock, holder = decider.ledger, decider.clock, decider.holder
        background = ledger.in_background
        timers, deliveries = TimerTable(ledger, clock), DeliveryTable(ledger, clock)
        groups, forge = groups_of(settings, session, clock), forge_of(settings, session, clock)
        self.duties = Duties(background, holder, pagerduty=outside.pagerduty, groups=groups, clock=clock)
        metrics = Prometheus(settings.prometheus_url)
        closing.push_async_callback(metrics.close)
        work = timers_of(decider, background, self.duties, forge, metrics)
        self.timers = timer_worker(timers, clock, work)
        lanes = outside.lanes(Announcer(background, holder, clock, slack.api), background, holder)
        self.deliveries = delivery_worker(deliveries, clock, lanes, Pace())
        ledger.bells += [self.timers.bell, self.deliveries.bell]
        self.watch = Watch(
            background,
            holder,
            probes,
            probes.supports,
            reach=probes,
            turn=Turn(background),
            answered=lambda: max(slack.api.answered_at, outside.pagerduty.answered_at),
        )
        fetcher, writer = IcsFetcher(), StatusWriter()
        closing.push_async_callback(fetcher.close)
        closing.push_async_callback(writer.close)
        self.feeds = Feeds(background, holder, fetcher, clock)
        self.roll = Roll(background, holder)
        self.follow_state = FollowState(background, holder, self.changed)
        self.status_files = StatusFiles(background, holder, writer.write, status_file)
        self.board_file = BoardFile(background, holder, writer.write_changed, board_markdown.file_text)
        alive = settings.alive_url
        self._alive = None if alive is None else Alive(session, alive, self._health)
        pulses = self._pulses()
        self.metrics = Metrics(pulses)
        self.check = SelfCheck(
            ledger,
            clock,
            holder,
            pulses=pulses,
            owed={"timers": timers, "deliveries": deliveries},
            metrics=self.metrics,
            connected=None if socket_mode is None else socket_mode.connected,
        )
        self.check.late = {"watch": lambda: self.watch.overdue}
        self.check.behind = lambda: self.watch.behind
        self._workspace = lambda: keep_learning(slack)
        self._prune = Pruning(Retention(ledger, clock)).run

    async def _health(self) -> Health:
        return await self.check.health()

    def _pulses(self) -> dict[str, Pulse]:
        """What the self-check and the metrics know the loops by."""
        found = {
            "timers": self.timers.pulse,
            "deliveries": self.deliveries.pulse,
            **self.watch.pulses,
            "status-files": self.status_files.pulse,
            "board-file": self.board_file.pulse,
            "feeds": self.feeds.pulse,
            "duties": self.duties.pulse,
            "roll": self.roll.pulse,
        }
        return found if self._alive is None else {**found, "alive": self._alive.pulse}

    def all(self) -> Iterator[tuple[str, Loop]]:
        """Each by its name."""
        yield "timers", self.timers.run
        yield "deliveries", self.deliveries.run
        yield "watch", self.watch.run
        yield "status-files", self.status_files.run
        yield "board-file", self.board_file.run
        yield "feeds", self.feeds.run
        yield "duties", self.duties.run
        yield "roll", self.roll.run
        yield "follow-state", self.follow_state.run
        yield "self-check", self.check.run
        yield "workspace", self._workspace
        yield "prune", self._prune
        if self._alive is not None:
            yield "alive", self._alive.run

    def changed(self) -> None:
        """Another policy is in force: whatever works by it looks at once."""
        events: tuple[asyncio.Event, ...] = (
            self.watch.changed,
            self.status_files.changed,
            self.board_file.changed,
            self.feeds.changed,
            self.roll.changed,
            self.duties.changed,
        )
        for event in events:
            event.set()
