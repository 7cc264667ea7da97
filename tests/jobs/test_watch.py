"""Watching: every monitor on its own, whatever the others do; a reload takes effect; nothing ends it silently."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from bot.domain.environment import Colour, EnvironmentState, Reading
from bot.gates import GATES
from bot.jobs import watch
from bot.jobs.watch import Watch, phase
from bot.policy import Monitor, Policy
from bot.policy.incidents import Monitoring
from bot.policy.load import parse
from bot.policy.monitors import HeartbeatMonitor, HttpMonitor, HttpProbe
from bot.ports import Transaction
from storage.ledger import Ledger
from tests.conftest import FakeClock
from tests.jobs.conftest import PATIENCE, running, until

TEXT = """
version: 1
timezone: UTC
environments:
  production:
    kind: production
    monitors:
      - {name: api, http: {url: "https://a.example/health"}, fail_after: 3, pass_after: 1}
      - {name: db, http: {url: "https://b.example/health"}, fail_after: 1, pass_after: 1}
      - {name: silent, heartbeat: {every: 1h}}
"""
QUICKLY = timedelta(milliseconds=2)


def policy(*, without: str = "", timeout: timedelta = timedelta(seconds=5)) -> Policy:
    """Two monitors that can be read, again and again without a pause, and one that cannot."""
    gates = {name: gate.parameters for name, gate in GATES.items()}
    read = parse(TEXT, "policy.yaml", gates, Path.cwd())
    production = read.environments["production"]
    quick = tuple(
        m if isinstance(m, HeartbeatMonitor) else m.model_copy(update={"every": QUICKLY, "timeout": timeout})
        for m in production.monitors
        if m.name != without
    )
    return replace(read, environments={"production": production.model_copy(update={"monitors": quick})})


@dataclass
class Holder:
    """Implements ports.PolicyInForce."""

    policy: Policy


@dataclass
class FakeProber:
    """Implements ports.Prober; a monitor is GREEN unless it has a behaviour."""

    clock: FakeClock
    reads: Counter[str] = field(default_factory=Counter)
    behaviours: dict[str, Callable[[], Awaitable[Colour]]] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def read(self, environment: str, monitor: Monitor) -> Reading:
        self.reads[monitor.name] += 1
        self.changed.set()
        behave = self.behaviours.get(monitor.name)
        colour = Colour.GREEN if behave is None else await behave()
        return Reading(colour=colour, code="told", at=self.clock.now())

    async def has_read(self, name: str, times: int) -> None:
        """Return once it was read so often from now on."""
        wanted = self.reads[name] + times
        async with asyncio.timeout(PATIENCE):
            while self.reads[name] < wanted:
                self.changed.clear()
                await self.changed.wait()


@pytest.fixture
def prober(clock: FakeClock) -> FakeProber:
    return FakeProber(clock)


@pytest.fixture
def holder() -> Holder:
    return Holder(policy())


@pytest.fixture
def watching(sqlite: Ledger, holder: Holder, prober: FakeProber) -> Watch:
    return make(sqlite, holder, prober)


def make(ledger: Any, holder: Holder, prober: FakeProber) -> Watch:
    return Watch(ledger, holder, prober, lambda m: not isinstance(m, HeartbeatMonitor))


async def recorded(ledger: Ledger) -> EnvironmentState | None:
    return await ledger.read(lambda tx: tx.environments.get("production"))


async def red() -> Colour:
    return Colour.RED


async def forever() -> Colour:
    await asyncio.Event().wait()
    return Colour.GREEN


async def broken() -> Colour:
    raise RuntimeError("a bug in a probe")


async def cancelled() -> Colour:
    raise asyncio.CancelledError


@pytest.mark.requirement("K3")
async def test_every_monitor_that_can_be_read_is_read_again_and_again(
    watching: Watch, prober: FakeProber
) -> None:
    async with running(watching.run):
        await prober.has_read("api", 5)
        await prober.has_read("db", 5)

    assert set(prober.reads) == {"api", "db"}


@pytest.mark.requirement("D6")
async def test_readings_become_a_colour_and_an_incident_in_the_ledger(
    sqlite: Ledger, watching: Watch, prober: FakeProber
) -> None:
    prober.behaviours["db"] = red

    async def is_red() -> bool:
        state = await recorded(sqlite)
        return state is not None and state.colour is Colour.RED

    async with running(watching.run):
        await until(is_red)

    (incident,) = await sqlite.read(lambda tx: tx.incidents.open("production"))
    assert incident.causes == ("db",)


async def test_a_probe_that_hangs_delays_no_other(watching: Watch, prober: FakeProber) -> None:
    prober.behaviours["api"] = forever

    async with running(watching.run):
        await prober.has_read("db", 20)

    assert prober.reads["api"] == 1


async def test_a_probe_that_never_ends_is_cut_and_tried_again(
    sqlite: Ledger, prober: FakeProber, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "GRACE", 0.0)
    prober.behaviours["api"] = forever
    watching = make(sqlite, Holder(policy(timeout=QUICKLY)), prober)

    with capture_logs() as logs:
        async with running(watching.run):
            await prober.has_read("api", 3)

    assert any(e["event"] == "watch.failed" and e["monitor"] == "api" for e in logs)


@pytest.mark.parametrize("behaviour", [broken, cancelled])
async def test_a_probe_that_raises_is_said_and_read_again(
    watching: Watch, prober: FakeProber, behaviour: Callable[[], Awaitable[Colour]]
) -> None:
    prober.behaviours["api"] = behaviour

    with capture_logs() as logs:
        async with running(watching.run):
            await prober.has_read("api", 3)
            await prober.has_read("db", 3)

    failed = [e for e in logs if e["event"] == "watch.failed"]
    assert {(e["monitor"], e["log_level"]) for e in failed} == {("api", "error")}


class AwayOnce:
    """A ledger whose database is away for the first writing of each colour."""

    def __init__(self, inner: Ledger) -> None:
        self.inner = inner
        self.failures = 0

    async def read(self, query: Callable[[Transaction], Any]) -> Any:
        return await self.inner.read(query)

    async def write(self, step: Callable[[Transaction], Any]) -> Any:
        if self.failures < 2:
            self.failures += 1
            raise ConnectionError("the database is away")
        return await self.inner.write(step)


async def test_a_colour_that_could_not_be_written_is_written_after_the_next_reading(
    sqlite: Ledger, holder: Holder, prober: FakeProber
) -> None:
    prober.behaviours["db"] = red
    away = AwayOnce(sqlite)

    async def is_red() -> bool:
        state = await recorded(sqlite)
        return state is not None and state.colour is Colour.RED

    async with running(make(away, holder, prober).run):
        await until(is_red)  # the clock stands still: it is no regular writing that did it

    assert away.failures == 2


async def test_a_reload_swaps_the_monitors(watching: Watch, holder: Holder, prober: FakeProber) -> None:
    async with running(watching.run):
        await prober.has_read("db", 2)

        holder.policy = policy(without="db")
        watching.changed.set()
        await prober.has_read("api", 5)
        before = prober.reads["db"]
        await prober.has_read("api", 10)
        assert prober.reads["db"] == before

        holder.policy = policy(without="api")
        watching.changed.set()
        await prober.has_read("db", 5)


async def test_a_reload_does_not_wait_for_a_probe_that_hangs(
    watching: Watch, holder: Holder, prober: FakeProber
) -> None:
    prober.behaviours["api"] = forever
    async with running(watching.run):
        await prober.has_read("db", 2)
        holder.policy = policy(without="api")
        watching.changed.set()
        await prober.has_read("db", 5)

    assert prober.reads["api"] == 1


async def test_silence_is_noticed_even_when_nobody_reads(
    sqlite: Ledger, watching: Watch, prober: FakeProber, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "AGE_EVERY", 0.005)

    async def is_(colour: Colour) -> bool:
        state = await recorded(sqlite)
        return state is not None and state.colour is colour

    async with running(watching.run):
        await until(lambda: is_(Colour.UNKNOWN))  # the heartbeat has never been heard
        prober.behaviours |= {"api": forever, "db": forever}
        await prober.has_read("api", 1)
        clock.advance(timedelta(hours=1))
        await until(lambda: _stale(sqlite))


async def _stale(ledger: Ledger) -> bool:
    state = await recorded(ledger)
    return state is not None and {"api", "db"} <= set(state.causes)


async def test_a_reading_that_a_stopped_process_slept_through_does_not_count(
    sqlite: Ledger, prober: FakeProber, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "GRACE", 0.05)
    watching = make(sqlite, Holder(policy(without="api", timeout=timedelta(milliseconds=50))), prober)
    slept = asyncio.Event()

    async def hangs_once() -> Colour:
        if slept.is_set():
            return Colour.GREEN
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.05):
                asyncio.get_running_loop().call_soon(
                    time.sleep, 0.3
                )  # the machine sleeps in the middle of it
                slept.set()
                await forever()
        return Colour.RED

    prober.behaviours["db"] = hangs_once
    with capture_logs() as logs:
        async with running(watching.run):
            await prober.has_read("db", 3)

    assert [e["event"] for e in logs if e["log_level"] == "error"] == ["watch.failed"]
    assert await sqlite.read(lambda tx: tx.incidents.newest(limit=1)) == []


@dataclass
class Crowd:
    """Implements ports.Prober: counts how many readings are under way at once, of all and of each host."""

    clock: FakeClock
    now: Counter[str] = field(default_factory=Counter)
    most: Counter[str] = field(default_factory=Counter)
    read_: Counter[str] = field(default_factory=Counter)

    async def read(self, environment: str, monitor: Monitor) -> Reading:
        assert isinstance(monitor, HttpMonitor)
        host = monitor.http.url.split("/")[2]
        self.now.update([host, "all"])
        self.most |= self.now
        await asyncio.sleep(0.001)
        self.now.subtract([host, "all"])
        self.read_[monitor.name] += 1
        return Reading(colour=Colour.GREEN, code="told", at=self.clock.now())


async def test_the_limits_of_the_policy_hold(sqlite: Ledger, clock: FakeClock) -> None:
    monitors = tuple(
        HttpMonitor(name=f"m{n}", http=HttpProbe(url=f"https://h{n % 3}.example/{n}"), every=QUICKLY)
        for n in range(30)
    )
    read = policy()
    production = read.environments["production"].model_copy(update={"monitors": monitors})
    limits = Monitoring(per_host=2, at_once=5)
    holder = Holder(replace(read, environments={"production": production}, monitoring=limits))
    crowd = Crowd(clock)
    watching = Watch(sqlite, holder, crowd, lambda _: True)

    async def all_read() -> bool:
        return min(crowd.read_[m.name] for m in monitors) > 3

    async with running(watching.run):
        await until(all_read)
        assert watching.overdue >= 0.0

    assert crowd.most["all"] == 5
    assert max(crowd.most[f"h{n}.example"] for n in range(3)) == 2
    assert min(watching.lags) >= 0.0
    assert watching.pulse.done >= 120


@given(st.text(max_size=20), st.text(max_size=20))
def test_a_phase_is_a_fraction_and_always_the_same(environment: str, name: str) -> None:
    assert 0.0 <= phase(environment, name) < 1.0
    assert phase(environment, name) == phase(environment, name)


def test_phases_are_spread() -> None:
    tenths = Counter(int(phase("production", f"monitor-{n}") * 10) for n in range(1000))

    assert len(tenths) == 10
    assert min(tenths.values()) > 60
