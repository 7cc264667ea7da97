"""The Prometheus exposition: loops, what is overdue, open requests, colours, fetched calendars."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bot.jobs.work import Pulse

OWING: Final = ("timers", "deliveries")
"""The loops that carry out what the ledger owes."""


class LoopMetrics(Collector):
    """Reads the loops' own counts when asked, so that counting costs nothing in between."""

    def __init__(self, pulses: Mapping[str, Pulse]) -> None:
        self._pulses = pulses
        self.colours: dict[str, str] = {}
        self.open_requests = 0
        self.overdue_seconds: dict[str, float] = {}
        """How late the oldest owed item of a loop is; beyond half a minute that is trouble."""
        self.late_seconds: dict[str, float] = {}
        """The same of what is read outside, which others can hold up."""
        self.feeds: dict[str, tuple[timedelta | None, bool]] = {}
        """The age of each feed's last good copy, and whether it is stale."""

    def collect(self) -> Iterable[Metric]:
        """The metric families of this instant."""
        rounds = CounterMetricFamily("portcullis_loop_rounds", "Rounds of a loop.", labels=["loop"])
        done = CounterMetricFamily("portcullis_loop_done", "Items that a loop finished.", labels=["loop"])
        failed = CounterMetricFamily(
            "portcullis_loop_failed", "Items that raised and are tried again.", labels=["loop"]
        )
        overdue = GaugeMetricFamily(
            "portcullis_overdue_seconds",
            "How long the oldest item that a loop owes, or has to read, is overdue.",
            labels=["loop"],
        )
        for name, pulse in self._pulses.items():
            rounds.add_metric([name], pulse.rounds)
            done.add_metric([name], pulse.done)
            failed.add_metric([name], pulse.failed)
        owed = {name: 0.0 for name in OWING if name in self._pulses}
        for name, late in (owed | self.overdue_seconds | self.late_seconds).items():
            overdue.add_metric([name], late)
        colour = GaugeMetricFamily(
            "portcullis_environment_colour",
            "1 for the colour an environment has.",
            labels=["environment", "colour"],
        )
        for environment, value in self.colours.items():
            colour.add_metric([environment, value], 1)
        requests = GaugeMetricFamily(
            "portcullis_open_requests", "Requests to which something may still happen."
        )
        requests.add_metric([], self.open_requests)
        return [rounds, done, failed, overdue, colour, requests, *self._of_feeds()]

    def _of_feeds(self) -> Iterable[Metric]:
        age = GaugeMetricFamily(
            "portcullis_feed_age_seconds",
            "The age of the last good copy of a fetched calendar; of one that was never fetched there is none.",
            labels=["feed"],
        )
        stale = GaugeMetricFamily(
            "portcullis_feed_stale", "1 for a fetched calendar that is too old to decide by.", labels=["feed"]
        )
        for feed, (old, is_stale) in self.feeds.items():
            stale.add_metric([feed], int(is_stale))
            if old is not None:
                age.add_metric([feed], old.total_seconds())
        return [age, stale]


class Metrics:
    """A registry of our own: the process-wide one would be shared with whatever else is imported."""

    def __init__(self, pulses: Mapping[str, Pulse]) -> None:
        self.loops = LoopMetrics(pulses)
        self._registry = CollectorRegistry()
        self._registry.register(self.loops)

    def exposition(self) -> bytes:
        """The text that Prometheus scrapes."""
        return generate_latest(self._registry)
