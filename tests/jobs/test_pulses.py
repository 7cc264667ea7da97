"""Every loop is seen to go round, however rarely it has something to do; one that hangs is seen as well."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.domain.environment import Colour, Reading
from bot.domain.health import Health
from bot.jobs import work
from bot.jobs.alive import Alive
from bot.jobs.board_file import BoardFile
from bot.jobs.duties import Duties
from bot.jobs.feeds import Feeds
from bot.jobs.metrics import Metrics
from bot.jobs.roll import Roll
from bot.jobs.self_check import SelfCheck
from bot.jobs.status_files import StatusFiles
from bot.jobs.watch import Watch
from bot.jobs.work import BEAT, Pulse
from bot.policy import Monitor, Policy, parse
from storage.ledger import Ledger
from tests.conftest import FakeClock
from tests.jobs.conftest import running, until

pytestmark = pytest.mark.requirement("D3")
TEXT = """
version: 1
timezone: UTC
environments: {production: {}}
"""
RARELY = TEXT.replace(
    "{}}", "{monitors: [{name: api, http: {url: 'https://a.example/'}, every: 24h, stale_after: 3d}]}}"
)


@dataclass
class Holder:
    """Implements ports.PolicyInForce."""

    policy: Policy


class Prober:
    """Implements ports.Prober: all is well."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock

    async def read(self, environment: str, monitor: Monitor) -> Reading:
        return Reading(colour=Colour.GREEN, code="told", at=self._clock.now())


def holder(text: str = TEXT) -> Holder:
    return Holder(parse(text, "policy.yaml", {}, Path.cwd()))


@pytest.fixture
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "BEAT", 0.01)


def test_the_beat_is_far_within_the_patience_of_the_self_check() -> None:
    assert BEAT * 3 < Pulse().patience <= 30


async def _goes_round(pulse: Pulse, times: int = 5) -> None:
    async def went() -> bool:
        return pulse.rounds >= times

    await until(went)


@pytest.mark.usefixtures("_quickly")
@pytest.mark.parametrize("text", [TEXT, RARELY])
async def test_a_watch_with_nothing_to_read_for_a_day_goes_round(
    sqlite: Ledger, clock: FakeClock, text: str
) -> None:
    watch = Watch(sqlite, holder(text), Prober(clock), lambda _: True)
    async with running(watch.run):
        for pulse in watch.pulses.values():
            await _goes_round(pulse)


async def _write(folder: Path, name: str, content: bytes) -> None: ...


async def _changed(folder: Path, name: str, content: bytes) -> bool:
    return True


@pytest.mark.usefixtures("_quickly")
@pytest.mark.parametrize("loop", ["feeds", "roll", "duties", "status-files", "board-file", "alive"])
async def test_a_loop_that_has_nothing_to_do_goes_round(sqlite: Ledger, clock: FakeClock, loop: str) -> None:
    held = holder()

    async def well() -> Health:
        return Health(checks={}, errors=())

    made: dict[str, Callable[[], Any]] = {
        "feeds": lambda: Feeds(sqlite, held, None, clock),  # type: ignore[arg-type]  # nothing is fetched
        "roll": lambda: Roll(sqlite, held),
        "duties": lambda: Duties(sqlite, held, pagerduty=None, groups=None, clock=clock),
        "status-files": lambda: StatusFiles(sqlite, held, _write, lambda _: ""),
        "board-file": lambda: BoardFile(sqlite, held, _changed, lambda _, __: ""),
        "alive": lambda: Alive(None, None, well),  # type: ignore[arg-type]  # nobody is told that all is well
    }
    one = made[loop]()
    async with running(one.run):
        await _goes_round(one.pulse)


async def test_a_watch_that_hangs_is_seen_with_its_name(
    sqlite: Ledger, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch(sqlite, holder(RARELY), Prober(clock), lambda _: True)
    seconds = 0.0
    check = SelfCheck(
        sqlite,
        clock,
        holder(RARELY),
        pulses=watch.pulses,
        owed={},
        metrics=Metrics(watch.pulses),
        connected=None,
        seconds=lambda: seconds,
    )

    async def hangs(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(watch, "_posts", hangs)
    monkeypatch.setattr(work, "BEAT", 0.01)
    async with running(watch.run):
        await _goes_round(watch.pulses["readings"])
        seconds = 31.0
        await check.look()
        health = await check.health()
    assert health.checks["loops"] is False
    assert "the watch loop has not gone round for 31 s" in health.errors


async def test_a_loop_whose_rounds_take_long_has_the_time_that_it_needs(
    sqlite: Ledger, clock: FakeClock
) -> None:
    pulses = {"slow": Pulse(patience=120), "quick": Pulse()}
    seconds = 0.0
    check = SelfCheck(
        sqlite,
        clock,
        holder(),
        pulses=pulses,
        owed={},
        metrics=Metrics(pulses),
        connected=None,
        seconds=lambda: seconds,
    )
    seconds = 100.0
    await check.look()
    assert (await check.health()).errors == ("the quick loop has not gone round for 100 s",)
    seconds = 121.0
    await check.look()
    assert "the slow loop has not gone round for 121 s" in (await check.health()).errors


@pytest.mark.usefixtures("_quickly")
async def test_rest_ends_when_it_is_rung_or_when_its_time_is_over() -> None:
    pulse, bell = Pulse(), asyncio.Event()
    await work.rest(pulse, 0.03, bell)
    assert pulse.rounds >= 2
    bell.set()
    async with asyncio.timeout(5):
        await work.rest(pulse, None, bell)
    assert replace(pulse, rounds=0) == Pulse()
    assert timedelta(seconds=BEAT) < timedelta(seconds=30)
